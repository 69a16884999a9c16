//! The life of the process: signals, the two steps of a stop, and every task under watch. A worker that ends while
//! nobody asked it to stops the process: a chat that half works is worse than one that a supervisor restarts.

use std::future::Future;
use std::io::IsTerminal;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Cheap to clone; one per process.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Connections: what is waited for when draining.
    pub tracker: TaskTracker,
    workers: TaskTracker,
    /// Step one: no new work, what is under way is finished.
    pub drain: CancellationToken,
    /// Step two: everything ends now.
    pub end: CancellationToken,
    failed: Arc<Mutex<Option<String>>>,
}

impl Lifecycle {
    /// Runs `work` until `end`, when it is dropped. Its end before is a failure and stops the process, but for one that
    /// ended well because of the drain.
    pub fn worker<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let life = self.clone();
        self.workers.spawn(async move {
            let outcome = tokio::select! {
                outcome = AssertUnwindSafe(work).catch_unwind() => outcome,
                () = life.end.cancelled() => return,
            };
            let why = match outcome {
                Ok(Ok(())) if life.drain.is_cancelled() => return,
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(why)) => why,
                Err(_) => "it panicked".to_owned(),
            };
            life.fail(format!("the worker `{name}` has died: {why}"));
        });
    }

    /// Stops the process with this reason.
    pub fn fail(&self, why: String) {
        tracing::error!(%why, "stopping");
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.drain.cancel();
    }

    /// Why the process had to stop, if it had to.
    pub fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all connections have ended, at most `time`; false when some had not.
    pub async fn connections_ended(&self, time: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(time, self.tracker.wait()).await.is_ok()
    }

    /// Ends the workers and waits for them, at most `time`; false when some had not ended.
    pub async fn workers_ended(&self, time: Duration) -> bool {
        self.end.cancel();
        self.workers.close();
        tokio::time::timeout(time, self.workers.wait()).await.is_ok()
    }
}

/// A write beyond the largest file that the process may have; the same number on all Unixes but MIPS.
const SIGXFSZ: i32 = 25;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end; the name of the signal.
    End(&'static str),
    /// To read the configuration again.
    Reload,
}

/// SIGTERM, SIGINT and SIGHUP; from its making on they do not kill the process any more.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// Standard input was a terminal at the start.
    terminal: bool,
}

impl Signals {
    /// Takes the signals over; within a tokio runtime.
    pub fn take() -> std::io::Result<Self> {
        // The write fails as well, which the store knows how to live with. Once taken over it stays so.
        let _kept_by_tokio = signal(SignalKind::from_raw(SIGXFSZ))?;
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            terminal: std::io::stdin().is_terminal(),
        })
    }

    /// Waits for the next one that is not for a reload, and gives its name.
    pub async fn end(&mut self) -> &'static str {
        loop {
            if let Asked::End(name) = self.next().await {
                return name;
            }
        }
    }

    /// Waits for the next one. A SIGHUP means a reload, unless it came because the terminal in which the server was
    /// started has been closed.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::End("SIGTERM"),
            _ = self.int.recv() => Asked::End("SIGINT"),
            _ = self.hup.recv() => {
                let closed = self.terminal && !std::io::stdin().is_terminal();
                if closed { Asked::End("SIGHUP") } else { Asked::Reload }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_dies_stops_the_process() {
        for (work, said) in [
            (async { Err("disk gone".to_owned()) }.boxed(), "disk gone"),
            (async { Ok(()) }.boxed(), "ended by itself"),
            (async { panic!("on purpose") }.boxed(), "panicked"),
        ] {
            let life = Lifecycle::default();
            life.worker("writer", work);
            life.drain.cancelled().await;
            let why = life.failure().unwrap();
            assert!(why.contains("writer") && why.contains(said), "{why}");
        }
    }

    #[tokio::test]
    async fn a_worker_that_was_told_to_end_is_no_failure() {
        let life = Lifecycle::default();
        let drain = life.drain.clone();
        life.worker("writer", async move {
            drain.cancelled().await;
            Ok(())
        });
        life.worker("for ever", std::future::pending());
        life.drain.cancel();
        assert!(life.workers_ended(Duration::from_secs(5)).await);
        assert_eq!(life.failure(), None);
    }
}
