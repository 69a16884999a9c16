//! Users, their names for ever, profiles, server roles and bans.

use chat_common::event::server::ServerRole;
use chat_common::{Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, params};

use super::{audit, authority, erase, rows, sessions, tokens};
use crate::domain::Refusal;
use crate::storage::{Authority, LOCAL, NewUser, RESERVED, StoreResult, UserRow, local};

/// By id.
pub(super) fn by_id(conn: &Connection, id: UserId) -> StoreResult<Option<UserRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {} FROM users u WHERE u.id = ?1", rows::USER))?
        .query_row([rows::user_in(id)], |row| rows::user(row, 0))
        .optional()?)
}

/// By current name.
pub(super) fn by_name(conn: &Connection, name: &UserName) -> StoreResult<Option<UserRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {} FROM users u WHERE u.name = ?1", rows::USER))?
        .query_row([name.as_str()], |row| rows::user(row, 0))
        .optional()?)
}

/// A user that must be there.
pub(super) fn known(conn: &Connection, id: UserId) -> StoreResult<UserRow> {
    Ok(by_id(conn, id)?.ok_or(Refusal::USER)?)
}

/// An actor: known and not banned from the server.
pub(super) fn active(conn: &Connection, id: UserId, now: Timestamp) -> StoreResult<UserRow> {
    if id == LOCAL {
        return local(now);
    }
    let user = known(conn, id)?;
    match user.banned_until {
        Some(until) if until > now => Err(Refusal::Banned { until: rows::end_of(until) }.into()),
        _ => Ok(user),
    }
}

pub(super) fn is_admin(user: &UserRow) -> bool {
    user.role == ServerRole::Admin
}

/// With the PHC string of its password.
pub(super) fn credentials(conn: &Connection, name: &UserName) -> StoreResult<Option<(UserRow, Option<String>)>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {}, u.password_hash FROM users u WHERE u.name = ?1", rows::USER))?
        .query_row([name.as_str()], |row| Ok((rows::user(row, 0)?, row.get(8)?)))
        .optional()?)
}

/// Gives a name to a user for ever; refused where it, or one that looks like it, was ever another's.
fn claim_name(conn: &Connection, user: UserId, name: &UserName) -> StoreResult<()> {
    let skeleton = name.skeleton();
    let mark = erase::mark(conn, &skeleton)?;
    let taken: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM names WHERE skeleton IN (?1, ?3) AND user <> ?2)")?
        .query_row(params![skeleton, rows::user_in(user), mark], |row| row.get(0))?;
    if taken || RESERVED.contains(&name.as_str()) {
        return Err(Refusal::Conflict("this name, or one that looks like it, is taken; choose another").into());
    }
    conn.prepare_cached("INSERT OR IGNORE INTO names (name, skeleton, user) VALUES (?1, ?2, ?3)")?.execute(params![
        name.as_str(),
        skeleton,
        rows::user_in(user)
    ])?;
    Ok(())
}

/// Makes a user; uses up its invitation.
pub(super) fn create(conn: &Connection, new: &NewUser) -> StoreResult<UserRow> {
    if let Some(code) = &new.invite_hash {
        use_invite(conn, code, new.at)?;
    }
    claim_name(conn, new.id, &new.name)?;
    let made = conn
        .prepare_cached(
            "INSERT OR IGNORE INTO users (id, name, display_name, kind, role, owner, password_hash, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            rows::user_in(new.id),
            new.name.as_str(),
            new.display_name,
            rows::user_kind_in(new.kind),
            rows::server_role_in(new.role),
            new.owner.map(rows::user_in),
            new.password_hash,
            new.at.as_millis()
        ])?;
    if made == 0 {
        return Err(Refusal::Conflict("this user is there already").into());
    }
    known(conn, new.id)
}

fn use_invite(conn: &Connection, code: &[u8; 32], now: Timestamp) -> StoreResult<()> {
    let used = conn
        .prepare_cached(
            "UPDATE invites SET uses_left = uses_left - 1
             WHERE code_hash = ?1 AND uses_left > 0 AND expires_at > ?2",
        )?
        .execute(params![code, now.as_millis()])?;
    if used == 0 {
        let message = "this invitation is not known, used up or over; ask for a new one".into();
        return Err(Refusal::Invalid { field: "invite", message }.into());
    }
    Ok(())
}

/// Sets a password, ends all sessions but `keep`.
pub(super) fn set_password(
    conn: &Connection,
    user: UserId,
    hash: &str,
    keep: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    let changed = conn
        .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?
        .execute(params![rows::user_in(user), hash])?;
    if changed == 0 {
        return Err(Refusal::USER.into());
    }
    sessions::revoke_all(conn, user, keep, at)
}

/// Changes name and display name.
pub(super) fn set_profile(
    conn: &Connection,
    user: UserId,
    name: Option<&UserName>,
    display_name: Option<&str>,
    at: Timestamp,
) -> StoreResult<UserRow> {
    let old = known(conn, user)?;
    if let Some(name) = name.filter(|name| **name != old.user.name) {
        claim_name(conn, user, name)?;
        conn.prepare_cached("UPDATE users SET name = ?2 WHERE id = ?1")?
            .execute(params![rows::user_in(user), name.as_str()])?;
    }
    if let Some(display_name) = display_name {
        conn.prepare_cached("UPDATE users SET display_name = ?2 WHERE id = ?1")?
            .execute(params![rows::user_in(user), display_name])?;
    }
    let new = known(conn, user)?;
    if new != old {
        authority::add(conn, &Authority::Changed(user), at)?;
    }
    Ok(new)
}

/// Makes an admin or takes it back.
pub(super) fn set_server_role(
    conn: &Connection,
    actor: Option<UserId>,
    user: UserId,
    role: ServerRole,
    at: Timestamp,
) -> StoreResult<()> {
    let old = known(conn, user)?;
    if old.role == role {
        return Ok(());
    }
    conn.prepare_cached("UPDATE users SET role = ?2 WHERE id = ?1")?
        .execute(params![rows::user_in(user), rows::server_role_in(role)])?;
    let detail = if role == ServerRole::Admin { "admin" } else { "user" };
    audit::add(conn, actor, "user:role", old.user.name.as_str(), Some(detail), at)?;
    // A bot may do no more than its owner.
    for token in tokens::of(conn, user)? {
        authority::add(conn, &Authority::Changed(token.bot), at)?;
    }
    authority::add(conn, &Authority::Changed(user), at)
}

/// Keeps a user out of the server until a time, or lets it back.
pub(super) fn set_server_ban(
    conn: &Connection,
    actor: Option<UserId>,
    user: UserId,
    until: Option<Timestamp>,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    let row = known(conn, user)?;
    let until = until.filter(|until| *until > at);
    conn.prepare_cached("UPDATE users SET banned_until = ?2 WHERE id = ?1")?
        .execute(params![rows::user_in(user), rows::millis(until)])?;
    let action = if until.is_some() { "user:ban" } else { "user:unban" };
    audit::add(conn, actor, action, row.user.name.as_str(), reason, at)?;
    if until.is_some() {
        sessions::forget_all(conn, user)?;
        // Its bots are refused for as long as it is banned.
        for token in tokens::of(conn, user)? {
            authority::add(conn, &Authority::Banned(token.bot), at)?;
        }
        authority::add(conn, &Authority::Banned(user), at)
    } else {
        authority::add(conn, &Authority::Changed(user), at)
    }
}

/// By name, from after `after`; `query`: part of the name.
pub(super) fn list(
    conn: &Connection,
    query: Option<&str>,
    after: Option<&UserName>,
    limit: u32,
) -> StoreResult<Vec<UserRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {} FROM users u WHERE u.name > ?1 AND instr(u.name, ?2) > 0 ORDER BY u.name LIMIT ?3",
        rows::USER
    ))?;
    let query = query.unwrap_or_default().to_lowercase();
    let found =
        statement.query_map(params![after.map_or("", UserName::as_str), query, limit], |row| rows::user(row, 0))?;
    Ok(found.collect::<Result<_, _>>()?)
}
