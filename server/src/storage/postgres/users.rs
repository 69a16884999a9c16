//! Users, their names for ever, profiles, server roles and bans.

use chat_common::event::server::ServerRole;
use chat_common::{Timestamp, UserId, UserName};
use sqlx::{PgConnection, Row};

use super::{audit, authority, erase, rows, sessions, tokens};
use crate::domain::Refusal;
use crate::storage::{Authority, LOCAL, NewUser, RESERVED, StoreResult, UserRow, local};

/// A statement over the columns of [`rows::user`] and the PHC string behind them.
macro_rules! select_user {
    ($rest:literal) => {
        concat!("SELECT ", rows::user_columns!(), ", u.password_hash FROM users u ", $rest)
    };
}

/// By id.
pub(super) async fn by_id(conn: &mut PgConnection, id: UserId) -> StoreResult<Option<UserRow>> {
    let row = sqlx::query(select_user!("WHERE u.id = $1")).bind(rows::user_in(id)).fetch_optional(conn).await?;
    row.map(|row| rows::user(&row, 0)).transpose()
}

/// Several by id, in any order; unknown ids are left out.
pub(super) async fn by_ids(conn: &mut PgConnection, ids: &[i64]) -> StoreResult<Vec<UserRow>> {
    let found = sqlx::query(select_user!("WHERE u.id = ANY($1)")).bind(ids).fetch_all(conn).await?;
    found.iter().map(|row| rows::user(row, 0)).collect()
}

/// By current name.
pub(super) async fn by_name(conn: &mut PgConnection, name: &UserName) -> StoreResult<Option<UserRow>> {
    Ok(credentials(conn, name).await?.map(|(user, _)| user))
}

/// A user that must be there.
pub(super) async fn known(conn: &mut PgConnection, id: UserId) -> StoreResult<UserRow> {
    Ok(by_id(conn, id).await?.ok_or(Refusal::USER)?)
}

/// As [`known`]; nobody else changes it until the transaction ends.
pub(super) async fn held(conn: &mut PgConnection, id: UserId) -> StoreResult<UserRow> {
    let row = sqlx::query(select_user!("WHERE u.id = $1 FOR NO KEY UPDATE"))
        .bind(rows::user_in(id))
        .fetch_optional(conn)
        .await?;
    rows::user(&row.ok_or(Refusal::USER)?, 0)
}

/// An actor: known and not banned from the server.
pub(super) async fn active(conn: &mut PgConnection, id: UserId, now: Timestamp) -> StoreResult<UserRow> {
    if id == LOCAL { local(now) } else { unbanned(known(conn, id).await?, now) }
}

/// Refuses who is banned from the server.
pub(super) fn unbanned(user: UserRow, now: Timestamp) -> StoreResult<UserRow> {
    match user.banned_until {
        Some(until) if until > now => Err(Refusal::Banned { until: rows::end_of(until) }.into()),
        _ => Ok(user),
    }
}

pub(super) fn is_admin(user: &UserRow) -> bool {
    user.role == ServerRole::Admin
}

/// With the PHC string of its password.
pub(super) async fn credentials(
    conn: &mut PgConnection,
    name: &UserName,
) -> StoreResult<Option<(UserRow, Option<String>)>> {
    let row = sqlx::query(select_user!("WHERE u.name = $1")).bind(name.as_str()).fetch_optional(conn).await?;
    row.map(|row| Ok((rows::user(&row, 0)?, row.try_get(rows::USER_COLUMNS)?))).transpose()
}

/// Gives a name to a user for ever; refused where it, or one that looks like it, was ever another's.
async fn claim_name(conn: &mut PgConnection, user: UserId, name: &UserName) -> StoreResult<()> {
    let skeleton = name.skeleton();
    // Two who claim names that look alike at the same time: the second waits and then sees the first one's.
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))")
        .bind(NAMES)
        .bind(&skeleton)
        .execute(&mut *conn)
        .await?;
    let mark = erase::mark(conn, &skeleton).await?;
    let taken: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM names WHERE skeleton IN ($1, $3) AND user_id <> $2)")
            .bind(&skeleton)
            .bind(rows::user_in(user))
            .bind(mark)
            .fetch_one(&mut *conn)
            .await?;
    if taken || RESERVED.contains(&name.as_str()) {
        return Err(Refusal::Conflict("this name, or one that looks like it, is taken; choose another").into());
    }
    sqlx::query("INSERT INTO names (name, skeleton, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(name.as_str())
        .bind(&skeleton)
        .bind(rows::user_in(user))
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes a user; uses up its invitation.
pub(super) async fn create(conn: &mut PgConnection, new: &NewUser) -> StoreResult<UserRow> {
    if let Some(code) = &new.invite_hash {
        use_invite(conn, code, new.at).await?;
    }
    claim_name(conn, new.id, &new.name).await?;
    let made = sqlx::query(
        "INSERT INTO users (id, name, display_name, kind, role, owner, password_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(rows::user_in(new.id))
    .bind(new.name.as_str())
    .bind(&new.display_name)
    .bind(rows::user_kind_in(new.kind))
    .bind(rows::server_role_in(new.role))
    .bind(new.owner.map(rows::user_in))
    .bind(&new.password_hash)
    .bind(new.at.as_millis())
    .execute(&mut *conn)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Refusal::Conflict("this user is there already").into());
    }
    known(conn, new.id).await
}

async fn use_invite(conn: &mut PgConnection, code: &[u8; 32], now: Timestamp) -> StoreResult<()> {
    let used = sqlx::query(
        "UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2",
    )
    .bind(code.as_slice())
    .bind(now.as_millis())
    .execute(conn)
    .await?;
    if used.rows_affected() == 0 {
        let message = "this invitation is not known, used up or over; ask for a new one".into();
        return Err(Refusal::Invalid { field: "invite", message }.into());
    }
    Ok(())
}

/// Sets a password, ends all sessions but `keep`.
pub(super) async fn set_password(
    conn: &mut PgConnection,
    user: UserId,
    hash: &str,
    keep: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    let changed = sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1")
        .bind(rows::user_in(user))
        .bind(hash)
        .execute(&mut *conn)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(Refusal::USER.into());
    }
    sessions::revoke_all(conn, user, keep, at).await
}

/// Changes name and display name.
pub(super) async fn set_profile(
    conn: &mut PgConnection,
    user: UserId,
    name: Option<&UserName>,
    display_name: Option<&str>,
    at: Timestamp,
) -> StoreResult<UserRow> {
    let old = held(conn, user).await?;
    if let Some(name) = name.filter(|name| **name != old.user.name) {
        claim_name(conn, user, name).await?;
    }
    sqlx::query("UPDATE users SET name = coalesce($2, name), display_name = coalesce($3, display_name) WHERE id = $1")
        .bind(rows::user_in(user))
        .bind(name.map(UserName::as_str))
        .bind(display_name)
        .execute(&mut *conn)
        .await?;
    let new = known(conn, user).await?;
    if new != old {
        authority::add(conn, &Authority::Changed(user), at).await?;
    }
    Ok(new)
}

/// Makes an admin or takes it back.
pub(super) async fn set_server_role(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    user: UserId,
    role: ServerRole,
    at: Timestamp,
) -> StoreResult<()> {
    let old = held(conn, user).await?;
    if old.role == role {
        return Ok(());
    }
    sqlx::query("UPDATE users SET role = $2 WHERE id = $1")
        .bind(rows::user_in(user))
        .bind(rows::server_role_in(role))
        .execute(&mut *conn)
        .await?;
    let detail = if role == ServerRole::Admin { "admin" } else { "user" };
    audit::add(conn, actor, "user:role", old.user.name.as_str(), Some(detail), at).await?;
    // A bot may do no more than its owner.
    for token in tokens::of(conn, user).await? {
        authority::add(conn, &Authority::Changed(token.bot), at).await?;
    }
    authority::add(conn, &Authority::Changed(user), at).await
}

/// Keeps a user out of the server until a time, or lets it back.
pub(super) async fn set_server_ban(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    user: UserId,
    until: Option<Timestamp>,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    let row = held(conn, user).await?;
    let until = until.filter(|until| *until > at);
    sqlx::query("UPDATE users SET banned_until = $2 WHERE id = $1")
        .bind(rows::user_in(user))
        .bind(rows::millis(until))
        .execute(&mut *conn)
        .await?;
    let action = if until.is_some() { "user:ban" } else { "user:unban" };
    audit::add(conn, actor, action, row.user.name.as_str(), reason, at).await?;
    if until.is_none() {
        return authority::add(conn, &Authority::Changed(user), at).await;
    }
    sessions::forget_all(conn, user).await?;
    // Its bots are refused for as long as it is banned.
    for token in tokens::of(conn, user).await? {
        authority::add(conn, &Authority::Banned(token.bot), at).await?;
    }
    authority::add(conn, &Authority::Banned(user), at).await
}

/// By name, from after `after`; `query`: part of the name.
pub(super) async fn list(
    conn: &mut PgConnection,
    query: Option<&str>,
    after: Option<&UserName>,
    limit: u32,
) -> StoreResult<Vec<UserRow>> {
    let found = sqlx::query(select_user!("WHERE u.name > $1 AND strpos(u.name, $2) > 0 ORDER BY u.name LIMIT $3"))
        .bind(after.map_or("", UserName::as_str))
        .bind(query.unwrap_or_default().to_lowercase())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    found.iter().map(|row| rows::user(row, 0)).collect()
}

/// The class of the locks on names, beside the hash of the skeleton.
const NAMES: i32 = 0x6e61_6d65;
