//! What the writer knows by heart of the open transaction, so that an append costs few look-ups: rooms with their
//! heads, members, users. It is dropped before any other kind of write and after every rollback.

use std::collections::HashMap;

use chat_common::model::{Role, User};
use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::storage::{RoomId, RoomRow, StoreResult};

/// Beyond so many of a kind everything is dropped; they come back at need.
const MOST: usize = 20_000;

/// A room and what an append changes of it.
#[derive(Clone, Debug)]
pub(super) struct CachedRoom {
    pub row: RoomRow,
    pub head_at: Timestamp,
    pub peers: Option<(UserId, UserId)>,
    dirty: bool,
}

/// A sender as an append needs it.
#[derive(Clone, Debug)]
pub(super) struct CachedUser {
    pub user: User,
    pub admin: bool,
    pub banned_until: Option<Timestamp>,
}

/// A membership as an append needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CachedMember {
    pub role: Option<Role>,
    pub muted_until: Option<Timestamp>,
    pub banned_until: Option<Timestamp>,
    pub kicked: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    rooms: HashMap<RoomName, CachedRoom>,
    users: HashMap<UserId, CachedUser>,
    members: HashMap<(RoomId, UserId), CachedMember>,
    next_id: Option<i64>,
}

impl Cache {
    /// Forgets everything; [`Cache::write_back`] comes first unless the transaction was undone.
    pub fn clear(&mut self) {
        self.rooms.clear();
        self.users.clear();
        self.members.clear();
        self.next_id = None;
    }

    /// Brings the heads of the rooms that grew into the transaction.
    pub fn write_back(&mut self, conn: &Connection) -> StoreResult<()> {
        for room in self.rooms.values_mut().filter(|room| room.dirty) {
            conn.prepare_cached("UPDATE rooms SET head = ?2, head_at = ?3 WHERE id = ?1")?.execute(params![
                room.row.id.0,
                rows::seq_in(room.row.head),
                room.head_at.as_millis()
            ])?;
            room.dirty = false;
        }
        if self.rooms.len().max(self.users.len()).max(self.members.len()) > MOST {
            self.clear();
        }
        Ok(())
    }

    /// The room of this name.
    pub fn room(&mut self, conn: &Connection, name: &RoomName) -> StoreResult<Option<CachedRoom>> {
        if let Some(room) = self.rooms.get(name) {
            return Ok(Some(room.clone()));
        }
        let found = conn
            .prepare_cached(
                "SELECT id, name, kind, topic, first, head, members, retention_days, head_at, low, high
                 FROM rooms WHERE name = ?1",
            )?
            .query_row([name.as_str()], |row| {
                let peers = match (row.get::<_, Option<i64>>(9)?, row.get::<_, Option<i64>>(10)?) {
                    (Some(low), Some(high)) => Some((rows::user_id(low), rows::user_id(high))),
                    _ => None,
                };
                Ok(CachedRoom {
                    row: rows::room(row)?,
                    head_at: Timestamp::from_millis(row.get(8)?),
                    peers,
                    dirty: false,
                })
            })
            .optional()?;
        if let Some(room) = &found {
            self.rooms.insert(name.clone(), room.clone());
        }
        Ok(found)
    }

    /// Keeps a room that has grown; its row is written back before the commit.
    pub fn grown(&mut self, mut room: CachedRoom) {
        room.dirty = true;
        self.rooms.insert(room.row.name.clone(), room);
    }

    /// A user.
    pub fn user(&mut self, conn: &Connection, id: UserId) -> StoreResult<Option<CachedUser>> {
        if let Some(user) = self.users.get(&id) {
            return Ok(Some(user.clone()));
        }
        let found = super::users::by_id(conn, id)?.map(|row| CachedUser {
            admin: row.role == chat_common::event::server::ServerRole::Admin,
            banned_until: row.banned_until,
            user: row.user,
        });
        if let Some(user) = &found {
            self.users.insert(id, user.clone());
        }
        Ok(found)
    }

    /// How a user stands to a room.
    pub fn member(&mut self, conn: &Connection, room: RoomId, user: UserId) -> StoreResult<CachedMember> {
        if let Some(member) = self.members.get(&(room, user)) {
            return Ok(*member);
        }
        let standing = super::standing::of(conn, room, user)?;
        self.members.insert((room, user), standing);
        Ok(standing)
    }

    /// After a join.
    pub fn set_member(&mut self, room: RoomId, user: UserId, member: CachedMember) {
        self.members.insert((room, user), member);
    }

    /// The next `messages.id`: above every one that stands and every one that the index has seen.
    pub fn next_id(&mut self, conn: &Connection) -> StoreResult<i64> {
        let id = match self.next_id {
            Some(id) => id,
            None => conn
                .prepare_cached(
                    "SELECT 1 + max((SELECT coalesce(max(id), 0) FROM messages),
                                    (SELECT value FROM meta WHERE key = 'search_cursor'))",
                )?
                .query_row([], |row| row.get(0))?,
        };
        self.next_id = Some(id + 1);
        Ok(id)
    }
}
