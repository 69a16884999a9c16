//! The database as its administrator reads it, beside the nodes that use it.

use async_trait::async_trait;
use chat_common::model::Message;
use chat_common::text::fold;
use chat_common::{RoomName, Seq, Timestamp, UserId, UserName};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;

use super::connect::Connector;
use super::migrations::STEPS;
use super::{PostgresStore, grams, history, index, rows, standing, users};
use crate::storage::archive::{self, CHECKS, Differences, Tell, WayOut};
use crate::storage::{Archive, Page, Report, RoomId, RoomRow, StoreError, StoreResult};

/// Messages whose trigrams are compared at once.
const PAGE: i64 = 1_000;

/// A message's id, its text, what the index holds of it, whether a follower has still to look at it.
type Indexed = (i64, Option<String>, Option<Vec<i32>>, bool);

/// A database that is only read.
pub struct PostgresArchive {
    conn: Mutex<PgConnection>,
}

impl PostgresArchive {
    /// Connects; the database must have this program's schema.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let mut conn = Connector::new(url)?.first().await?;
        let there: bool =
            sqlx::query_scalar("SELECT to_regclass('schema_steps') IS NOT NULL").fetch_one(&mut conn).await?;
        let schema: i64 = match there {
            true => sqlx::query_scalar("SELECT count(*) FROM schema_steps").fetch_one(&mut conn).await?,
            false => 0,
        };
        if usize::try_from(schema) != Ok(STEPS.len()) {
            return Err(StoreError::Unavailable(format!(
                "the database has schema {schema}, this program's is {}; use the chat-server that serves it, or start \
                 this one once to bring the database up to date",
                STEPS.len()
            )));
        }
        sqlx::raw_sql("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            .execute(&mut conn)
            .await?;
        Ok(Self { conn: Mutex::new(conn) })
    }
}

#[async_trait]
impl Archive for PostgresArchive {
    async fn verify(&self, tell: Tell<'_>) -> StoreResult<Report> {
        verify(&mut *self.conn.lock().await, tell).await
    }

    async fn room(&self, name: &RoomName) -> StoreResult<Option<RoomRow>> {
        standing::room(&mut *self.conn.lock().await, name).await
    }

    async fn user_id(&self, name: &UserName) -> StoreResult<Option<UserId>> {
        Ok(users::by_name(&mut *self.conn.lock().await, name).await?.map(|row| row.user.id))
    }

    async fn seq_before(&self, room: RoomId, at: Timestamp) -> StoreResult<Seq> {
        seq_before(&mut *self.conn.lock().await, room, at).await
    }

    async fn messages_after(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Message>> {
        messages_after(&mut *self.conn.lock().await, room, after, limit).await
    }
}

#[async_trait]
impl Archive for PostgresStore {
    async fn verify(&self, tell: Tell<'_>) -> StoreResult<Report> {
        let mut lent = self.pool.take().await?;
        let report = verify(&mut lent.conn, tell).await?;
        self.pool.give_back(lent);
        Ok(report)
    }

    async fn room(&self, name: &RoomName) -> StoreResult<Option<RoomRow>> {
        let mut lent = self.pool.take().await?;
        let room = standing::room(&mut lent.conn, name).await?;
        self.pool.give_back(lent);
        Ok(room)
    }

    async fn user_id(&self, name: &UserName) -> StoreResult<Option<UserId>> {
        let mut lent = self.pool.take().await?;
        let user = users::by_name(&mut lent.conn, name).await?;
        self.pool.give_back(lent);
        Ok(user.map(|row| row.user.id))
    }

    async fn seq_before(&self, room: RoomId, at: Timestamp) -> StoreResult<Seq> {
        let mut lent = self.pool.take().await?;
        let seq = seq_before(&mut lent.conn, room, at).await?;
        self.pool.give_back(lent);
        Ok(seq)
    }

    async fn messages_after(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Message>> {
        let mut lent = self.pool.take().await?;
        let messages = messages_after(&mut lent.conn, room, after, limit).await?;
        self.pool.give_back(lent);
        Ok(messages)
    }
}

async fn messages_after(conn: &mut PgConnection, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Message>> {
    Ok(history::page(conn, UserId::from_bits(0), room, Page::After(after), limit).await?.messages)
}

async fn seq_before(conn: &mut PgConnection, room: RoomId, at: Timestamp) -> StoreResult<Seq> {
    let seq: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM messages WHERE room = $1 AND at < $2")
        .bind(room.0)
        .bind(at.as_millis())
        .fetch_one(conn)
        .await?;
    Ok(rows::seq(seq))
}

/// In one snapshot, however long it takes.
async fn verify(conn: &mut PgConnection, tell: Tell<'_>) -> StoreResult<Report> {
    let steps = CHECKS.len() as u64 + 1;
    let mut tx = conn.begin().await?;
    sqlx::raw_sql(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0;
         SET LOCAL idle_in_transaction_session_timeout = 0",
    )
    .execute(&mut *tx)
    .await?;
    let (rooms, messages): (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM rooms WHERE name IS NOT NULL), (SELECT count(*) FROM messages)")
            .fetch_one(&mut *tx)
            .await?;
    let mut report = Report { rooms: rooms.unsigned_abs(), messages: messages.unsigned_abs(), findings: Vec::new() };
    for (at, check) in CHECKS.iter().enumerate() {
        tell(check.name, at as u64, steps);
        let found: Vec<Option<String>> =
            sqlx::query_scalar(AssertSqlSafe(check.sql("user_id"))).fetch_all(&mut *tx).await?;
        let found = found.into_iter().map(|said| said.unwrap_or_else(|| "a row without a name".into())).collect();
        archive::told(found, WayOut::Restore, &mut report.findings);
    }
    tell("the search index", steps - 1, steps);
    let mut all = Differences::default();
    let mut after = i64::MIN;
    while let Some((last, page)) = differences(&mut tx, after).await? {
        after = last;
        all.missing.extend(page.missing);
        all.other.extend(page.other);
    }
    all.left = left(&mut tx).await?;
    all.told(&mut report.findings);
    tx.rollback().await?;
    tell("done", steps, steps);
    Ok(report)
}

/// Compares a page of messages with the index; where it ends. What a follower has still to look at is left out.
async fn differences(conn: &mut PgConnection, after: i64) -> StoreResult<Option<(i64, Differences)>> {
    let found: Vec<Indexed> = sqlx::query_as(
        "SELECT m.id, m.text, i.grams, t.id IS NOT NULL
         FROM messages m LEFT JOIN message_index i ON i.id = m.id LEFT JOIN search_todo t ON t.id = m.id
         WHERE m.id > $1 ORDER BY m.id LIMIT $2",
    )
    .bind(after)
    .bind(PAGE)
    .fetch_all(conn)
    .await?;
    let Some(last) = found.last().map(|row| row.0) else { return Ok(None) };
    let mut out = Differences::default();
    for (id, text, held, waits) in found {
        let Some(text) = text.filter(|_| !waits) else { continue };
        let should = grams::of(&fold(&text));
        match held {
            Some(mut held) => {
                held.sort_unstable();
                if held != should {
                    out.other.push(id);
                }
            }
            None if should.is_empty() => {}
            None => out.missing.push(id),
        }
    }
    Ok(Some((last, out)))
}

/// What the index holds of texts that are gone.
async fn left(conn: &mut PgConnection) -> StoreResult<Vec<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT i.id FROM message_index i LEFT JOIN messages m ON m.id = i.id LEFT JOIN search_todo t ON t.id = i.id
         WHERE (m.id IS NULL OR m.text IS NULL) AND t.id IS NULL ORDER BY i.id",
    )
    .fetch_all(conn)
    .await?)
}

/// Hands what differs to the followers again, page by page.
pub(super) async fn repair_index(conn: &mut PgConnection) -> StoreResult<()> {
    let mut after = i64::MIN;
    loop {
        let mut tx = conn.begin().await?;
        let Some((last, page)) = differences(&mut tx, after).await? else { break };
        after = last;
        let ids: Vec<i64> = page.missing.into_iter().chain(page.other).collect();
        if !ids.is_empty() {
            index::changed(&mut tx, &ids).await?;
        }
        tx.commit().await?;
    }
    let mut tx = conn.begin().await?;
    let gone = left(&mut tx).await?;
    sqlx::query("DELETE FROM message_index WHERE id = ANY ($1)").bind(gone).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
