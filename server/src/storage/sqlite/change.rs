//! What happens to a message after it was sent: edits, deletion, reactions. The earlier text goes in the same
//! transaction from the row and from the index.

use chat_common::{Emoji, RoomName, Seq, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, params};

use super::entry::{self, Body};
use super::standing::{self, Scene};
use super::{append, audit, index, rows};
use crate::domain::Refusal;
use crate::domain::permission::{self, Action};
use crate::storage::{RoomChange, RoomId, StoreResult};

/// Different reactions under one message.
const REACTIONS: u32 = 50;

/// A message as a change needs it.
pub(super) struct Target {
    pub id: i64,
    pub sender: UserId,
    pub text: Option<String>,
    pub text_seq: Seq,
    pub deleted: bool,
}

fn target(conn: &Connection, room: RoomId, seq: Seq) -> StoreResult<Target> {
    let found = conn
        .prepare_cached("SELECT id, sender, text, text_seq, deleted FROM messages WHERE room = ?1 AND seq = ?2")?
        .query_row(params![room.0, rows::seq_in(seq)], |row| {
            Ok(Target {
                id: row.get(0)?,
                sender: rows::user_id(row.get(1)?),
                text: row.get(2)?,
                text_seq: rows::seq(row.get(3)?),
                deleted: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found.ok_or(Refusal::MESSAGE)?)
}

/// The room after a change and the entry that tells it; without one where nothing changed.
pub(super) fn told(conn: &Connection, room: RoomId, seq: Option<Seq>) -> StoreResult<RoomChange> {
    let entry = seq.map(|seq| entry::one(conn, room, seq)).transpose()?.flatten();
    Ok(RoomChange { room: standing::room_again(conn, room)?, entry })
}

/// Says which entry took the earlier text away.
fn supersede(conn: &Connection, room: RoomId, seq: Seq, old: &Target, by: Seq) -> StoreResult<()> {
    let sql = if old.text_seq == seq {
        "UPDATE messages SET superseded_by = ?3 WHERE room = ?1 AND seq = ?2"
    } else {
        "UPDATE entries SET superseded_by = ?3 WHERE room = ?1 AND seq = ?2"
    };
    conn.prepare_cached(sql)?.execute(params![room.0, rows::seq_in(old.text_seq), rows::seq_in(by)])?;
    Ok(())
}

/// Another text; the author alone.
pub(super) fn edit(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    text: &str,
    names: &[UserName],
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, member, .. } = standing::scene(conn, actor, room, Action::Take, at)?;
    let old = target(conn, room.id, seq)?;
    if old.sender != actor {
        return Err(Refusal::Forbidden("only its author may edit a message").into());
    }
    if old.deleted {
        return Err(Refusal::MESSAGE.into());
    }
    permission::writable(member.muted_until, at)?;
    if old.text.as_deref() == Some(text) {
        return told(conn, room.id, None);
    }
    if let Some(old_text) = &old.text {
        index::replace(conn, old.id, old_text, Some(text))?;
    }
    let mentions = append::members_named(conn, room.id, names)?;
    let (by, at) = entry::add(conn, room.id, actor, Some(seq), &Body::Edited, at)?;
    supersede(conn, room.id, seq, &old, by)?;
    conn.prepare_cached(
        "UPDATE messages SET text = ?2, text_seq = ?3, rev = ?3, edited_at = ?4, mentions = ?5 WHERE id = ?1",
    )?
    .execute(params![old.id, text, rows::seq_in(by), at.as_millis(), rows::ids_in(&mentions)])?;
    told(conn, room.id, Some(by))
}

/// Takes a message's text, wherever it stands, and what hangs on it; `by` is the entry that tells it.
pub(super) fn blank(conn: &Connection, room: RoomId, seq: Seq, old: &Target, by: Seq) -> StoreResult<()> {
    if let Some(old_text) = &old.text {
        index::replace(conn, old.id, old_text, None)?;
    }
    supersede(conn, room, seq, old, by)?;
    conn.prepare_cached(
        "UPDATE messages SET text = NULL, text_seq = 0, rev = ?2, mentions = NULL, deleted = 1 WHERE id = ?1",
    )?
    .execute(params![old.id, rows::seq_in(by)])?;
    let key = params![room.0, rows::seq_in(seq)];
    conn.prepare_cached("DELETE FROM reactions WHERE room = ?1 AND seq = ?2")?.execute(key)?;
    conn.prepare_cached("DELETE FROM mentions WHERE room = ?1 AND seq = ?2")?.execute(key)?;
    Ok(())
}

/// Blanks a message; the author or a moderator.
pub(super) fn delete(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, standing, .. } = match standing::scene(conn, actor, room, Action::Take, at) {
        // A server admin deletes without being a member.
        Err(_) => standing::scene(conn, actor, room, Action::DeleteOthers, at)?,
        Ok(scene) => scene,
    };
    let old = target(conn, room.id, seq)?;
    if old.sender != actor {
        standing.check(Action::DeleteOthers)?;
    }
    if old.deleted {
        return told(conn, room.id, None);
    }
    let (by, _) = entry::add(conn, room.id, actor, Some(seq), &Body::Deleted, at)?;
    blank(conn, room.id, seq, &old, by)?;
    if old.sender != actor {
        let subject = format!("{} #{seq}", room.name);
        audit::add(conn, Some(actor), "message:delete", &subject, None, at)?;
    }
    told(conn, room.id, Some(by))
}

/// Sets or takes back a reaction; members.
pub(super) fn react(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    emoji: &Emoji,
    on: bool,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, member, .. } = standing::scene(conn, actor, room, Action::Take, at)?;
    let message = target(conn, room.id, seq)?;
    if message.deleted {
        return Err(Refusal::MESSAGE.into());
    }
    permission::writable(member.muted_until, at)?;
    let key = params![room.id.0, rows::seq_in(seq), emoji.as_str(), rows::user_in(actor)];
    let there: bool = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM reactions WHERE room = ?1 AND seq = ?2 AND emoji = ?3 AND user = ?4)",
        )?
        .query_row(key, |row| row.get(0))?;
    if there == on {
        return told(conn, room.id, None);
    }
    if on {
        let (others, known): (u32, bool) = conn
            .prepare_cached(
                "SELECT count(DISTINCT emoji), coalesce(max(emoji = ?3), 0) FROM reactions WHERE room = ?1 AND seq = ?2",
            )?
            .query_row(params![room.id.0, rows::seq_in(seq), emoji.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if others >= REACTIONS && !known {
            return Err(Refusal::Forbidden("this message has enough different reactions; take one of them").into());
        }
    }
    let body = Body::Reacted { emoji: emoji.clone(), on };
    let (by, _) = entry::add(conn, room.id, actor, Some(seq), &body, at)?;
    if on {
        conn.prepare_cached("INSERT INTO reactions (room, seq, emoji, user, came) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![room.id.0, rows::seq_in(seq), emoji.as_str(), rows::user_in(actor), rows::seq_in(by)])?;
    } else {
        conn.prepare_cached("DELETE FROM reactions WHERE room = ?1 AND seq = ?2 AND emoji = ?3 AND user = ?4")?
            .execute(key)?;
    }
    conn.prepare_cached("UPDATE messages SET rev = ?2 WHERE id = ?1")?
        .execute(params![message.id, rows::seq_in(by)])?;
    told(conn, room.id, Some(by))
}
