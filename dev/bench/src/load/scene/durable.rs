//! Sends that are on stable storage when they are acknowledged: each sender waits for its answer before it sends again.

use std::time::Duration;

use anyhow::Result;

use super::Effort;
use crate::load::machine;
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};

/// Bytes of a text here: a line of a chat.
const BYTES: usize = 100;
const WARM: Duration = Duration::from_secs(1);

/// With 1, 64 and 1,000 senders into one room that nobody reads; beside it what a sync of the same disk takes.
pub async fn sends(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for senders in [1, 64, 1_000] {
        let mut rig = Rig::start(setup, peer, Crowd { rooms: 1, readers: 0, senders, bytes: BYTES }).await?;
        rig.waiting(WARM)?;
        let outcome = rig.waiting(effort.span)?;
        let syncs = machine::syncs(rig.data())?;
        records.push(
            Record::new("durable", peer.key())
                .at(senders)
                .outcome(&outcome, rig.standing(), senders)
                .with("sync_p50", syncs.ms(0.5))
                .with("sync_p99", syncs.ms(0.99)),
        );
    }
    Ok(records)
}
