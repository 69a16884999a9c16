//! A server with its readers and senders, and the ways in which load comes: message by message and burst by burst, each
//! waiting until the last has arrived everywhere; at a rate, whatever the server does; by senders that wait for their answers.

use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::generator::{Generator, Own};
use super::machine::nanos;
use super::outcome::Outcome;
use super::peer::{Peer, Setup};
use super::people::{auths, make};
use super::socket::{Plan, Stage};
use crate::process::Server;

/// What a burst may take before the run counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What entering may take.
const ENTRY: Duration = Duration::from_secs(120);
/// A server is calm that uses less of its core, for such a stretch; it gets so long to become it.
const CALM: f64 = 0.04;
const STRETCH: Duration = Duration::from_millis(300);
const CALMING: Duration = Duration::from_secs(30);

/// Who connects where.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub rooms: usize,
    /// Readers of each room; none reads two.
    pub readers: usize,
    /// Who sends; they follow no room.
    pub senders: usize,
    /// Bytes of a message's text.
    pub bytes: usize,
}

/// A server under load.
pub struct Rig {
    pub server: Server,
    pub generator: Generator,
    pub peer: Peer,
    crowd: Crowd,
    rooms: Vec<Rc<str>>,
    senders: Range<usize>,
    data: TempDir,
}

impl Rig {
    /// Starts the server and lets everyone in.
    pub async fn start(setup: &Setup, peer: Peer, crowd: Crowd) -> Result<Self> {
        Self::start_in(setup, peer, crowd, tempfile::tempdir()?).await
    }

    /// The same on data that is there.
    pub async fn start_in(setup: &Setup, peer: Peer, crowd: Crowd, data: TempDir) -> Result<Self> {
        let server = peer.start(setup, data.path())?;
        let rooms: Vec<Rc<str>> = (0..crowd.rooms).map(|i| format!("bench-{i}").into()).collect();
        let mut generator = Generator::new(&server.url)?;
        let readers = crowd.rooms * crowd.readers;
        let auths = setup.cores.on_all(auths(peer, &server.url, 0..readers + crowd.senders)).await?;
        if peer == Peer::Ours {
            setup.cores.on_all(make(&server.url, &rooms)).await?;
        }
        let wire = peer.wire();
        let plans = auths.into_iter().enumerate().map(|(i, auth)| {
            let room = (i < readers).then(|| Rc::clone(&rooms[i % crowd.rooms]));
            Rc::new(Plan { space: wire.space, auth, join: wire.join, rooms: room.into_iter().collect() })
        });
        generator.connect(plans.collect(), 64, ENTRY)?;
        let senders = readers..readers + crowd.senders;
        let mut rig = Self { server, generator, peer, crowd, rooms, senders, data };
        rig.calm()?;
        Ok(rig)
    }

    /// So many more readers, as many in each room.
    pub async fn join(&mut self, setup: &Setup, more: usize) -> Result<()> {
        let first = self.generator.sockets.len();
        let auths = setup.cores.on_all(auths(self.peer, &self.server.url, first..first + more)).await?;
        let wire = self.peer.wire();
        let plans = auths.into_iter().enumerate().map(|(i, auth)| {
            let rooms = vec![Rc::clone(&self.rooms[i % self.rooms.len()])];
            Rc::new(Plan { space: wire.space, auth, join: wire.join, rooms })
        });
        self.generator.connect(plans.collect(), 64, ENTRY)?;
        self.crowd.readers += more / self.crowd.rooms;
        self.calm()
    }

    /// Ends all connections at once and makes them anew at once, until all are in their rooms.
    pub fn again(&mut self, patience: Duration) -> Result<()> {
        let sockets = std::mem::take(&mut self.generator.sockets);
        let plans: Vec<_> = sockets.iter().map(|socket| Rc::clone(&socket.plan)).collect();
        self.generator.count_from_here();
        drop(sockets);
        self.generator.connect(plans, usize::MAX, patience)
    }

    /// Ends the server; its data stay.
    pub fn into_data(self) -> TempDir {
        drop(self.server);
        self.data
    }

    /// The folder with the server's data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// What came meanwhile: pings, hints. For so long.
    pub fn rest(&mut self, span: Duration) -> Result<()> {
        let end = self.generator.now() + nanos(span);
        while self.generator.now() < end {
            self.generator.turn(Some(end))?;
        }
        Ok(())
    }

    /// Until what the entering told everybody is over.
    fn calm(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < CALMING {
            let cpu = self.server.cpu()?;
            self.rest(STRETCH)?;
            if self.server.cpu()?.saturating_sub(cpu) < STRETCH.mul_f64(CALM) {
                break;
            }
        }
        Ok(())
    }

    /// One message from the `nth` sender into the `nth` room.
    fn say(&mut self, nth: usize, due: u64) -> Result<()> {
        let sender = self.senders.start + nth % self.senders.len();
        let room = Rc::clone(&self.rooms[nth % self.rooms.len()]);
        self.generator.say(sender, self.peer.wire().say, &room, self.crowd.bytes, due)
    }

    /// Bursts of `burst` messages, at once by as many senders, for `span`; the next when the last is answered and has
    /// arrived everywhere.
    pub fn bursts(&mut self, burst: usize, span: Duration) -> Result<Outcome> {
        let mut run = self.begin()?;
        let mut nth = 0;
        while run.begun.elapsed() < span {
            let due = self.generator.now();
            for _ in 0..burst {
                self.say(nth, due)?;
                nth += 1;
            }
            let (acks, wanted) = (nth as u64, (nth * self.crowd.readers) as u64);
            let end = due + nanos(PATIENCE);
            while self.generator.tally.acked < acks || self.generator.tally.deliveries < wanted {
                self.generator.turn(Some(end))?;
                let tally = &self.generator.tally;
                if self.generator.now() >= end || tally.refused > 0 || tally.gone > 0 {
                    bail!(
                        "{} of {acks} sends were granted ({} refused), {} of {wanted} deliveries came, {} connections ended",
                        tally.acked,
                        tally.refused,
                        tally.deliveries,
                        tally.gone
                    );
                }
            }
        }
        run.sent = nth as u64;
        run.wall = run.begun.elapsed();
        self.end(&run)
    }

    /// `rate` messages a second for `span`, each due at its time whether the server keeps up or not; then waits for what is
    /// missing, at most `after`.
    pub fn paced(&mut self, rate: f64, span: Duration, after: Duration) -> Result<Outcome> {
        let mut run = self.begin()?;
        let first = self.generator.now();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, a time")]
        let (count, step) = ((rate * span.as_secs_f64()) as usize, 1e9 / rate);
        let mut nth = 0;
        while nth < count {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a time"
            )]
            let due = first + (nth as f64 * step) as u64;
            if due <= self.generator.now() {
                self.say(nth, due)?;
                nth += 1;
                // What the answers cost is paid between sends even when these are late.
                if nth % 16 == 0 {
                    self.generator.turn(None)?;
                }
            } else {
                self.generator.turn(Some(due))?;
            }
        }
        run.wall = run.begun.elapsed();
        run.sent = count as u64;
        let end = self.generator.now() + nanos(after);
        let wanted = (count * self.crowd.readers) as u64;
        while self.generator.now() < end {
            let tally = &self.generator.tally;
            if tally.deliveries >= wanted && tally.acked + tally.refused >= run.sent {
                break;
            }
            self.generator.turn(Some(end))?;
        }
        self.end(&run)
    }

    /// Every sender sends, waits for its answer, sends again, for `span`.
    pub fn waiting(&mut self, span: Duration) -> Result<Outcome> {
        let mut run = self.begin()?;
        self.generator.answered.clear();
        for nth in 0..self.senders.len() {
            let due = self.generator.now();
            self.say(nth, due)?;
        }
        let mut sent = self.senders.len() as u64;
        let end = self.generator.now() + nanos(span);
        while self.generator.now() < end {
            self.generator.turn(Some(end))?;
            for place in std::mem::take(&mut self.generator.answered) {
                let due = self.generator.now();
                self.say(place - self.senders.start, due)?;
                sent += 1;
            }
        }
        run.wall = run.begun.elapsed();
        run.sent = sent;
        let acked = self.generator.tally.acked;
        let end = self.generator.now() + nanos(PATIENCE);
        while self.generator.tally.acked + self.generator.tally.refused < sent && self.generator.now() < end {
            self.generator.turn(Some(end))?;
        }
        let mut outcome = self.end(&run)?;
        // Those that came after the end are no part of the rate.
        outcome.tally.acked = acked;
        Ok(outcome)
    }

    fn begin(&mut self) -> Result<Run> {
        self.generator.count_from_here();
        Ok(Run {
            begun: Instant::now(),
            cpu: self.server.cpu()?,
            own: Own::begin(),
            first: self.generator.number,
            sent: 0,
            wall: Duration::ZERO,
        })
    }

    fn end(&mut self, run: &Run) -> Result<Outcome> {
        let cpu = self.server.cpu()?.saturating_sub(run.cpu);
        let (own, whole) = (run.own.share(), run.begun.elapsed());
        let readers = self.crowd.readers as u64;
        let tally = self.generator.tally.clone();
        let numbers = (run.first..run.first + run.sent).fold(0u64, |sum, n| sum.wrapping_add(n.wrapping_mul(readers)));
        let exact = tally.numbers == numbers && tally.deliveries == run.sent * readers;
        Ok(Outcome { sent: run.sent, wanted: run.sent * readers, wall: run.wall, whole, cpu, own, tally, exact })
    }

    /// Connections that still stand.
    pub fn standing(&self) -> usize {
        self.generator.sockets.iter().filter(|s| s.stage == Stage::Ready).count()
    }
}

struct Run {
    begun: Instant,
    cpu: Duration,
    own: Own,
    first: u64,
    sent: u64,
    wall: Duration,
}
