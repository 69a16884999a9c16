//! The highest rate that a server keeps up with: 400 readers, every delivery within 100 ms but one in a hundred.

use std::time::Duration;

use anyhow::Result;

use super::Effort;
use super::fanout::{BYTES, WARM};
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};

const READERS: usize = 400;
/// What p99 may be, ms.
const BOUND: f64 = 100.0;
/// Messages a second to begin with, and where doubling ends: 2.5 million deliveries a second.
const FIRST: f64 = 50.0;
const LAST: f64 = 6_400.0;
/// Halvings of the gap between the last rate that was kept and the first that was not: to within 5 %.
const STEPS: usize = 4;
/// A stretch is shorter here, since there are many.
const SPAN: Duration = Duration::from_secs(2);

/// The rate, and the delays at each rate on the way.
pub async fn search(setup: &Setup, peer: Peer, _effort: Effort) -> Result<Vec<Record>> {
    let mut probe = Probe { setup, peer, rig: None, curve: Vec::new() };
    let (mut good, mut bad) = (None, None);
    let mut rate = FIRST;
    while rate <= LAST && bad.is_none() {
        match probe.keeps(rate).await? {
            Some(record) => good = Some((rate, record)),
            None => bad = Some(rate),
        }
        rate *= 2.0;
    }
    if let Some(mut bad) = bad {
        for _ in 0..STEPS {
            let low = good.as_ref().map_or(FIRST / 4.0, |(rate, _)| *rate);
            let rate = (low * bad).sqrt();
            match probe.keeps(rate).await? {
                Some(record) => good = Some((rate, record)),
                None => bad = rate,
            }
        }
    }
    let mut records = probe.curve;
    if let Some((_, mut best)) = good {
        best.load = "peak".to_owned();
        best.at = None;
        records.push(best);
    }
    Ok(records)
}

struct Probe<'a> {
    setup: &'a Setup,
    peer: Peer,
    /// A server that has kept up so far.
    rig: Option<Rig>,
    curve: Vec<Record>,
}

impl Probe<'_> {
    /// What came of this many messages a second; `None`: it did not keep up, twice.
    async fn keeps(&mut self, rate: f64) -> Result<Option<Record>> {
        for last in [false, true] {
            let mut rig = match self.rig.take() {
                Some(rig) => rig,
                None => {
                    let crowd = Crowd { rooms: 1, readers: READERS, senders: 40, bytes: BYTES };
                    let mut rig = Rig::start(self.setup, self.peer, crowd).await?;
                    rig.bursts(25, WARM)?;
                    rig
                }
            };
            let outcome = rig.paced(rate, SPAN, Duration::from_secs(1))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
            let offered = (rate * READERS as f64) as usize;
            let record =
                Record::new("peak/curve", self.peer.key()).at(offered).outcome(&outcome, rig.standing(), READERS + 40);
            let kept = outcome.exact && outcome.tally.refused == 0 && outcome.tally.latency.ms(0.99) < BOUND;
            if kept || last {
                self.curve.push(record.clone());
            }
            if kept {
                self.rig = Some(rig);
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
