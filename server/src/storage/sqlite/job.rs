//! What the writer is given to do: a closure over its open transaction, and the place of the answer.

use chat_common::UserId;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::cache::Cache;
use crate::storage::{StoreError, StoreResult};

/// What a job works with: the open transaction and what is known of it by heart.
pub(super) struct Work<'a> {
    pub conn: &'a Connection,
    pub cache: &'a mut Cache,
}

/// A unit of work of the writer.
pub(super) trait Job: Send {
    /// Whose message it appends, if it does that.
    fn sender(&self) -> Option<UserId>;
    /// Whether a savepoint must stand around it.
    fn guarded(&self) -> bool;
    /// Does the work; what it gave is kept until [`Job::finish`]. The error that it gave, if any.
    fn run(&mut self, work: &mut Work<'_>) -> Result<(), StoreError>;
    /// Answers: what the work gave, or why the batch failed.
    fn finish(self: Box<Self>, failed: Option<&StoreError>);
}

/// How a job is run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// In a savepoint.
    Guarded,
    /// Without one: it looks before it writes. A message of this user.
    Append(UserId),
}

/// A job made of a closure and the place of its answer.
pub(super) struct Task<T, F> {
    kind: Kind,
    work: Option<F>,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
    _permit: OwnedSemaphorePermit,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Work<'_>) -> StoreResult<T> + Send + 'static,
{
    pub fn boxed(
        kind: Kind,
        work: F,
        reply: oneshot::Sender<StoreResult<T>>,
        permit: OwnedSemaphorePermit,
    ) -> Box<dyn Job> {
        Box::new(Self { kind, work: Some(work), result: None, reply, _permit: permit })
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Work<'_>) -> StoreResult<T> + Send + 'static,
{
    fn sender(&self) -> Option<UserId> {
        match self.kind {
            Kind::Append(sender) => Some(sender),
            Kind::Guarded => None,
        }
    }

    fn guarded(&self) -> bool {
        matches!(self.kind, Kind::Guarded)
    }

    fn run(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let Some(f) = self.work.take() else { return Ok(()) };
        let result = f(work);
        let error = result.as_ref().err().cloned();
        self.result = Some(result);
        error.map_or(Ok(()), Err)
    }

    fn finish(self: Box<Self>, failed: Option<&StoreError>) {
        let result = match (failed, self.result) {
            // A fault of this job's own is told as it is; it wrote nothing either way.
            (Some(_), Some(Err(error @ StoreError::Internal(_)))) => Err(error),
            (Some(why), _) => Err(StoreError::Unavailable(why.to_string())),
            (None, Some(result)) => result,
            (None, None) => Err(StoreError::Internal("a job was answered before it ran".into())),
        };
        // Nobody waits any more: the work stands all the same.
        let _gone = self.reply.send(result);
    }
}

/// What the writer is told.
pub(super) enum Message {
    /// To do and to answer.
    Job(Box<dyn Job>),
    /// To answer when the search index has seen everything.
    CaughtUp(oneshot::Sender<()>),
    /// To end, after all that waits; answered when the file is closed.
    Stop(oneshot::Sender<()>),
}
