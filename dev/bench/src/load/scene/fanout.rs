//! One room, many readers.

use std::time::Duration;

use anyhow::Result;

use super::Effort;
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};

/// Bytes of a text: three lines of a chat.
pub const BYTES: usize = 300;
/// What is sent before anything is measured: memory is taken, and an embedded database's log has its size.
pub const WARM: Duration = Duration::from_millis(1_500);
/// How long what is missing is waited for.
pub const AFTER: Duration = Duration::from_secs(3);

/// 400 readers: one by one, bursts of 10, bursts of 25.
pub async fn steps(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let crowd = Crowd { rooms: 1, readers: 400, senders: 25, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, crowd).await?;
    rig.bursts(25, WARM)?;
    let mut records = Vec::new();
    for (burst, load) in [(1, "fanout/one"), (10, "fanout/burst10"), (25, "fanout/burst25")] {
        let outcome = rig.bursts(burst, effort.span)?;
        records.push(Record::new(load, peer.key()).outcome(&outcome, rig.standing(), 425));
    }
    Ok(records)
}

/// `readers` in a room, `rate` messages a second from 40 senders.
pub async fn paced(
    setup: &Setup,
    peer: Peer,
    effort: Effort,
    load: &str,
    readers: usize,
    rate: f64,
) -> Result<Vec<Record>> {
    let crowd = Crowd { rooms: 1, readers, senders: 40, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, crowd).await?;
    rig.bursts(25, WARM)?;
    let outcome = rig.paced(rate, effort.span, AFTER)?;
    Ok(vec![Record::new(load, peer.key()).outcome(&outcome, rig.standing(), readers + 40)])
}
