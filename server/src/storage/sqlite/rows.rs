//! How values stand in columns, and back.

use std::collections::HashMap;

use chat_common::event::server::ServerRole;
use chat_common::model::{Role, RoomKind, User, UserKind};
use chat_common::{RoomName, Seq, Timestamp, UserId, UserName};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::storage::{FOREVER_MS, RoomId, RoomRow, StoreResult, UserRow};

/// For a column that holds what no write of this program puts there.
pub(super) fn bad(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("not a {what}").into())
}

pub(super) fn user_in(id: UserId) -> i64 {
    id.bits().cast_signed()
}

pub(super) fn user_id(value: i64) -> UserId {
    UserId::from_bits(value.cast_unsigned())
}

pub(super) fn seq_in(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub(super) fn seq(value: i64) -> Seq {
    Seq(u64::try_from(value).unwrap_or(0))
}

pub(super) fn time(value: Option<i64>) -> Option<Timestamp> {
    value.map(Timestamp::from_millis)
}

pub(super) fn millis(value: Option<Timestamp>) -> Option<i64> {
    value.map(Timestamp::as_millis)
}

/// `None` for "without end", as refusals tell it.
pub(super) fn end_of(until: Timestamp) -> Option<Timestamp> {
    (until.as_millis() < FOREVER_MS).then_some(until)
}

pub(super) fn kind_in(kind: RoomKind) -> i64 {
    match kind {
        RoomKind::Public => 0,
        RoomKind::Private => 1,
        RoomKind::Direct => 2,
    }
}

pub(super) fn kind(column: usize, value: i64) -> rusqlite::Result<RoomKind> {
    match value {
        0 => Ok(RoomKind::Public),
        1 => Ok(RoomKind::Private),
        2 => Ok(RoomKind::Direct),
        _ => Err(bad(column, "kind of room")),
    }
}

pub(super) fn role_in(role: Role) -> i64 {
    match role {
        Role::Member => 1,
        Role::Moderator => 2,
        Role::Owner => 3,
    }
}

pub(super) fn role(column: usize, value: i64) -> rusqlite::Result<Role> {
    match value {
        1 => Ok(Role::Member),
        2 => Ok(Role::Moderator),
        3 => Ok(Role::Owner),
        _ => Err(bad(column, "role")),
    }
}

pub(super) fn user_kind_in(kind: UserKind) -> i64 {
    match kind {
        UserKind::User => 0,
        UserKind::Guest => 1,
        UserKind::Bot => 2,
    }
}

pub(super) fn user_kind(column: usize, value: i64) -> rusqlite::Result<UserKind> {
    match value {
        0 => Ok(UserKind::User),
        1 => Ok(UserKind::Guest),
        2 => Ok(UserKind::Bot),
        _ => Err(bad(column, "kind of user")),
    }
}

pub(super) fn server_role_in(role: ServerRole) -> i64 {
    match role {
        ServerRole::User => 0,
        ServerRole::Admin => 1,
    }
}

/// Columns of [`room`]: id, name, kind, topic, first, head, members, retention_days.
pub(super) fn room(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    let name: String = row.get(1)?;
    Ok(RoomRow {
        id: RoomId(row.get(0)?),
        name: RoomName::parse(&name).map_err(|_| bad(1, "room name"))?,
        kind: kind(2, row.get(2)?)?,
        topic: row.get(3)?,
        first: seq(row.get(4)?),
        head: seq(row.get(5)?),
        members: row.get(6)?,
        retention_days: row.get(7)?,
    })
}

/// What [`user`] reads, to stand after SELECT.
pub(super) const USER: &str = "u.id, u.name, u.display_name, u.kind, u.role, u.owner, u.created_at, u.banned_until";

/// The columns of [`USER`], from `base` on.
pub(super) fn user(row: &Row<'_>, base: usize) -> rusqlite::Result<UserRow> {
    let name: String = row.get(base + 1)?;
    Ok(UserRow {
        user: User {
            id: user_id(row.get(base)?),
            name: UserName::parse(&name).map_err(|_| bad(base + 1, "user name"))?,
            display_name: row.get(base + 2)?,
            kind: user_kind(base + 3, row.get(base + 3)?)?,
        },
        role: if row.get::<_, i64>(base + 4)? == 1 { ServerRole::Admin } else { ServerRole::User },
        owner: row.get::<_, Option<i64>>(base + 5)?.map(user_id),
        created_at: Timestamp::from_millis(row.get(base + 6)?),
        banned_until: time(row.get(base + 7)?),
    })
}

/// Users that a page speaks of, each looked up once.
#[derive(Default)]
pub(super) struct Users(HashMap<UserId, User>);

impl Users {
    /// The user; one that is not there any more is shown as `erased`.
    pub fn get(&mut self, conn: &Connection, id: UserId) -> StoreResult<User> {
        if let Some(user) = self.0.get(&id) {
            return Ok(user.clone());
        }
        let user = match super::users::by_id(conn, id)? {
            Some(row) => row.user,
            None => crate::storage::gone_user(id)?,
        };
        self.0.insert(id, user.clone());
        Ok(user)
    }
}

/// Ids as they stand in `messages.mentions`; none is no value.
pub(super) fn ids_in(ids: &[UserId]) -> Option<Vec<u8>> {
    (!ids.is_empty()).then(|| ids.iter().flat_map(|id| id.bits().to_le_bytes()).collect())
}

/// Back from [`ids_in`].
pub(super) fn ids(value: Option<Vec<u8>>) -> Vec<UserId> {
    let bytes = value.unwrap_or_default();
    bytes.as_chunks::<8>().0.iter().map(|chunk| UserId::from_bits(u64::from_le_bytes(*chunk))).collect()
}
