//! How the cost grows with the readers of a room, and with the rooms.

use std::time::Duration;

use anyhow::Result;

use super::Effort;
use super::fanout::{AFTER, BYTES, WARM};
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};

/// Readers of the one room.
const SOCKETS: [usize; 6] = [50, 100, 200, 400, 800, 1_600];
/// Rooms that 1,000 readers are spread over.
const ROOMS: [usize; 4] = [1, 10, 100, 1_000];
const READERS: usize = 1_000;
/// Deliveries a second that the rooms get, and messages a second at the most.
const DELIVERIES: f64 = 20_000.0;
const MESSAGES: f64 = 2_000.0;
/// A stretch is shorter here, since there are many.
const SPAN: Duration = Duration::from_secs(2);

/// Bursts of 10 into a room that grows.
pub async fn sockets(setup: &Setup, peer: Peer, _effort: Effort) -> Result<Vec<Record>> {
    let crowd = Crowd { rooms: 1, readers: SOCKETS[0], senders: 10, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, crowd).await?;
    let (mut records, mut there) = (Vec::new(), SOCKETS[0]);
    for readers in SOCKETS {
        rig.join(setup, readers - there).await?;
        there = readers;
        rig.bursts(10, WARM / 3)?;
        let outcome = rig.bursts(10, SPAN)?;
        let record = Record::new("growth/sockets", peer.key()).at(readers);
        records.push(record.outcome(&outcome, rig.standing(), readers + 10));
    }
    Ok(records)
}

/// As many deliveries a second over more and more rooms.
pub async fn rooms(setup: &Setup, peer: Peer, _effort: Effort) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for rooms in ROOMS {
        let readers = READERS / rooms;
        let rate = (DELIVERIES / readers as f64).min(MESSAGES);
        let crowd = Crowd { rooms, readers, senders: 40, bytes: BYTES };
        let mut rig = Rig::start(setup, peer, crowd).await?;
        rig.paced(rate, WARM, AFTER)?;
        let outcome = rig.paced(rate, SPAN, AFTER)?;
        let record = Record::new("growth/rooms", peer.key()).at(rooms);
        records.push(record.outcome(&outcome, rig.standing(), READERS + 40));
    }
    Ok(records)
}

/// 1,000 rooms of 10 readers each.
pub async fn many_rooms(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let crowd = Crowd { rooms: 1_000, readers: 10, senders: 40, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, crowd).await?;
    rig.paced(MESSAGES, WARM, AFTER)?;
    let outcome = rig.paced(MESSAGES, effort.span, AFTER)?;
    Ok(vec![Record::new("rooms", peer.key()).outcome(&outcome, rig.standing(), 10_040)])
}
