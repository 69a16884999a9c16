//! How values stand in columns, and back.

use std::collections::HashMap;

use chat_common::event::server::ServerRole;
use chat_common::model::{Role, RoomKind, User, UserKind};
use chat_common::{RoomName, Seq, Timestamp, UserId, UserName};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::damaged;
use crate::storage::{FOREVER_MS, RoomId, RoomRow, StoreResult, UserRow};

pub(super) fn user_in(id: UserId) -> i64 {
    id.bits().cast_signed()
}

pub(super) fn users_in(ids: &[UserId]) -> Vec<i64> {
    ids.iter().copied().map(user_in).collect()
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

/// A count, which no write lets fall below zero.
pub(super) fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}

/// `None` for "without end", as refusals tell it.
pub(super) fn end_of(until: Timestamp) -> Option<Timestamp> {
    (until.as_millis() < FOREVER_MS).then_some(until)
}

pub(super) fn kind_in(kind: RoomKind) -> i16 {
    match kind {
        RoomKind::Public => 0,
        RoomKind::Private => 1,
        RoomKind::Direct => 2,
    }
}

pub(super) fn kind(value: i16) -> StoreResult<RoomKind> {
    match value {
        0 => Ok(RoomKind::Public),
        1 => Ok(RoomKind::Private),
        2 => Ok(RoomKind::Direct),
        _ => Err(damaged("kind of room")),
    }
}

pub(super) fn role_in(role: Role) -> i16 {
    match role {
        Role::Member => 1,
        Role::Moderator => 2,
        Role::Owner => 3,
    }
}

pub(super) fn role(value: i16) -> StoreResult<Role> {
    match value {
        1 => Ok(Role::Member),
        2 => Ok(Role::Moderator),
        3 => Ok(Role::Owner),
        _ => Err(damaged("role")),
    }
}

pub(super) fn user_kind_in(kind: UserKind) -> i16 {
    match kind {
        UserKind::User => 0,
        UserKind::Guest => 1,
        UserKind::Bot => 2,
    }
}

pub(super) fn user_kind(value: i16) -> StoreResult<UserKind> {
    match value {
        0 => Ok(UserKind::User),
        1 => Ok(UserKind::Guest),
        2 => Ok(UserKind::Bot),
        _ => Err(damaged("kind of user")),
    }
}

pub(super) fn server_role_in(role: ServerRole) -> i16 {
    match role {
        ServerRole::User => 0,
        ServerRole::Admin => 1,
    }
}

pub(super) fn room_name(value: &str) -> StoreResult<RoomName> {
    RoomName::parse(value).map_err(|_| damaged("room name"))
}

pub(super) fn user_name(value: &str) -> StoreResult<UserName> {
    UserName::parse(value).map_err(|_| damaged("user name"))
}

/// What [`room`] reads of `rooms r`, to stand after SELECT.
macro_rules! room_columns {
    () => {
        "r.id, r.name, r.kind, r.topic, r.first, r.head, r.members, r.retention_days"
    };
}
pub(super) use room_columns;
/// How many they are.
pub(super) const ROOM_COLUMNS: usize = 8;

/// The [`room_columns`], from `base` on.
pub(super) fn room(row: &PgRow, base: usize) -> StoreResult<RoomRow> {
    Ok(RoomRow {
        id: RoomId(row.try_get(base)?),
        name: room_name(row.try_get(base + 1)?)?,
        kind: kind(row.try_get(base + 2)?)?,
        topic: row.try_get(base + 3)?,
        first: seq(row.try_get(base + 4)?),
        head: seq(row.try_get(base + 5)?),
        members: count(row.try_get::<i32, _>(base + 6)?.into()),
        retention_days: row.try_get::<Option<i32>, _>(base + 7)?.map(|days| count(days.into())),
    })
}

/// What [`user`] reads of `users u`, to stand after SELECT.
macro_rules! user_columns {
    () => {
        "u.id, u.name, u.display_name, u.kind, u.role, u.owner, u.created_at, u.banned_until"
    };
}
pub(super) use user_columns;
/// How many they are.
pub(super) const USER_COLUMNS: usize = 8;

/// The [`user_columns`], from `base` on.
pub(super) fn user(row: &PgRow, base: usize) -> StoreResult<UserRow> {
    Ok(UserRow {
        user: User {
            id: user_id(row.try_get(base)?),
            name: user_name(row.try_get(base + 1)?)?,
            display_name: row.try_get(base + 2)?,
            kind: user_kind(row.try_get(base + 3)?)?,
        },
        role: if row.try_get::<i16, _>(base + 4)? == 1 { ServerRole::Admin } else { ServerRole::User },
        owner: row.try_get::<Option<i64>, _>(base + 5)?.map(user_id),
        created_at: Timestamp::from_millis(row.try_get(base + 6)?),
        banned_until: time(row.try_get(base + 7)?),
    })
}

/// One that is not there any more.
pub(super) fn erased(id: UserId) -> StoreResult<User> {
    crate::storage::gone_user(id)
}

/// Users that a page speaks of, all looked up at once.
#[derive(Default)]
pub(super) struct Users(HashMap<UserId, User>);

impl Users {
    /// Looks up those that are asked for; no question where there is none.
    pub async fn of(conn: &mut PgConnection, ids: &[UserId]) -> StoreResult<Self> {
        let mut wanted = users_in(ids);
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = HashMap::with_capacity(wanted.len());
        if !wanted.is_empty() {
            for row in super::users::by_ids(conn, &wanted).await? {
                found.insert(row.user.id, row.user);
            }
        }
        Ok(Self(found))
    }

    /// The user; one that is not there any more is shown as `erased`.
    pub fn get(&self, id: UserId) -> StoreResult<User> {
        self.0.get(&id).map_or_else(|| erased(id), |user| Ok(user.clone()))
    }
}

/// Ids as they stand in `messages.mentions`; none is no value.
pub(super) fn ids_in(ids: &[UserId]) -> Option<Vec<u8>> {
    (!ids.is_empty()).then(|| ids.iter().flat_map(|id| id.bits().to_le_bytes()).collect())
}

/// Back from [`ids_in`].
pub(super) fn ids(value: Option<&[u8]>) -> Vec<UserId> {
    let bytes = value.unwrap_or_default();
    bytes.as_chunks::<8>().0.iter().map(|chunk| UserId::from_bits(u64::from_le_bytes(*chunk))).collect()
}
