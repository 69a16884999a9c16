//! The connection that sends: all that waits in one write, then what came meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::link::{Publisher, Why};
use super::{Backoff, PING, Shared, Side};

const WHAT: &str = "publishing";

/// Runs until the wire is closed and nothing waits, or until its end.
pub(super) async fn run(shared: Arc<Shared>) {
    tokio::select! {
        () = connected(&shared) => {}
        () = shared.end.cancelled() => {}
    }
}

async fn connected(shared: &Shared) {
    let mut backoff = Backoff::new();
    loop {
        let why = match Publisher::connect(&shared.place).await {
            Ok(publisher) => {
                backoff = Backoff::new();
                shared.note(&shared.publisher, WHAT, Side::Up);
                match serve(shared, publisher).await {
                    Ok(()) => return,
                    Err(why) => why,
                }
            }
            Err(why) => why,
        };
        shared.note(&shared.publisher, WHAT, Side::Down(why));
        tokio::select! {
            () = tokio::time::sleep(backoff.next()) => {}
            // Nobody waits for a server that is away.
            () = shared.closing.cancelled() => return,
        }
    }
}

async fn serve(shared: &Shared, mut publisher: Publisher) -> Result<(), Why> {
    loop {
        let batch = shared.queue.take();
        if !batch.is_empty() {
            if let Err(why) = publisher.send(&batch).await {
                // Some of them may have arrived; which, nobody knows.
                shared.queue.count_dropped(batch.len());
                return Err(why);
            }
            shared.published.fetch_add(batch.len() as u64, Ordering::Relaxed);
            continue;
        }
        if shared.closing.is_cancelled() {
            return Ok(());
        }
        tokio::select! {
            () = shared.queue.pushed() => {}
            () = tokio::time::sleep(PING) => publisher.ping().await?,
            () = shared.closing.cancelled() => {}
        }
    }
}
