//! Reading messages as they stand.

use chat_common::model::{Message, Reaction};
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{error, rows};
use crate::storage::{MessagePage, Page, RoomId, StoreResult};

/// What [`Reader::message`] reads.
pub(super) const COLUMNS: &str = "m.room, m.seq, m.rev, m.at, m.sender, m.text, m.client_id, m.reply_to, m.mentions,
    m.edited_at, m.deleted, m.id";

/// Puts messages together for one asker, looking each user and room up once.
pub(super) struct Reader<'a> {
    conn: &'a Connection,
    asker: UserId,
    users: rows::Users,
    room: Option<(RoomId, RoomName)>,
}

impl<'a> Reader<'a> {
    pub fn new(conn: &'a Connection, asker: UserId) -> Self {
        Self { conn, asker, users: rows::Users::default(), room: None }
    }

    fn name(&mut self, room: RoomId) -> StoreResult<RoomName> {
        if let Some((id, name)) = &self.room
            && *id == room
        {
            return Ok(name.clone());
        }
        let name: Option<String> =
            self.conn.prepare_cached("SELECT name FROM rooms WHERE id = ?1")?.query_row([room.0], |row| row.get(0))?;
        let name = RoomName::parse(&name.unwrap_or_default()).map_err(|_| error::damaged("room name"))?;
        self.room = Some((room, name.clone()));
        Ok(name)
    }

    /// The message of a row of [`COLUMNS`].
    pub fn message(&mut self, row: &Row<'_>) -> StoreResult<Message> {
        let room = RoomId(row.get(0)?);
        let seq = rows::seq(row.get(1)?);
        let client_id: String = row.get(6)?;
        Ok(Message {
            room: self.name(room)?,
            seq,
            rev: rows::seq(row.get(2)?),
            at: Timestamp::from_millis(row.get(3)?),
            from: self.users.get(self.conn, rows::user_id(row.get(4)?))?,
            text: row.get(5)?,
            client_id: ClientId::parse(&client_id).map_err(|_| error::damaged("client_id"))?,
            reply_to: row.get::<_, Option<i64>>(7)?.map(rows::seq),
            mentions: rows::ids(row.get(8)?),
            edited_at: rows::time(row.get(9)?),
            deleted: row.get(10)?,
            reactions: self.reactions(room, seq)?,
        })
    }

    fn reactions(&self, room: RoomId, seq: Seq) -> StoreResult<Vec<Reaction>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT emoji, count(*), max(user = ?3) FROM reactions WHERE room = ?1 AND seq = ?2
             GROUP BY emoji ORDER BY min(came)",
        )?;
        let found = statement.query_map(params![room.0, rows::seq_in(seq), rows::user_in(self.asker)], |row| {
            let emoji: String = row.get(0)?;
            let emoji = Emoji::parse(&emoji).map_err(|_| rows::bad(0, "reaction"))?;
            Ok(Reaction { emoji, count: row.get(1)?, me: row.get(2)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// All messages that a statement over [`COLUMNS`] finds.
    pub fn all(&mut self, sql: &str, params: impl rusqlite::Params) -> StoreResult<Vec<Message>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut found = statement.query(params)?;
        let mut messages = Vec::new();
        while let Some(row) = found.next()? {
            messages.push(self.message(row)?);
        }
        Ok(messages)
    }
}

/// `(first, head)` of a room; `None` if it is gone.
pub(super) fn bounds(conn: &Connection, room: RoomId) -> StoreResult<Option<(Seq, Seq)>> {
    Ok(conn
        .prepare_cached("SELECT first, head FROM rooms WHERE id = ?1 AND name IS NOT NULL")?
        .query_row([room.0], |row| Ok((rows::seq(row.get(0)?), rows::seq(row.get(1)?))))
        .optional()?)
}

/// The heads of several rooms.
pub(super) fn heads(conn: &Connection, rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>> {
    let mut statement = conn.prepare_cached("SELECT name, head FROM rooms WHERE id = ?1 AND name IS NOT NULL")?;
    let mut out = Vec::with_capacity(rooms.len());
    for room in rooms {
        let found = statement
            .query_row([room.0], |row| {
                let name: String = row.get(0)?;
                Ok((RoomName::parse(&name).map_err(|_| rows::bad(0, "room name"))?, rows::seq(row.get(1)?)))
            })
            .optional()?;
        out.extend(found.map(|(name, head)| (*room, name, head)));
    }
    Ok(out)
}

/// A page of messages as `asker` sees them.
pub(super) fn page(conn: &Connection, asker: UserId, room: RoomId, page: Page, limit: u32) -> StoreResult<MessagePage> {
    let Some((first, head)) = bounds(conn, room)? else { return Err(crate::domain::Refusal::ROOM.into()) };
    let mut reader = Reader::new(conn, asker);
    let limit = limit.max(1);
    let (messages, has_more) = match page {
        Page::Latest => older(&mut reader, room, Seq(u64::MAX), limit)?,
        Page::Before(seq) => older(&mut reader, room, seq, limit)?,
        Page::After(seq) => newer(&mut reader, room, seq, limit)?,
        Page::Around(seq) => {
            let (mut messages, more) = older(&mut reader, room, seq, limit / 2)?;
            let rest = limit - u32::try_from(messages.len()).unwrap_or(limit);
            messages.extend(newer(&mut reader, room, seq.prev(), rest)?.0);
            (messages, more)
        }
    };
    Ok(MessagePage { messages, first, head, has_more })
}

fn older(reader: &mut Reader<'_>, room: RoomId, before: Seq, limit: u32) -> StoreResult<(Vec<Message>, bool)> {
    let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.room = ?1 AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?3");
    let mut messages = reader.all(&sql, params![room.0, rows::seq_in(before), i64::from(limit) + 1])?;
    let more = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    messages.reverse();
    Ok((messages, more))
}

fn newer(reader: &mut Reader<'_>, room: RoomId, after: Seq, limit: u32) -> StoreResult<(Vec<Message>, bool)> {
    let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.room = ?1 AND m.seq > ?2 ORDER BY m.seq LIMIT ?3");
    let mut messages = reader.all(&sql, params![room.0, rows::seq_in(after), i64::from(limit) + 1])?;
    let more = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    Ok((messages, more))
}

/// The replies to a message after `after`, ascending, one more than `limit` if there are more.
pub(super) fn thread(
    conn: &Connection,
    asker: UserId,
    room: RoomId,
    seq: Seq,
    after: Seq,
    limit: u32,
) -> StoreResult<Option<Vec<Message>>> {
    let there: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE room = ?1 AND seq = ?2)")?
        .query_row(params![room.0, rows::seq_in(seq)], |row| row.get(0))?;
    if !there {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM messages m WHERE m.room = ?1 AND m.reply_to = ?2 AND m.seq > ?3 ORDER BY m.seq LIMIT ?4"
    );
    let key = params![room.0, rows::seq_in(seq), rows::seq_in(after), i64::from(limit) + 1];
    Reader::new(conn, asker).all(&sql, key).map(Some)
}
