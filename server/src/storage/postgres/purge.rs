//! Emptying deleted rooms, slice by slice: the room is gone at once, its rows follow. One node at a time does it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::index;
use super::migrations::LOCKS;
use super::pool::Pool;
use crate::storage::{RoomId, StoreResult};

/// Who empties rooms.
const LOCK: i64 = LOCKS + 4;
/// Messages of one slice.
const SLICE: i64 = 256;
/// Without a word from this node it looks so often for what a node that died left behind.
const LOOK: Duration = Duration::from_secs(30);
/// Between two slices, so that sending comes first.
const BREATH: Duration = Duration::from_millis(5);

/// This node's part in it.
pub(super) struct Sweeper {
    news: Arc<Notify>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Sweeper {
    /// Empties deleted rooms until it is closed or dropped.
    pub fn start(pool: Arc<Pool>) -> Self {
        let (news, stop, tasks) = (Arc::new(Notify::new()), CancellationToken::new(), TaskTracker::new());
        tasks.spawn(follow(pool, Arc::clone(&news), stop.clone()));
        tasks.close();
        Self { news, stop, tasks }
    }

    /// A room was deleted.
    pub fn ring(&self) {
        self.news.notify_one();
    }

    /// Ends it after the slice that it is at.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn follow(pool: Arc<Pool>, news: Arc<Notify>, stop: CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        let outcome = all(&pool, &stop).await;
        if let Err(error) = &outcome
            && !failing
        {
            tracing::warn!(%error, "deleted rooms could not be emptied; it is tried again and again");
        }
        failing = outcome.is_err();
        tokio::select! {
            () = stop.cancelled() => {}
            () = news.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn all(pool: &Pool, stop: &CancellationToken) -> StoreResult<()> {
    let mut lent = pool.take().await?;
    while !stop.is_cancelled() && slice(&mut lent.conn).await? {
        tokio::time::sleep(BREATH).await;
    }
    pool.give_back(lent);
    Ok(())
}

/// Takes the next rows of a deleted room; true: there are more. False, too, while another node is at it.
async fn slice(conn: &mut PgConnection) -> StoreResult<bool> {
    let mut tx = conn.begin().await?;
    let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *tx).await?;
    let room: Option<i64> = match alone {
        true => {
            sqlx::query_scalar("SELECT id FROM rooms WHERE name IS NULL ORDER BY id LIMIT 1")
                .fetch_optional(&mut *tx)
                .await?
        }
        false => None,
    };
    let Some(room) = room else {
        tx.rollback().await?;
        return Ok(false);
    };
    if !messages(&mut tx, RoomId(room)).await? {
        for sql in [
            "DELETE FROM entries WHERE room = $1",
            "DELETE FROM mentions WHERE room = $1",
            "DELETE FROM reactions WHERE room = $1",
            "DELETE FROM sanctions WHERE room = $1",
            "DELETE FROM hooks WHERE room = $1",
            "DELETE FROM rooms WHERE id = $1",
        ] {
            sqlx::query(sql).bind(room).execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

/// Takes up to [`SLICE`] messages of a room with their traces in the index; false: there was none.
pub(super) async fn messages(conn: &mut PgConnection, room: RoomId) -> StoreResult<bool> {
    let gone: Vec<(i64, i64)> = sqlx::query_as(
        "DELETE FROM messages WHERE id = ANY (ARRAY (SELECT id FROM messages WHERE room = $1 ORDER BY seq LIMIT $2))
         RETURNING id, seq",
    )
    .bind(room.0)
    .bind(SLICE)
    .fetch_all(&mut *conn)
    .await?;
    let (ids, seqs): (Vec<i64>, Vec<i64>) = gone.into_iter().unzip();
    if ids.is_empty() {
        return Ok(false);
    }
    index::changed(conn, &ids).await?;
    sqlx::query("DELETE FROM reactions WHERE room = $1 AND seq = ANY ($2)")
        .bind(room.0)
        .bind(seqs)
        .execute(conn)
        .await?;
    Ok(true)
}
