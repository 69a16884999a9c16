//! Rooms as one user stands to them, each look by one statement.

use chat_common::{RoomName, Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::rows;
use crate::storage::{Access, Membership, RoomId, RoomRow, RoomView, StoreResult};

/// A room with the user's (`$1`) membership and sanctions, and the other one of a direct conversation.
macro_rules! access {
    ($more:expr, $from:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            rows::room_columns!(),
            ", m.role, m.read, m.joined_at, s.muted_until, s.banned_until, ",
            rows::user_columns!(),
            ", CASE WHEN r.kind = 2 THEN CASE WHEN r.low = $1 THEN r.high ELSE r.low END END",
            $more,
            " FROM ",
            $from,
            " LEFT JOIN sanctions s ON s.room = r.id AND s.user_id = $1
              LEFT JOIN users u ON r.kind = 2 AND u.id = CASE WHEN r.low = $1 THEN r.high ELSE r.low END ",
            $rest
        )
    };
}

/// All rooms; the user's own come from its own rows.
macro_rules! any {
    ($more:expr, $rest:literal) => {
        access!($more, "rooms r LEFT JOIN members m ON m.room = r.id AND m.user_id = $1", $rest)
    };
}

/// Others' undeleted messages above the mark, and those of them that mention the user; each capped at 1,000.
macro_rules! counts {
    () => {
        ", CASE WHEN m.user_id IS NULL THEN 0 ELSE (SELECT count(*) FROM (SELECT 1 FROM messages l
             WHERE l.room = r.id AND l.seq > m.read AND l.sender <> $1 AND NOT l.deleted LIMIT 1000) unread) END,
           CASE WHEN m.user_id IS NULL THEN 0 ELSE (SELECT count(*) FROM (SELECT 1 FROM mentions n
             WHERE n.user_id = $1 AND n.room = r.id AND n.seq > m.read LIMIT 1000) named) END"
    };
}

const ROLE: usize = rows::ROOM_COLUMNS;
const PEER: usize = ROLE + 5;
/// The other one's id, also when it was erased.
const PEER_ID: usize = PEER + rows::USER_COLUMNS;
const COUNTS: usize = PEER_ID + 1;

fn access_of(row: &PgRow, now: Timestamp) -> StoreResult<Access> {
    let membership = match row.try_get::<Option<i16>, _>(ROLE)? {
        Some(role) => Some(Membership {
            role: rows::role(role)?,
            read: rows::seq(row.try_get(ROLE + 1)?),
            joined_at: Timestamp::from_millis(row.try_get(ROLE + 2)?),
            muted_until: rows::time(row.try_get(ROLE + 3)?).filter(|until| *until > now),
        }),
        None => None,
    };
    let peer = match row.try_get::<Option<i64>, _>(PEER)? {
        Some(_) => Some(rows::user(row, PEER)?.user),
        None => row.try_get::<Option<i64>, _>(PEER_ID)?.map(rows::user_id).map(rows::erased).transpose()?,
    };
    let banned_until = rows::time(row.try_get(ROLE + 4)?).filter(|until| *until > now);
    Ok(Access { room: rows::room(row, 0)?, membership, banned_until, peer })
}

fn view_of(row: &PgRow, now: Timestamp) -> StoreResult<RoomView> {
    Ok(RoomView {
        access: access_of(row, now)?,
        unread: rows::count(row.try_get(COUNTS)?),
        mentions: rows::count(row.try_get(COUNTS + 1)?),
    })
}

/// The room by name.
pub(super) async fn access(
    conn: &mut PgConnection,
    user: UserId,
    room: &RoomName,
    now: Timestamp,
) -> StoreResult<Option<Access>> {
    let found = sqlx::query(any!("", "WHERE r.name = $2"))
        .bind(rows::user_in(user))
        .bind(room.as_str())
        .fetch_optional(conn)
        .await?;
    found.map(|row| access_of(&row, now)).transpose()
}

/// As [`access()`], with the counts.
pub(super) async fn view(
    conn: &mut PgConnection,
    user: UserId,
    room: &RoomName,
    now: Timestamp,
) -> StoreResult<Option<RoomView>> {
    let found = sqlx::query(any!(counts!(), "WHERE r.name = $2"))
        .bind(rows::user_in(user))
        .bind(room.as_str())
        .fetch_optional(conn)
        .await?;
    found.map(|row| view_of(&row, now)).transpose()
}

/// The rooms that a user is a member of, by name, from after `after`.
pub(super) async fn of(
    conn: &mut PgConnection,
    user: UserId,
    after: Option<&RoomName>,
    limit: u32,
    now: Timestamp,
) -> StoreResult<Vec<RoomView>> {
    let sql = access!(
        counts!(),
        "members m JOIN rooms r ON r.id = m.room AND m.user_id = $1",
        "WHERE r.name > $2 ORDER BY r.name LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(rows::user_in(user))
        .bind(after.map_or("", RoomName::as_str))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    found.iter().map(|row| view_of(row, now)).collect()
}

/// Public rooms and the user's own, by name, from after `after`; `query`: part of the name or topic, folded.
pub(super) async fn list(
    conn: &mut PgConnection,
    user: UserId,
    query: Option<&str>,
    after: Option<&RoomName>,
    limit: u32,
    now: Timestamp,
) -> StoreResult<Vec<RoomView>> {
    let sql = any!(
        counts!(),
        "WHERE r.name > $2 AND (r.kind = 0 OR m.user_id IS NOT NULL) AND strpos(r.folded, $4) > 0
         ORDER BY r.name LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(rows::user_in(user))
        .bind(after.map_or("", RoomName::as_str))
        .bind(i64::from(limit))
        .bind(query.unwrap_or_default())
        .fetch_all(conn)
        .await?;
    found.iter().map(|row| view_of(row, now)).collect()
}

/// All rooms but direct conversations, by name, from after `after`; `query`: part of the name or topic, folded.
pub(super) async fn all(
    conn: &mut PgConnection,
    query: Option<&str>,
    after: Option<&RoomName>,
    limit: u32,
) -> StoreResult<Vec<RoomRow>> {
    let found = sqlx::query(
        "SELECT id, name, kind, topic, first, head, members, retention_days FROM rooms
         WHERE name > $1 AND kind <> 2 AND strpos(folded, $2) > 0 ORDER BY name LIMIT $3",
    )
    .bind(after.map_or("", RoomName::as_str))
    .bind(query.unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    found.iter().map(|row| rows::room(row, 0)).collect()
}

/// Ids and names of the rooms that a user is a member of.
pub(super) async fn rooms_of(conn: &mut PgConnection, user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>> {
    let found: Vec<(i64, String)> = sqlx::query_as(
        "SELECT r.id, r.name FROM members m JOIN rooms r ON r.id = m.room AND r.name IS NOT NULL WHERE m.user_id = $1",
    )
    .bind(rows::user_in(user))
    .fetch_all(conn)
    .await?;
    found.into_iter().map(|(id, name)| Ok((RoomId(id), rows::room_name(&name)?))).collect()
}
