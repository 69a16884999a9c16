//! Becoming a member and ceasing to be one; who is one.

use chat_common::model::{Member, Role};
use chat_common::{RoomName, Timestamp, UserId, UserName};
use sqlx::{PgConnection, Row};

use super::standing::{self, Scene};
use super::{rows, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{RoomId, RoomRow, StoreResult};

/// Becomes a member; true: newly.
pub(super) async fn join(
    conn: &mut PgConnection,
    user: UserId,
    room: &RoomName,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, member, .. } = standing::scene(conn, user, room, Action::Join, at).await?;
    if member.role.is_some() {
        return Ok((room, false));
    }
    standing::room_for_one_more(conn, user, max_rooms).await?;
    standing::add_member(conn, &room, user, Role::Member, at).await?;
    Ok((standing::room_again(conn, room.id).await?, true))
}

/// Ends the membership; true: it was one.
pub(super) async fn leave(
    conn: &mut PgConnection,
    user: UserId,
    room: &RoomName,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, .. } = standing::scene(conn, user, room, Action::Leave, at).await?;
    let was = standing::remove_member(conn, room.id, user).await?;
    Ok((standing::room_again(conn, room.id).await?, was))
}

/// Makes `user` a member by another's word; true: newly.
pub(super) async fn invite(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::Invite, at).await?;
    let guest = users::known(conn, user).await?;
    let member = standing::of(conn, room.id, user).await?;
    if member.role.is_some() {
        return Ok((room, false));
    }
    if let Some(until) = member.standing(&room, users::is_admin(&guest), at).banned {
        return Err(Refusal::Banned { until }.into());
    }
    standing::room_for_one_more(conn, user, max_rooms).await?;
    standing::add_member(conn, &room, user, Role::Member, at).await?;
    Ok((standing::room_again(conn, room.id).await?, true))
}

/// Members by name, from after `after`.
pub(super) async fn page(
    conn: &mut PgConnection,
    room: RoomId,
    after: Option<&UserName>,
    limit: u32,
) -> StoreResult<Vec<Member>> {
    const BASE: usize = rows::USER_COLUMNS;
    let sql = concat!(
        "SELECT ",
        rows::user_columns!(),
        ", m.role, m.joined_at, s.muted_until
         FROM members m JOIN users u ON u.id = m.user_id
           LEFT JOIN sanctions s ON s.room = m.room AND s.user_id = m.user_id
         WHERE m.room = $1 AND u.name > $2 ORDER BY u.name LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(room.0)
        .bind(after.map_or("", UserName::as_str))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    found
        .iter()
        .map(|row| {
            Ok(Member {
                user: rows::user(row, 0)?.user,
                role: rows::role(row.try_get(BASE)?)?,
                joined_at: Timestamp::from_millis(row.try_get(BASE + 1)?),
                muted_until: rows::time(row.try_get(BASE + 2)?),
            })
        })
        .collect()
}

/// All members' ids.
pub(super) async fn ids(conn: &mut PgConnection, room: RoomId) -> StoreResult<Vec<UserId>> {
    let found: Vec<i64> =
        sqlx::query_scalar("SELECT user_id FROM members WHERE room = $1").bind(room.0).fetch_all(conn).await?;
    Ok(found.into_iter().map(rows::user_id).collect())
}

/// Those of `users` that share a room with `asker`, itself included, in the order asked for.
pub(super) async fn sharing(conn: &mut PgConnection, asker: UserId, users: &[UserId]) -> StoreResult<Vec<UserId>> {
    let found: Vec<i64> = sqlx::query_scalar(
        "SELECT k.id FROM UNNEST($2::bigint[]) WITH ORDINALITY AS k (id, ord)
         WHERE k.id = $1 OR EXISTS (SELECT 1 FROM members a JOIN members b ON b.room = a.room AND b.user_id = k.id
                                    WHERE a.user_id = $1)
         ORDER BY k.ord",
    )
    .bind(rows::user_in(asker))
    .bind(rows::users_in(users))
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(rows::user_id).collect())
}
