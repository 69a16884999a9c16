//! Storing a message: the path that must be cheap. It looks at everything first and writes last, so that it needs
//! no savepoint.

use std::sync::Arc;

use chat_common::event::{Entry, EntryBody};
use chat_common::model::Role;
use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, params};

use super::cache::{CachedMember, CachedRoom, CachedUser};
use super::job::Work;
use super::{rows, standing, tokens};
use crate::domain::Refusal;
use crate::domain::permission::{self, Action};
use crate::storage::secret::TextHash;
use crate::storage::{Append, Appended, RoomId, StoreResult};

/// The answer to an earlier send with this key; `Conflict` with another text.
fn find(
    conn: &Connection,
    room: i64,
    sender: UserId,
    client_id: &ClientId,
    hash: &TextHash,
) -> StoreResult<Option<(Seq, Timestamp)>> {
    let found = conn
        .prepare_cached("SELECT seq, at, text_hash FROM messages WHERE room = ?1 AND sender = ?2 AND client_id = ?3")?
        .query_row(params![room, rows::user_in(sender), client_id.as_str()], |row| {
            Ok((rows::seq(row.get(0)?), Timestamp::from_millis(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    match found {
        Some((_, _, other)) if other != hash => {
            Err(Refusal::Conflict("another text was sent with this client_id; take a new one").into())
        }
        other => Ok(other.map(|(seq, at, _)| (seq, at))),
    }
}

/// As [`find`], in the room of this name.
pub(super) fn find_by_name(
    conn: &Connection,
    room: &RoomName,
    sender: UserId,
    client_id: &ClientId,
    hash: &TextHash,
) -> StoreResult<Option<(Seq, Timestamp)>> {
    match standing::room(conn, room)? {
        Some(room) => find(conn, room.id.0, sender, client_id, hash),
        None => Ok(None),
    }
}

/// Stores a message, or gives the first answer again.
pub(super) fn append(work: &mut Work<'_>, new: Append, hash: &TextHash) -> StoreResult<Appended> {
    let Some(mut room) = work.cache.room(work.conn, &new.room)? else { return Err(Refusal::ROOM.into()) };
    let Some(sender) = work.cache.user(work.conn, new.sender)? else { return Err(Refusal::USER.into()) };
    let member = work.cache.member(work.conn, room.row.id, new.sender)?;
    let allowed = rights(work.conn, &room, &sender, member, &new);
    // A repeat is answered before rights are looked at.
    if let Some((seq, at)) = find(work.conn, room.row.id.0, new.sender, &new.client_id, hash)? {
        return Ok(Appended { room: room.row, seq, at, entry: None, joined: false });
    }
    allowed?;

    let joined = member.role.is_none();
    if joined {
        standing::add_member(work.conn, &room.row, new.sender, Role::Member, new.at)?;
        room.row.members += 1;
        let member = CachedMember { role: Some(Role::Member), kicked: false, ..member };
        work.cache.set_member(room.row.id, new.sender, member);
    }
    let seq = room.row.head.next();
    let at = new.at.max(room.head_at);
    let mentions = members_named(work.conn, room.row.id, &new.mentions)?;
    let id = work.cache.next_id(work.conn)?;
    insert(work.conn, id, &room, seq, at, &new, hash, &mentions)?;
    room.row.head = seq;
    room.head_at = at;
    let row = room.row.clone();
    work.cache.grown(room);
    let body = EntryBody::Created {
        text: Some(new.text),
        client_id: new.client_id,
        reply_to: new.reply_to,
        mentions,
        superseded_by: None,
    };
    let entry = Arc::new(Entry { room: row.name.clone(), seq, at, from: sender.user, body });
    Ok(Appended { room: row, seq, at, entry: Some(entry), joined })
}

/// Everything that can refuse a new message.
fn rights(
    conn: &Connection,
    room: &CachedRoom,
    sender: &CachedUser,
    member: CachedMember,
    new: &Append,
) -> StoreResult<()> {
    if let Some(until) = sender.banned_until.filter(|until| *until > new.at) {
        return Err(Refusal::Banned { until: rows::end_of(until) }.into());
    }
    member.standing(&room.row, sender.admin, new.at).check(Action::Send)?;
    permission::writable(member.muted_until, new.at)?;
    if member.role.is_none() {
        if member.kicked {
            return Err(Refusal::Forbidden("you were removed from this room; join it again first").into());
        }
        standing::room_for_one_more(conn, new.sender, new.max_rooms)?;
    }
    if let Some((low, high)) = room.peers {
        let peer = if low == new.sender { high } else { low };
        if tokens::has_blocked(conn, peer, new.sender)? {
            return Err(Refusal::Forbidden("this user does not take direct messages from you").into());
        }
    }
    if let Some(answered) = new.reply_to {
        let there: bool = conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE room = ?1 AND seq = ?2)")?
            .query_row(params![room.row.id.0, rows::seq_in(answered)], |row| row.get(0))?;
        if !there {
            return Err(Refusal::MESSAGE.into());
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one row's columns, known at one place only")]
fn insert(
    conn: &Connection,
    id: i64,
    room: &CachedRoom,
    seq: Seq,
    at: Timestamp,
    new: &Append,
    hash: &TextHash,
    mentions: &[UserId],
) -> StoreResult<()> {
    let number = rows::seq_in(seq);
    conn.prepare_cached(
        "INSERT INTO messages (id, room, seq, at, sender, client_id, text_hash, text, text_seq, rev, reply_to, mentions)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?3, ?3, ?9, ?10)",
    )?
    .execute(params![
        id,
        room.row.id.0,
        number,
        at.as_millis(),
        rows::user_in(new.sender),
        new.client_id.as_str(),
        hash,
        new.text,
        new.reply_to.map(rows::seq_in),
        rows::ids_in(mentions)
    ])?;
    for user in mentions.iter().filter(|user| **user != new.sender) {
        conn.prepare_cached("INSERT OR IGNORE INTO mentions (user, room, seq) VALUES (?1, ?2, ?3)")?
            .execute(params![rows::user_in(*user), room.row.id.0, number])?;
    }
    Ok(())
}

/// Those of the names that are members of a room.
pub(super) fn members_named(conn: &Connection, room: RoomId, names: &[UserName]) -> StoreResult<Vec<UserId>> {
    let mut ids = Vec::new();
    for name in names {
        let id: Option<i64> = conn
            .prepare_cached(
                "SELECT u.id FROM users u JOIN members m ON m.user = u.id WHERE u.name = ?1 AND m.room = ?2",
            )?
            .query_row(params![name.as_str(), room.0], |row| row.get(0))
            .optional()?;
        ids.extend(id.map(rows::user_id).filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}
