//! The one thread that writes. It takes every job that waits into one transaction, commits once, and only then
//! answers (group commit); between batches it does the index's and the purge's slices.
//!
//! A job that fails is rolled back alone, by its savepoint. Appends go without one, since they look before they
//! write; should one break after all, or the commit fail, the whole batch is undone and every job of it is
//! `Unavailable`. The thread lives on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::company::Company;
use super::job::{Job, Message, Work};
use super::queue::Outlet;
use super::{Durability, index, purge};
use crate::storage::{Commits, StoreError, StoreResult};

/// Jobs of one transaction.
const BATCH: usize = 512;
/// How long a batch is filled at most before it is committed.
const FILL: Duration = Duration::from_millis(20);
/// How long a batch waits in all for more jobs, where the batch before had several.
const LINGER: Duration = Duration::from_millis(2);
/// How long it waits for the next one.
const GAP: Duration = Duration::from_micros(120);
/// Background work gathers so long, unless somebody waits for it or more of it is known: the index takes sixteen
/// messages in one transaction for little more than one. While jobs come it is put off, but not longer than this.
const GATHER: Duration = Duration::from_millis(100);
/// A pause after background work failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The queue counts as idle when nothing came for so long.
const IDLE: Duration = Duration::from_micros(500);

/// What others may know of the writer.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// Ends when the thread has ended without being asked to.
    pub died: CancellationToken,
    /// The last batch failed.
    pub failing: AtomicBool,
    /// Batches committed, and the jobs answered in them.
    pub commits: Commits,
}

/// The thread's state.
pub(super) struct Writer {
    conn: Connection,
    queue: Outlet,
    cache: Cache,
    vitals: Arc<Vitals>,
    durability: Durability,
    company: Company,
    /// Jobs of the last batch.
    last: usize,
    waiting: Vec<oneshot::Sender<()>>,
    /// Whether the index or the purge may have something to do, and since when.
    backlog: Option<Instant>,
    /// The last slice left something undone.
    behind: bool,
    paused_until: Option<Instant>,
    stop: Option<oneshot::Sender<()>>,
}

/// Says that the thread is gone, also when it panics.
struct Alarm(Arc<Vitals>, bool);

impl Drop for Alarm {
    fn drop(&mut self) {
        if !self.1 {
            self.0.died.cancel();
        }
    }
}

impl Writer {
    pub fn new(conn: Connection, queue: Outlet, vitals: Arc<Vitals>, durability: Durability) -> Self {
        Self {
            conn,
            queue,
            cache: Cache::default(),
            vitals,
            durability,
            company: Company::new(Instant::now()),
            last: 0,
            waiting: Vec::new(),
            backlog: Some(Instant::now()),
            behind: true,
            paused_until: None,
            stop: None,
        }
    }

    /// Works until it is told to stop or nobody is left to tell it anything.
    pub fn run(mut self) {
        let mut alarm = Alarm(Arc::clone(&self.vitals), false);
        while self.stop.is_none() {
            let message = match self.backlog {
                None => self.queue.next(),
                Some(since) => self.queue.next_within(self.patience(since)),
            };
            match message {
                Ok(message) => self.batch(message),
                Err(RecvTimeoutError::Timeout) => self.background(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.backlog.is_some_and(|since| since.elapsed() > GATHER) {
                self.background();
            }
        }
        alarm.1 = true;
        if let Err(error) = self.conn.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);") {
            tracing::warn!(%error, "the last checkpoint failed; it is made up for at the next start");
        }
        let Self { conn, stop, .. } = self;
        drop(conn);
        if let Some(stop) = stop {
            let _gone = stop.send(());
        }
    }

    /// How long jobs are waited for before background work is done.
    fn patience(&self, since: Instant) -> Duration {
        if let Some(left) = self.paused_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            left.max(IDLE)
        } else if !self.waiting.is_empty() {
            Duration::ZERO
        } else if self.behind {
            IDLE
        } else {
            GATHER.saturating_sub(since.elapsed()).max(IDLE)
        }
    }

    /// One transaction: the first job and all that wait behind it.
    fn batch(&mut self, first: Message) {
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let mut next = Some(first);
        let started = Instant::now();
        self.company.begin(started);
        let mut failed: Option<StoreError> = None;
        while let Some(message) = next.take() {
            match message {
                Message::Job(job) => {
                    if let Err(error) = self.one(job, &mut done) {
                        failed = Some(error);
                        break;
                    }
                }
                Message::CaughtUp(reply) => {
                    self.waiting.push(reply);
                    self.backlog.get_or_insert_with(Instant::now);
                }
                Message::Stop(reply) => self.stop = Some(reply),
            }
            next = self.take_more(done.len(), started);
        }
        if failed.is_none() && !done.is_empty() {
            failed = self.commit().err();
        }
        self.answer(done, failed.as_ref());
    }

    /// Runs one job; an error undoes the whole batch.
    fn one(&mut self, mut job: Box<dyn Job>, done: &mut Vec<Box<dyn Job>>) -> Result<(), StoreError> {
        if done.is_empty()
            && let Err(error) = self.conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]))
        {
            done.push(job);
            return Err(error.into());
        }
        if let Some(sender) = job.sender() {
            self.company.took(sender, Instant::now());
        }
        let guarded = job.guarded();
        let outcome = if guarded { self.guard(job.as_mut()) } else { self.run_bare(job.as_mut()) };
        done.push(job);
        outcome?;
        // SQLite ends the transaction by itself on some failures of the disk.
        if self.conn.is_autocommit() {
            return Err(StoreError::Unavailable("the transaction was given up".into()));
        }
        Ok(())
    }

    fn run_bare(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        match job.run(&mut Work { conn: &self.conn, cache: &mut self.cache }) {
            Ok(()) | Err(StoreError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn guard(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        // It may change what is known by heart.
        self.cache.write_back(&self.conn)?;
        self.cache.clear();
        self.conn.prepare_cached("SAVEPOINT job")?.execute([])?;
        let failed = job.run(&mut Work { conn: &self.conn, cache: &mut self.cache }).is_err();
        if failed && !self.conn.is_autocommit() {
            self.conn.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        if !self.conn.is_autocommit() {
            self.conn.prepare_cached("RELEASE job")?.execute([])?;
        }
        Ok(())
    }

    fn commit(&mut self) -> StoreResult<()> {
        self.cache.write_back(&self.conn)?;
        let begun = Instant::now();
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        self.vitals.commits.took.time(begun.elapsed());
        Ok(())
    }

    fn answer(&mut self, done: Vec<Box<dyn Job>>, failed: Option<&StoreError>) {
        if done.is_empty() {
            return;
        }
        match failed {
            Some(error) => {
                tracing::error!(%error, jobs = done.len(), "a batch of writes was undone");
                if !self.conn.is_autocommit()
                    && let Err(error) = self.conn.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "the rollback failed");
                }
                self.cache.clear();
                self.vitals.failing.store(true, Ordering::SeqCst);
            }
            None => {
                self.vitals.failing.store(false, Ordering::SeqCst);
                self.vitals.commits.writes.size(done.len() as u64);
                self.backlog.get_or_insert_with(Instant::now);
            }
        }
        self.last = done.len();
        for job in done {
            job.finish(failed);
        }
    }

    /// The next message of the same batch. It waits only where others sent lately, or where the last batch shows that
    /// more are on their way.
    fn take_more(&self, taken: usize, started: Instant) -> Option<Message> {
        let now = Instant::now();
        let took = now.saturating_duration_since(started);
        if self.stop.is_some() || taken >= BATCH || took > FILL {
            return None;
        }
        match self.queue.waiting() {
            Ok(message) => Some(message),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => match self.company.patience(now).filter(|_| taken > 0) {
                Some(left) => self.queue.gather(self.company.missing(), left),
                None if taken < self.last && took < LINGER => self.queue.next_within(GAP).ok(),
                None => None,
            },
        }
    }

    /// One slice of the work that nobody waits for.
    fn background(&mut self) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.paused_until = None;
        match self.slice() {
            Ok(true) => {
                self.backlog = Some(Instant::now());
                self.behind = true;
            }
            Ok(false) => {
                self.backlog = None;
                self.behind = false;
                for reply in self.waiting.drain(..) {
                    let _gone = reply.send(());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the search index or a purge could not go on; it is tried again");
                if !self.conn.is_autocommit() {
                    let _ended = self.conn.execute_batch("ROLLBACK");
                }
                // A slice that could not begin leaves its own way of syncing behind.
                if let Err(error) = self.conn.execute_batch(self.durability.pragma()) {
                    tracing::error!(%error, "commits may not be synced until background work goes on");
                }
                self.cache.clear();
                self.paused_until = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// True: there may be more. Its commit is not synced by itself: if it is lost, its cursor is lost with it.
    fn slice(&mut self) -> StoreResult<bool> {
        self.conn.execute_batch("PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE;")?;
        let more = index::slice(&self.conn)
            .and_then(|more| Ok(more | purge::slice(&self.conn)?))
            .and_then(|more| Ok(more | index::forget(&self.conn)?));
        let ended = match more {
            Ok(_) => self.conn.execute_batch("COMMIT"),
            Err(_) => self.conn.execute_batch("ROLLBACK"),
        };
        self.conn.execute_batch(self.durability.pragma())?;
        ended?;
        more
    }
}
