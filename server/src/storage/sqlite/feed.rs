//! The feed's place in each public room.

use async_trait::async_trait;
use chat_common::Seq;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, rows};
use crate::storage::{Feed, FeedRoom, RoomId, StoreResult};

fn pending(conn: &Connection, after: RoomId, limit: u32) -> StoreResult<Vec<FeedRoom>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.id, coalesce(f.seq, 0), r.head FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
         WHERE r.id > ?1 AND r.name IS NOT NULL AND r.kind = 0 AND r.head > coalesce(f.seq, 0) ORDER BY r.id LIMIT ?2",
    )?;
    let found = statement.query_map(params![after.0, limit], |row| {
        Ok(FeedRoom { room: RoomId(row.get(0)?), fed: rows::seq(row.get(1)?), head: rows::seq(row.get(2)?) })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn holds(conn: &Connection, room: RoomId, fed: Seq) -> StoreResult<bool> {
    let found = conn
        .prepare_cached(
            "SELECT coalesce(f.seq, 0) = ?2 FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
             WHERE r.id = ?1 AND r.name IS NOT NULL AND r.kind = 0",
        )?
        .query_row(params![room.0, rows::seq_in(fed)], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

fn advance(conn: &Connection, room: RoomId, fed: Seq, to: Seq) -> StoreResult<bool> {
    let key = params![room.0, rows::seq_in(fed), rows::seq_in(to)];
    let changed = if fed == Seq(0) {
        // Its first entries: there may be no row yet.
        conn.prepare_cached(
            "INSERT INTO feed_rooms (room, seq) SELECT id, ?3 FROM rooms WHERE id = ?1 AND name IS NOT NULL
             ON CONFLICT (room) DO UPDATE SET seq = excluded.seq WHERE seq = ?2",
        )?
        .execute(key)?
    } else {
        conn.prepare_cached("UPDATE feed_rooms SET seq = ?3 WHERE room = ?1 AND seq = ?2")?.execute(key)?
    };
    Ok(changed == 1)
}

fn lag(conn: &Connection) -> StoreResult<u64> {
    let sum: i64 = conn
        .prepare_cached(
            "SELECT coalesce(sum(r.head - coalesce(f.seq, 0)), 0) FROM rooms r LEFT JOIN feed_rooms f ON f.room = r.id
             WHERE r.name IS NOT NULL AND r.kind = 0 AND r.head > coalesce(f.seq, 0)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(sum).unwrap_or(0))
}

#[async_trait]
impl Feed for SqliteStore {
    async fn feed_pending(&self, after: RoomId, limit: u32) -> StoreResult<Vec<FeedRoom>> {
        self.read(move |c| pending(c, after, limit)).await
    }

    async fn feed_holds(&self, room: RoomId, fed: Seq) -> StoreResult<bool> {
        self.read(move |c| holds(c, room, fed)).await
    }

    async fn feed_advance(&self, room: RoomId, fed: Seq, to: Seq) -> StoreResult<bool> {
        self.write(move |c| advance(c, room, fed, to)).await
    }

    async fn feed_lag(&self) -> StoreResult<u64> {
        self.read(lag).await
    }
}
