//! The life of the process: signals, the two steps of a stop, and every task under watch. A worker that ends while
//! nobody asked it to stops the process: a chat that half works is worse than one that a supervisor restarts.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// From the signal to the end, at the latest.
pub const STOP_TIME: Duration = Duration::from_secs(30);

/// Cheap to clone; one per process.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Requests, connections: what is waited for when draining.
    pub tracker: TaskTracker,
    /// Step one: no new work, what is under way is finished.
    pub drain: CancellationToken,
    /// Step two: everything ends now.
    pub end: CancellationToken,
    failed: Arc<Mutex<Option<String>>>,
}

impl Lifecycle {
    /// Runs `work` for as long as the process lives. Its end before `end` is a failure and stops the process.
    pub fn worker<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let life = self.clone();
        self.tracker.spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            if life.end.is_cancelled() {
                return;
            }
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

    /// Waits until all tracked tasks have ended, at most `time`; false when some had not.
    pub async fn wait(&self, time: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(time, self.tracker.wait()).await.is_ok()
    }
}

/// Waits for SIGTERM or SIGINT and gives its name.
pub async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("cannot listen for signals; stop the process with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
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
        life.drain.cancel();
        assert!(life.wait(Duration::from_secs(5)).await);
        assert_eq!(life.failure(), None);
    }
}
