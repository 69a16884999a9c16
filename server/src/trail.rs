//! Which request a task works for. Whoever takes a request in says so once, and every line that is logged for it
//! carries its id (`telemetry`); where nothing is logged it costs next to nothing, since no span is made.

use std::sync::Arc;

use tokio::task_local;

task_local! {
    static TRAIL: Trail;
}

/// A request, as log lines name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trail {
    /// Over HTTP: the id that stands in `X-Request-Id`.
    Http(Arc<str>),
    /// Over Socket.IO: the connection's number, and the `req_id` that its client gave.
    Socket {
        /// Of this node, since its start.
        conn: u64,
        /// As the client chose it.
        req_id: Option<Arc<str>>,
    },
}

impl Trail {
    /// Its fields, name and value; the value is as the client chose it.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let (first, second) = match self {
            Self::Http(id) => (("request_id", id.to_string()), None),
            Self::Socket { conn, req_id } => {
                (("conn", conn.to_string()), req_id.as_deref().map(|id| ("req_id", id.to_owned())))
            }
        };
        std::iter::once(first).chain(second)
    }
}

/// Does `work` for the request.
pub fn follow<F: Future>(trail: Trail, work: F) -> impl Future<Output = F::Output> {
    TRAIL.scope(trail, work)
}

/// `work` for the request that this task works for, if for any, wherever it is run: what is spawned knows nothing of
/// who spawned it.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let trail = current();
    async move {
        match trail {
            Some(trail) => TRAIL.scope(trail, work).await,
            None => work.await,
        }
    }
}

/// The request that this task works for.
pub fn current() -> Option<Trail> {
    TRAIL.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_known_to_what_it_spawned() {
        assert_eq!(current(), None);
        let trail = Trail::Socket { conn: 7, req_id: Some("a".into()) };
        let spawned = follow(trail.clone(), async { tokio::spawn(carry(async { current() })).await.unwrap() }).await;
        assert_eq!(spawned, Some(trail.clone()));
        let lost = follow(trail, async { tokio::spawn(async { current() }).await.unwrap() }).await;
        assert_eq!(lost, None);
        assert_eq!(carry(async { current() }).await, None);
    }
}
