//! Thousands of connections.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Effort;
use super::fanout::BYTES;
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};

/// Each connection is pinged once within it.
const HEARTBEAT: Duration = Duration::from_secs(26);

/// What memory and CPU connections take that do nothing, all in one room.
pub async fn idle(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let few = Crowd { rooms: 1, readers: 20, senders: 0, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, few).await?;
    rig.rest(Duration::from_millis(500))?;
    let empty = rig.server.resident()?;
    rig.join(setup, effort.many).await?;
    // What joining told everyone has to be over.
    rig.rest(Duration::from_secs(3))?;
    let full = rig.server.resident()?;
    let (before, begun) = (rig.server.cpu()?, Instant::now());
    rig.rest(HEARTBEAT)?;
    let idle = rig.server.cpu()?.saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    let (many, memory) = (effort.many as f64, full.saturating_sub(empty) as f64 / 1_024.0);
    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    let resident = full as f64 / 1_048_576.0;
    Ok(vec![
        Record::new("idle", peer.key())
            .with("memory", memory / many)
            .with("resident", resident)
            .with("idle", idle * 100.0),
    ])
}

/// All connections of a room end at once and come back at once.
pub async fn storm(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let crowd = Crowd { rooms: 1, readers: effort.many, senders: 0, bytes: BYTES };
    let mut rig = Rig::start(setup, peer, crowd).await?;
    rig.rest(Duration::from_secs(1))?;
    let (cpu, begun) = (rig.server.cpu()?, Instant::now());
    rig.again(Duration::from_secs(60))?;
    let (cpu, took) = (rig.server.cpu()?.saturating_sub(cpu), begun.elapsed());
    let connects = &rig.generator.tally.connects;
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    let (many, max) = (effort.many as f64, connects.max() as f64 / 1e6);
    Ok(vec![
        Record::new("storm", peer.key())
            .with("p50", connects.ms(0.5))
            .with("p99", connects.ms(0.99))
            .with("max", max)
            .with("connects", many / took.as_secs_f64())
            .with("connect_cpu", cpu.as_secs_f64() * 1e6 / many),
    ])
}
