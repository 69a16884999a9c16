//! Sessions and their refresh tokens, which are known by hash alone.

use chat_common::{Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{authority, rows};
use crate::storage::{Authority, Rotation, SessionRow, StoreResult};

/// How long a replaced refresh token still works.
const GRACE_MS: i64 = 60_000;

macro_rules! select_session {
    ($rest:literal) => {
        concat!("SELECT s.id, s.user_id, s.agent, s.created_at, s.used_at, s.expires_at FROM sessions s WHERE ", $rest)
    };
}

fn session(row: &PgRow) -> StoreResult<SessionRow> {
    Ok(SessionRow {
        id: row.try_get(0)?,
        user: rows::user_id(row.try_get(1)?),
        agent: row.try_get(2)?,
        created_at: Timestamp::from_millis(row.try_get(3)?),
        used_at: Timestamp::from_millis(row.try_get(4)?),
        expires_at: Timestamp::from_millis(row.try_get(5)?),
    })
}

/// Opens a session; those that are long over go.
pub(super) async fn create(conn: &mut PgConnection, new: &SessionRow, refresh: &[u8; 32]) -> StoreResult<()> {
    let gone: Vec<String> =
        sqlx::query_scalar("DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2 RETURNING id")
            .bind(rows::user_in(new.user))
            .bind(new.created_at.as_millis())
            .fetch_all(&mut *conn)
            .await?;
    forget_spent(conn, &gone).await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, agent, created_at, used_at, expires_at, refresh)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&new.id)
    .bind(rows::user_in(new.user))
    .bind(&new.agent)
    .bind(new.created_at.as_millis())
    .bind(new.used_at.as_millis())
    .bind(new.expires_at.as_millis())
    .bind(refresh.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

async fn forget_spent(conn: &mut PgConnection, sessions: &[String]) -> StoreResult<()> {
    if !sessions.is_empty() {
        sqlx::query("DELETE FROM spent_refreshes WHERE session = ANY($1)").bind(sessions).execute(conn).await?;
    }
    Ok(())
}

/// Replaces a refresh token by its successor.
pub(super) async fn rotate(
    conn: &mut PgConnection,
    presented: &[u8; 32],
    successor: &[u8; 32],
    expires_at: Timestamp,
    now: Timestamp,
) -> StoreResult<Rotation> {
    // Of two nodes that are shown the same token the second waits here, finds it replaced, and looks among the spent.
    let current = sqlx::query(select_session!("s.refresh = $1 FOR NO KEY UPDATE"))
        .bind(presented.as_slice())
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(row) = current {
        let current = session(&row)?;
        if current.expires_at <= now {
            return Ok(Rotation::Unknown);
        }
        replace(conn, &current.id, presented, successor, expires_at, now).await?;
        return Ok(Rotation::Valid(SessionRow { used_at: now, expires_at, ..current }));
    }
    let Some((id, spent_at)) = spent(conn, presented).await? else { return Ok(Rotation::Unknown) };
    let Some(found) = by_id(conn, &id, now).await? else { return Ok(Rotation::Unknown) };
    if now.as_millis() - spent_at <= GRACE_MS {
        return Ok(Rotation::Valid(found));
    }
    revoke(conn, found.user, &found.id, now).await?;
    Ok(Rotation::Reused)
}

async fn replace(
    conn: &mut PgConnection,
    id: &str,
    presented: &[u8; 32],
    successor: &[u8; 32],
    expires_at: Timestamp,
    now: Timestamp,
) -> StoreResult<()> {
    sqlx::query("UPDATE sessions SET refresh = $2, used_at = $3, expires_at = $4 WHERE id = $1")
        .bind(id)
        .bind(successor.as_slice())
        .bind(now.as_millis())
        .bind(expires_at.as_millis())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO spent_refreshes (hash, session, at) VALUES ($1, $2, $3)
         ON CONFLICT (hash) DO UPDATE SET session = EXCLUDED.session, at = EXCLUDED.at",
    )
    .bind(presented.as_slice())
    .bind(id)
    .bind(now.as_millis())
    .execute(conn)
    .await?;
    Ok(())
}

async fn spent(conn: &mut PgConnection, refresh: &[u8; 32]) -> StoreResult<Option<(String, i64)>> {
    Ok(sqlx::query_as("SELECT session, at FROM spent_refreshes WHERE hash = $1")
        .bind(refresh.as_slice())
        .fetch_optional(conn)
        .await?)
}

/// One that is neither revoked nor expired.
pub(super) async fn by_id(conn: &mut PgConnection, id: &str, now: Timestamp) -> StoreResult<Option<SessionRow>> {
    let row = sqlx::query(select_session!("s.id = $1 AND s.expires_at > $2"))
        .bind(id)
        .bind(now.as_millis())
        .fetch_optional(conn)
        .await?;
    row.map(|row| session(&row)).transpose()
}

/// The session that a refresh token, current or replaced, belongs to.
pub(super) async fn by_refresh(conn: &mut PgConnection, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
    // In one statement, so that a rotation between two looks hides nothing.
    let row = sqlx::query(select_session!(
        "s.refresh = $1 OR s.id = (SELECT session FROM spent_refreshes WHERE hash = $1) LIMIT 1"
    ))
    .bind(hash.as_slice())
    .fetch_optional(conn)
    .await?;
    row.map(|row| session(&row)).transpose()
}

/// A user's live ones, newest first.
pub(super) async fn of(conn: &mut PgConnection, user: UserId, now: Timestamp) -> StoreResult<Vec<SessionRow>> {
    let found = sqlx::query(select_session!("s.user_id = $1 AND s.expires_at > $2 ORDER BY s.created_at DESC, s.id"))
        .bind(rows::user_in(user))
        .bind(now.as_millis())
        .fetch_all(conn)
        .await?;
    found.iter().map(session).collect()
}

/// Ends one session of a user; false if there is none such.
pub(super) async fn revoke(conn: &mut PgConnection, user: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
    let ended: Vec<String> = sqlx::query_scalar("DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING id")
        .bind(id)
        .bind(rows::user_in(user))
        .fetch_all(&mut *conn)
        .await?;
    if ended.is_empty() {
        return Ok(false);
    }
    forget_spent(conn, &ended).await?;
    authority::add(conn, &Authority::Session(id.to_owned()), at).await?;
    Ok(true)
}

/// Ends all sessions of a user but `keep`, and tells it.
pub(super) async fn revoke_all(
    conn: &mut PgConnection,
    user: UserId,
    keep: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    forget(conn, user, keep).await?;
    authority::add(conn, &Authority::User { user, except: keep.map(str::to_owned) }, at).await
}

/// Ends all sessions of a user; another authority row tells it.
pub(super) async fn forget_all(conn: &mut PgConnection, user: UserId) -> StoreResult<()> {
    forget(conn, user, None).await
}

async fn forget(conn: &mut PgConnection, user: UserId, keep: Option<&str>) -> StoreResult<()> {
    let gone: Vec<String> = sqlx::query_scalar("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")
        .bind(rows::user_in(user))
        .bind(keep.unwrap_or_default())
        .fetch_all(&mut *conn)
        .await?;
    forget_spent(conn, &gone).await
}
