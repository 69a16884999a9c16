//! API tokens with their bots, invitations, blocks.

use chat_common::{RoomName, Timestamp, UserId, UserName};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{authority, error, rows, users};
use crate::domain::Refusal;
use crate::storage::{Authority, InviteRow, NewUser, StoreResult, TokenRow};

macro_rules! select_token {
    ($rest:literal) => {
        concat!("SELECT id, owner, bot, name, scopes, rooms, created_at, expires_at FROM tokens WHERE ", $rest)
    };
}

fn token(row: &PgRow) -> StoreResult<TokenRow> {
    let (name, scopes, rooms): (&str, &str, Option<&str>) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let rooms: Option<Vec<RoomName>> =
        rooms.map(serde_json::from_str).transpose().map_err(|_| error::damaged("rooms of a token"))?;
    Ok(TokenRow {
        id: row.try_get(0)?,
        owner: rows::user_id(row.try_get(1)?),
        bot: rows::user_id(row.try_get(2)?),
        name: UserName::parse(name).map_err(|_| error::damaged("user name"))?,
        scopes: serde_json::from_str(scopes).map_err(|_| error::damaged("scopes of a token"))?,
        rooms,
        created_at: Timestamp::from_millis(row.try_get(6)?),
        expires_at: rows::time(row.try_get(7)?),
    })
}

/// Stores an API token and makes its bot.
pub(super) async fn create(conn: &mut PgConnection, new: &TokenRow, hash: &[u8; 32], bot: &NewUser) -> StoreResult<()> {
    users::create(conn, bot).await?;
    let json = |value: Result<String, serde_json::Error>| value.map_err(|_| error::damaged("token"));
    let scopes = json(serde_json::to_string(&new.scopes))?;
    let rooms = new.rooms.as_ref().map(|rooms| json(serde_json::to_string(rooms))).transpose()?;
    sqlx::query(
        "INSERT INTO tokens (id, hash, owner, bot, name, scopes, rooms, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&new.id)
    .bind(hash.as_slice())
    .bind(rows::user_in(new.owner))
    .bind(rows::user_in(new.bot))
    .bind(new.name.as_str())
    .bind(scopes)
    .bind(rooms)
    .bind(new.created_at.as_millis())
    .bind(rows::millis(new.expires_at))
    .execute(conn)
    .await?;
    Ok(())
}

/// By the secret's hash.
pub(super) async fn by_hash(conn: &mut PgConnection, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
    let row = sqlx::query(select_token!("hash = $1")).bind(hash.as_slice()).fetch_optional(conn).await?;
    row.map(|row| token(&row)).transpose()
}

/// An owner's, newest first.
pub(super) async fn of(conn: &mut PgConnection, owner: UserId) -> StoreResult<Vec<TokenRow>> {
    let found = sqlx::query(select_token!("owner = $1 ORDER BY created_at DESC, id"))
        .bind(rows::user_in(owner))
        .fetch_all(conn)
        .await?;
    found.iter().map(token).collect()
}

/// Deletes one; its bot stays as the author of what it sent.
pub(super) async fn delete(conn: &mut PgConnection, owner: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
    let deleted = sqlx::query("DELETE FROM tokens WHERE id = $1 AND owner = $2")
        .bind(id)
        .bind(rows::user_in(owner))
        .execute(&mut *conn)
        .await?;
    let deleted = deleted.rows_affected() > 0;
    if deleted {
        authority::add(conn, &Authority::Token(id.to_owned()), at).await?;
    }
    Ok(deleted)
}

/// Stores an invitation.
pub(super) async fn create_invite(conn: &mut PgConnection, new: &InviteRow, at: Timestamp) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO invites (id, code_hash, by_user, uses_left, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&new.id)
    .bind(new.code_hash.as_slice())
    .bind(new.by.map(rows::user_in))
    .bind(i64::from(new.uses_left))
    .bind(at.as_millis())
    .bind(new.expires_at.as_millis())
    .execute(conn)
    .await?;
    Ok(())
}

fn invite(row: &PgRow) -> StoreResult<InviteRow> {
    let (code_hash, uses_left): (&[u8], i64) = (row.try_get(1)?, row.try_get(3)?);
    Ok(InviteRow {
        id: row.try_get(0)?,
        code_hash: code_hash.try_into().map_err(|_| error::damaged("hash of an invitation"))?,
        by: row.try_get::<Option<i64>, _>(2)?.map(rows::user_id),
        uses_left: u32::try_from(uses_left).map_err(|_| error::damaged("uses of an invitation"))?,
        expires_at: Timestamp::from_millis(row.try_get(4)?),
    })
}

/// Those still good, newest first.
pub(super) async fn invites(conn: &mut PgConnection, now: Timestamp) -> StoreResult<Vec<InviteRow>> {
    let found = sqlx::query(
        "SELECT id, code_hash, by_user, uses_left, expires_at FROM invites
         WHERE uses_left > 0 AND expires_at > $1 ORDER BY created_at DESC, id",
    )
    .bind(now.as_millis())
    .fetch_all(conn)
    .await?;
    found.iter().map(invite).collect()
}

/// Deletes an invitation.
pub(super) async fn delete_invite(conn: &mut PgConnection, id: &str) -> StoreResult<bool> {
    Ok(sqlx::query("DELETE FROM invites WHERE id = $1").bind(id).execute(conn).await?.rows_affected() > 0)
}

/// Blocks or unblocks another user.
pub(super) async fn set_block(
    conn: &mut PgConnection,
    user: UserId,
    other: UserId,
    on: bool,
    at: Timestamp,
) -> StoreResult<()> {
    if user == other {
        let message = "nobody can block themselves".into();
        return Err(Refusal::Invalid { field: "user", message }.into());
    }
    users::known(conn, other).await?;
    let (user, other) = (rows::user_in(user), rows::user_in(other));
    if on {
        sqlx::query("INSERT INTO blocks (user_id, other, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(user)
            .bind(other)
            .bind(at.as_millis())
            .execute(conn)
            .await?;
    } else {
        sqlx::query("DELETE FROM blocks WHERE user_id = $1 AND other = $2")
            .bind(user)
            .bind(other)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Whom a user has blocked.
pub(super) async fn blocks(conn: &mut PgConnection, user: UserId) -> StoreResult<Vec<UserId>> {
    let found: Vec<i64> = sqlx::query_scalar("SELECT other FROM blocks WHERE user_id = $1 ORDER BY at, other")
        .bind(rows::user_in(user))
        .fetch_all(conn)
        .await?;
    Ok(found.into_iter().map(rows::user_id).collect())
}

/// Whether `user` has blocked `other`.
pub(super) async fn has_blocked(conn: &mut PgConnection, user: UserId, other: UserId) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = $1 AND other = $2)")
        .bind(rows::user_in(user))
        .bind(rows::user_in(other))
        .fetch_one(conn)
        .await?)
}
