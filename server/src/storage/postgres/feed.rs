//! The feed's place in each public room.

use async_trait::async_trait;
use chat_common::Seq;
use futures_util::FutureExt;

use super::PostgresStore;
use crate::storage::{Feed, FeedRoom, RoomId, StoreResult};

fn seq(number: i64) -> Seq {
    Seq(u64::try_from(number).unwrap_or(0))
}

fn seq_in(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

#[async_trait]
impl Feed for PostgresStore {
    async fn feed_pending(&self, after: RoomId, limit: u32) -> StoreResult<Vec<FeedRoom>> {
        self.read(move |conn| {
            async move {
                let found: Vec<(i64, i64, i64)> = sqlx::query_as(
                    "SELECT r.id, coalesce(f.seq, 0), r.head FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
                     WHERE r.id > $1 AND r.name IS NOT NULL AND r.kind = 0 AND r.head > coalesce(f.seq, 0)
                     ORDER BY r.id LIMIT $2",
                )
                .bind(after.0)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await?;
                let room = |(id, fed, head)| FeedRoom { room: RoomId(id), fed: seq(fed), head: seq(head) };
                Ok(found.into_iter().map(room).collect())
            }
            .boxed()
        })
        .await
    }

    async fn feed_holds(&self, room: RoomId, fed: Seq) -> StoreResult<bool> {
        self.read(move |conn| {
            async move {
                let found: Option<bool> = sqlx::query_scalar(
                    "SELECT coalesce(f.seq, 0) = $2 FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
                     WHERE r.id = $1 AND r.name IS NOT NULL AND r.kind = 0",
                )
                .bind(room.0)
                .bind(seq_in(fed))
                .fetch_optional(conn)
                .await?;
                Ok(found.unwrap_or(false))
            }
            .boxed()
        })
        .await
    }

    async fn feed_advance(&self, room: RoomId, fed: Seq, to: Seq) -> StoreResult<bool> {
        self.write(move |conn| {
            async move {
                // With its first entries there may be no row yet.
                let statement = if fed == Seq(0) {
                    "INSERT INTO feed_rooms (room, seq) SELECT id, $3 FROM rooms WHERE id = $1 AND name IS NOT NULL
                     ON CONFLICT (room) DO UPDATE SET seq = excluded.seq WHERE feed_rooms.seq = $2"
                } else {
                    "UPDATE feed_rooms SET seq = $3 WHERE room = $1 AND seq = $2"
                };
                let done = sqlx::query(statement).bind(room.0).bind(seq_in(fed)).bind(seq_in(to)).execute(conn).await?;
                Ok(done.rows_affected() == 1)
            }
            .boxed()
        })
        .await
    }

    async fn feed_lag(&self) -> StoreResult<u64> {
        self.read(|conn| {
            async move {
                let sum: i64 = sqlx::query_scalar(
                    "SELECT coalesce(sum(r.head - coalesce(f.seq, 0)), 0)::bigint
                     FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
                     WHERE r.name IS NOT NULL AND r.kind = 0 AND r.head > coalesce(f.seq, 0)",
                )
                .fetch_one(conn)
                .await?;
                Ok(u64::try_from(sum).unwrap_or(0))
            }
            .boxed()
        })
        .await
    }
}
