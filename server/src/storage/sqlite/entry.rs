//! The log itself: writing an entry that is no message, and reading entries, which stand in two tables (a message
//! is its own `message:created`).

use chat_common::event::{Entry, EntryBody};
use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{error, rows};
pub(super) use crate::storage::body::Body;
use crate::storage::{LOCAL, RoomId, StoreResult};

/// Adds an entry to a room's log: the next `seq`, a time that does not go back.
pub(super) fn add(
    conn: &Connection,
    room: RoomId,
    from: UserId,
    target: Option<Seq>,
    body: &Body,
    at: Timestamp,
) -> StoreResult<(Seq, Timestamp)> {
    let (seq, at): (i64, i64) = conn
        .prepare_cached(
            "UPDATE rooms SET head = head + 1, head_at = max(head_at, ?2) WHERE id = ?1 RETURNING head, head_at",
        )?
        .query_row(params![room.0, at.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let body = serde_json::to_string(body).map_err(|_| error::damaged("entry"))?;
    let from = if from == LOCAL { owner(conn, room)? } else { from };
    conn.prepare_cached("INSERT INTO entries (room, seq, at, sender, target, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![room.0, seq, at, rows::user_in(from), target.map(rows::seq_in), body])?;
    Ok((rows::seq(seq), Timestamp::from_millis(at)))
}

/// A room's owner; who is nobody where there is none.
fn owner(conn: &Connection, room: RoomId) -> StoreResult<UserId> {
    let owner = conn
        .prepare_cached("SELECT user FROM members WHERE room = ?1 AND role = 3")?
        .query_row([room.0], |row| row.get(0))
        .optional()?;
    Ok(owner.map_or(LOCAL, rows::user_id))
}

/// Entries after `after`, ascending without a hole, at most `limit`.
pub(super) fn after(conn: &Connection, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Entry>> {
    let name: Option<String> = conn
        .prepare_cached("SELECT name FROM rooms WHERE id = ?1")?
        .query_row([room.0], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(name) = name else { return Ok(Vec::new()) };
    let name = RoomName::parse(&name).map_err(|_| error::damaged("room name"))?;
    let mut users = rows::Users::default();
    let mut all = created(conn, &mut users, room, &name, after, limit)?;
    all.extend(others(conn, &mut users, room, &name, after, limit)?);
    // Each list holds the first `limit` of its kind, so the first `limit` of both are whole.
    all.sort_unstable_by_key(|entry| entry.seq);
    all.truncate(limit as usize);
    Ok(all)
}

/// One entry, as it is told.
pub(super) fn one(conn: &Connection, room: RoomId, seq: Seq) -> StoreResult<Option<Entry>> {
    Ok(after(conn, room, seq.prev(), 1)?.into_iter().find(|entry| entry.seq == seq))
}

fn created(
    conn: &Connection,
    users: &mut rows::Users,
    room: RoomId,
    name: &RoomName,
    after: Seq,
    limit: u32,
) -> StoreResult<Vec<Entry>> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, at, sender, client_id, reply_to, superseded_by,
                CASE WHEN superseded_by IS NULL THEN text END, CASE WHEN superseded_by IS NULL THEN mentions END
         FROM messages WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut found = statement.query(params![room.0, rows::seq_in(after), limit])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let client_id: String = row.get(3)?;
        entries.push(Entry {
            room: name.clone(),
            seq: rows::seq(row.get(0)?),
            at: Timestamp::from_millis(row.get(1)?),
            from: users.get(conn, rows::user_id(row.get(2)?))?,
            body: EntryBody::Created {
                text: row.get(6)?,
                client_id: ClientId::parse(&client_id).map_err(|_| error::damaged("client_id"))?,
                reply_to: row.get::<_, Option<i64>>(4)?.map(rows::seq),
                mentions: rows::ids(row.get(7)?),
                superseded_by: row.get::<_, Option<i64>>(5)?.map(rows::seq),
            },
        });
    }
    Ok(entries)
}

fn others(
    conn: &Connection,
    users: &mut rows::Users,
    room: RoomId,
    name: &RoomName,
    after: Seq,
    limit: u32,
) -> StoreResult<Vec<Entry>> {
    let mut statement = conn.prepare_cached(
        "SELECT e.seq, e.at, e.sender, e.target, e.superseded_by, e.body, m.text, m.mentions
         FROM entries e LEFT JOIN messages m ON m.room = e.room AND m.seq = e.target AND m.text_seq = e.seq
         WHERE e.room = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3",
    )?;
    let mut found = statement.query(params![room.0, rows::seq_in(after), limit])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let target = rows::seq(row.get::<_, Option<i64>>(3)?.unwrap_or(0));
        let body: String = row.get(5)?;
        let body: Body = serde_json::from_str(&body).map_err(|_| error::damaged("entry"))?;
        let body = match body {
            Body::Edited => EntryBody::Edited {
                target,
                text: row.get(6)?,
                mentions: rows::ids(row.get(7)?),
                superseded_by: row.get::<_, Option<i64>>(4)?.map(rows::seq),
            },
            Body::Deleted => EntryBody::Deleted { target },
            Body::Reacted { emoji, on } => EntryBody::Reacted { target, emoji, on },
            Body::Blanked { through, user } => EntryBody::Blanked { through, user },
            Body::Room { topic, kind, owner, retention_days } => {
                let owner = owner.map(|id| users.get(conn, id)).transpose()?;
                EntryBody::RoomUpdated { topic, kind, owner, retention_days }
            }
            Body::Removed { user, how, reason } => {
                EntryBody::MemberRemoved { user: users.get(conn, user)?, how, reason }
            }
            Body::Member { user, role, muted_until } => {
                EntryBody::MemberUpdated { user: users.get(conn, user)?, role, muted_until }
            }
        };
        entries.push(Entry {
            room: name.clone(),
            seq: rows::seq(row.get(0)?),
            at: Timestamp::from_millis(row.get(1)?),
            from: users.get(conn, rows::user_id(row.get(2)?))?,
            body,
        });
    }
    Ok(entries)
}
