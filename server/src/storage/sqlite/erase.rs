//! Erasing a user: everything that is about it goes in one transaction; its texts, if they are to go, follow in steps.

use chat_common::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::{audit, authority, rows, sessions, standing, tokens, users};
use crate::storage::{Authority, RoomRow, StoreResult, secret};

/// What stands for the name of an erased user.
pub(super) fn mark(conn: &Connection, skeleton: &str) -> StoreResult<String> {
    let key: String =
        conn.prepare_cached("SELECT value FROM meta WHERE key = 'text_key'")?.query_row([], |row| row.get(0))?;
    secret::name_mark(&secret::text_key(&key)?, skeleton)
}

/// Erases a user; the rooms it was in, as they are now.
pub(super) fn erase(
    conn: &Connection,
    actor: Option<UserId>,
    user: UserId,
    texts: bool,
    at: Timestamp,
) -> StoreResult<Vec<RoomRow>> {
    users::known(conn, user)?;
    let id = rows::user_in(user);
    let mut rooms = Vec::new();
    for room in memberships(conn, id)? {
        standing::remove_member(conn, room.id, user)?;
        rooms.push(standing::room_again(conn, room.id)?);
    }
    let mut dead: Vec<String> = tokens::of(conn, user)?.into_iter().map(|token| token.id).collect();
    dead.extend(spoken_for(conn, id)?);
    sessions::forget_all(conn, user)?;
    names(conn, id, user)?;
    for sql in [
        "DELETE FROM sanctions WHERE user = ?1",
        "DELETE FROM mentions WHERE user = ?1",
        "DELETE FROM blocks WHERE user = ?1 OR other = ?1",
        "DELETE FROM tokens WHERE owner = ?1 OR bot = ?1",
        "DELETE FROM hooks WHERE bot = ?1",
        "DELETE FROM outgoing WHERE maker = ?1",
        "DELETE FROM outgoing_moves WHERE who = ?1",
        "DELETE FROM outgoing_dead WHERE who = ?1",
        "UPDATE invites SET \"by\" = NULL WHERE \"by\" = ?1",
        "UPDATE users SET owner = NULL WHERE owner = ?1",
        "DELETE FROM users WHERE id = ?1",
    ] {
        conn.execute(sql, [id])?;
    }
    if texts {
        conn.execute("INSERT OR REPLACE INTO erasures (user, room, seq) VALUES (?1, 0, 0)", [id])?;
    }
    let detail = if texts { "with its texts" } else { "its texts stay" };
    audit::add(conn, actor, "user:erase", &user.to_string(), Some(detail), at)?;
    for token in dead {
        authority::add(conn, &Authority::Token(token), at)?;
    }
    authority::add(conn, &Authority::User { user, except: None }, at)?;
    Ok(rooms)
}

fn memberships(conn: &Connection, id: i64) -> StoreResult<Vec<RoomRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.id, r.name, r.kind, r.topic, r.first, r.head, r.members, r.retention_days
         FROM members m JOIN rooms r ON r.id = m.room WHERE m.user = ?1 ORDER BY r.id",
    )?;
    let found = statement.query_map([id], rows::room)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The API tokens that a bot speaks by.
fn spoken_for(conn: &Connection, bot: i64) -> StoreResult<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT id FROM tokens WHERE bot = ?1")?;
    let found = statement.query_map([bot], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes the user's names out of the book of names and out of the audit; marks keep them from being given again.
fn names(conn: &Connection, id: i64, user: UserId) -> StoreResult<()> {
    let found: Vec<(String, String)> = conn
        .prepare_cached("SELECT name, skeleton FROM names WHERE user = ?1")?
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let said = user.to_string();
    for (name, skeleton) in found {
        let mark = mark(conn, &skeleton)?;
        conn.execute("DELETE FROM names WHERE skeleton = ?1 AND name = ?2", params![skeleton, name])?;
        conn.execute("INSERT OR IGNORE INTO names (name, skeleton, user) VALUES (?1, ?1, ?2)", params![mark, id])?;
        for sql in [
            "UPDATE audit SET subject = ?1 WHERE subject = ?2 AND action LIKE 'user:%'",
            "UPDATE audit SET subject = ?1 || substr(subject, length(?2) + 1)
             WHERE action LIKE 'member:%' AND substr(subject, 1, length(?2) + 4) = ?2 || ' in '",
            "UPDATE audit SET detail = ?1 WHERE detail = ?2 AND action = 'room:transfer'",
        ] {
            conn.execute(sql, params![said, name])?;
        }
    }
    Ok(())
}
