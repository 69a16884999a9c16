//! The search index: fed behind the sending by a follower, as in the SQLite back end, so that a search costs sending
//! no more than a row of one number.
//!
//! A write leaves the message's id in `search_todo`; any node's follower takes ids from there (locked ones are
//! another's), reads the text as it stands and writes its trigrams. There is no cursor, since ids of two nodes'
//! batches do not commit in the order of their numbers. Who changes a text puts the id back first, which waits for a
//! follower that is just at it, and then takes the trigrams out; so no follower can write old ones afterwards.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_common::text::fold;
use sqlx::{Connection, PgConnection, Row};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::grams;
use super::pool::Pool;
use crate::storage::{StoreError, StoreResult};

/// Messages of one slice.
const SLICE: i64 = 256;
/// Trigrams sent in one statement; what is more goes in a further one.
const GRAMS: usize = 65_536;
/// Without a word from this node's writers it looks so often for what a node that died left behind.
const LOOK: Duration = Duration::from_secs(5);
/// How long it lets further messages gather after that word: each slice is a transaction with a commit of its own, and
/// one for every single message cost the database as much as storing it.
const GATHER: Duration = Duration::from_millis(100);
/// A pause after it failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long [`caught_up`] waits for the followers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks.
const BEAT: Duration = Duration::from_millis(20);

/// Notes new messages; in the transaction that stores them.
pub(super) async fn queue(conn: &mut PgConnection, ids: &[i64]) -> StoreResult<()> {
    sqlx::query("INSERT INTO search_todo (id) SELECT id FROM UNNEST($1::bigint[]) AS t (id) ON CONFLICT DO NOTHING")
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes texts out that are changed or gone; in the transaction that changes them, after the change.
pub(super) async fn changed(conn: &mut PgConnection, ids: &[i64]) -> StoreResult<()> {
    // A row that waits already is locked by this, too, or a follower could take it before the change is committed.
    sqlx::query(
        "INSERT INTO search_todo (id) SELECT DISTINCT id FROM UNNEST($1::bigint[]) AS t (id) ORDER BY id
         ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id",
    )
    .bind(ids)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM message_index WHERE id = ANY($1)").bind(ids).execute(conn).await?;
    Ok(())
}

/// Feeds the index with the next messages; true: there may be more.
async fn slice(conn: &mut PgConnection) -> StoreResult<bool> {
    let mut tx = conn.begin().await?;
    let mut ids: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM search_todo WHERE id = ANY (ARRAY
           (SELECT id FROM search_todo ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING id",
    )
    .bind(SLICE)
    .fetch_all(&mut *tx)
    .await?;
    ids.sort_unstable();
    let texts = sqlx::query("SELECT id, text FROM messages WHERE id = ANY($1) AND text IS NOT NULL ORDER BY id")
        .bind(&ids)
        .fetch_all(&mut *tx)
        .await?;
    let (mut owners, mut all) = (Vec::new(), Vec::new());
    for row in &texts {
        let (id, text): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
        let of_one = grams::of(&fold(text));
        owners.resize(owners.len() + of_one.len(), id);
        all.extend(of_one);
        if all.len() > GRAMS {
            put(&mut tx, &std::mem::take(&mut owners), &std::mem::take(&mut all)).await?;
        }
    }
    put(&mut tx, &owners, &all).await?;
    tx.commit().await?;
    Ok(!ids.is_empty())
}

/// Writes trigrams beside the ids that they belong to.
async fn put(conn: &mut PgConnection, owners: &[i64], all: &[i32]) -> StoreResult<()> {
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO message_index (id, grams)
         SELECT id, array_agg(gram) FROM UNNEST($1::bigint[], $2::int[]) AS t (id, gram) GROUP BY id ORDER BY id
         ON CONFLICT (id) DO UPDATE SET grams = EXCLUDED.grams",
    )
    .bind(owners)
    .bind(all)
    .execute(conn)
    .await?;
    Ok(())
}

/// This node's follower.
pub(super) struct Follower {
    news: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    /// Feeds the index until it is closed or dropped.
    pub fn start(pool: Arc<Pool>) -> Self {
        let (news, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let task = tokio::spawn(follow(pool, Arc::clone(&news), stop.clone()));
        Self { news, stop, task: Mutex::new(Some(task)) }
    }

    /// There is something to do: a transaction that called [`queue`] or [`changed`] has committed.
    pub fn ring(&self) {
        self.news.notify_one();
    }

    /// Ends it after the slice that it is at.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _panicked = task.await;
        }
    }
}

impl Drop for Follower {
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
            tracing::warn!(%error, "the search index could not go on; it is tried again and again");
        }
        failing = outcome.is_err();
        let wait = if failing { PAUSE } else { LOOK };
        tokio::select! {
            () = stop.cancelled() => {}
            () = news.notified(), if !failing => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn all(pool: &Pool, stop: &CancellationToken) -> StoreResult<()> {
    let mut lent = pool.take().await?;
    while !stop.is_cancelled() && slice(&mut lent.conn).await? {}
    pool.give_back(lent);
    Ok(())
}

/// Waits until everything committed before is in the index, feeding it meanwhile.
pub(super) async fn caught_up(pool: &Pool) -> StoreResult<()> {
    let mut lent = pool.take().await?;
    let conn = &mut lent.conn;
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM search_todo").fetch_one(&mut *conn).await?;
    let deadline = Instant::now() + PATIENCE;
    if let Some(newest) = newest {
        while waits(conn, newest).await? {
            if Instant::now() > deadline {
                return Err(StoreError::Unavailable("the search index does not catch up".into()));
            }
            tokio::time::sleep(BEAT).await;
        }
    }
    pool.give_back(lent);
    Ok(())
}

/// Feeds the index; whether a message up to `newest` is left. What another follower has taken is left until it has
/// committed.
async fn waits(conn: &mut PgConnection, newest: i64) -> StoreResult<bool> {
    while slice(conn).await? {}
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM search_todo WHERE id <= $1)")
        .bind(newest)
        .fetch_one(conn)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::postgres::migrations::{STEPS, migrate};
    use crate::storage::postgres::testing::Private;

    /// A database without a store, so without a follower but the test itself.
    async fn database(test: &str) -> Option<(Private, PgConnection)> {
        let private = Private::new(test).await?;
        let mut conn = private.connect().await;
        migrate(&mut conn, STEPS.len()).await.unwrap();
        let sql = "INSERT INTO messages (id, room, seq, at, sender, client_id, text_hash, text, text_seq, rev)
                   VALUES (7, 1, 1, 0, 1, 'k', '', 'the old text', 1, 1)";
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        queue(&mut conn, &[7]).await.unwrap();
        Some((private, conn))
    }

    async fn indexed(conn: &mut PgConnection) -> Option<Vec<i32>> {
        sqlx::query_scalar("SELECT grams FROM message_index WHERE id = 7").fetch_optional(conn).await.unwrap()
    }

    const EDIT: &str = "UPDATE messages SET text = 'a newer one' WHERE id = 7";

    #[tokio::test]
    async fn a_follower_leaves_a_message_alone_while_it_is_edited() {
        let Some((private, mut follower)) = database("a_follower_leaves_a_message_alone").await else { return };
        let mut editor = private.connect().await;
        let mut tx = editor.begin().await.unwrap();
        sqlx::raw_sql(EDIT).execute(&mut *tx).await.unwrap();
        changed(&mut tx, &[7]).await.unwrap();
        assert!(!slice(&mut follower).await.unwrap(), "its row is locked");
        assert_eq!(indexed(&mut follower).await, None);
        tx.commit().await.unwrap();
        assert!(slice(&mut follower).await.unwrap());
        assert_eq!(indexed(&mut follower).await, Some(grams::of("a newer one")));
        private.end().await;
    }

    #[tokio::test]
    async fn an_edit_waits_for_the_follower_that_is_at_its_message() {
        let Some((private, mut follower)) = database("an_edit_waits_for_the_follower").await else { return };
        // A follower that has taken the message and has not committed yet.
        let mut tx = follower.begin().await.unwrap();
        sqlx::raw_sql("DELETE FROM search_todo WHERE id = 7").execute(&mut *tx).await.unwrap();
        put(&mut tx, &[7], &[1]).await.unwrap();
        let mut editor = private.connect().await;
        let edit = tokio::spawn(async move {
            let mut tx = editor.begin().await.unwrap();
            sqlx::raw_sql(EDIT).execute(&mut *tx).await.unwrap();
            changed(&mut tx, &[7]).await.unwrap();
            tx.commit().await.unwrap();
        });
        let mut watcher = private.connect().await;
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND database IS NULL
                       AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut watcher).await.unwrap() {
            assert!(!edit.is_finished(), "it did not wait");
            tokio::time::sleep(BEAT).await;
        }
        tx.commit().await.unwrap();
        edit.await.unwrap();
        assert_eq!(indexed(&mut watcher).await, None, "what the follower wrote is gone");
        assert!(slice(&mut watcher).await.unwrap());
        assert_eq!(indexed(&mut watcher).await, Some(grams::of("a newer one")));
        private.end().await;
    }
}
