//! How an actor stands to a room: what every write asks before it writes.

use chat_common::model::{Role, User};
use chat_common::{RoomName, Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{rows, users};
use crate::domain::Refusal;
use crate::domain::permission::{Action, Standing};
use crate::storage::{LOCAL, RoomId, RoomRow, StoreResult};

/// Membership and sanctions of a user in a room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Member {
    pub role: Option<Role>,
    pub muted_until: Option<Timestamp>,
    pub banned_until: Option<Timestamp>,
    pub kicked: bool,
}

impl Member {
    /// The columns role, banned_until, muted_until, kicked, from `base` on.
    pub fn read(row: &PgRow, base: usize) -> StoreResult<Self> {
        Ok(Self {
            role: row.try_get::<Option<i16>, _>(base)?.map(rows::role).transpose()?,
            banned_until: rows::time(row.try_get(base + 1)?),
            muted_until: rows::time(row.try_get(base + 2)?),
            kicked: row.try_get::<Option<bool>, _>(base + 3)?.unwrap_or(false),
        })
    }

    /// For the permission table.
    pub fn standing(&self, room: &RoomRow, admin: bool, now: Timestamp) -> Standing {
        let banned = self.banned_until.filter(|until| *until > now).map(rows::end_of);
        Standing { kind: room.kind, role: self.role, admin, banned }
    }
}

/// How a user stands to a room.
pub(super) async fn of(conn: &mut PgConnection, room: RoomId, user: UserId) -> StoreResult<Member> {
    let row = sqlx::query(
        "SELECT m.role, s.banned_until, s.muted_until, s.kicked
         FROM (SELECT $1::bigint AS room, $2::bigint AS user_id) k
           LEFT JOIN members m ON m.room = k.room AND m.user_id = k.user_id
           LEFT JOIN sanctions s ON s.room = k.room AND s.user_id = k.user_id",
    )
    .bind(room.0)
    .bind(rows::user_in(user))
    .fetch_one(conn)
    .await?;
    Member::read(&row, 0)
}

/// Who is banned from a room at `now`, by name, and until when.
pub(super) async fn bans(conn: &mut PgConnection, room: RoomId, now: Timestamp) -> StoreResult<Vec<(User, Timestamp)>> {
    let sql = concat!(
        "SELECT ",
        rows::user_columns!(),
        ", s.banned_until FROM sanctions s JOIN users u ON u.id = s.user_id
         WHERE s.room = $1 AND s.banned_until > $2 ORDER BY u.name"
    );
    let found = sqlx::query(sql).bind(room.0).bind(now.as_millis()).fetch_all(conn).await?;
    let ban = |row: &PgRow| {
        let until: i64 = row.try_get(rows::USER_COLUMNS)?;
        Ok((rows::user(row, 0)?.user, Timestamp::from_millis(until)))
    };
    found.iter().map(ban).collect()
}

/// A room by name.
pub(super) async fn room(conn: &mut PgConnection, name: &RoomName) -> StoreResult<Option<RoomRow>> {
    let sql = concat!("SELECT ", rows::room_columns!(), " FROM rooms r WHERE r.name = $1");
    let found = sqlx::query(sql).bind(name.as_str()).fetch_optional(conn).await?;
    found.map(|row| rows::room(&row, 0)).transpose()
}

/// A room by name, which nobody else writes into up to the end of the transaction.
pub(super) async fn room_alone(conn: &mut PgConnection, name: &RoomName) -> StoreResult<Option<RoomRow>> {
    let sql = concat!("SELECT ", rows::room_columns!(), " FROM rooms r WHERE r.name = $1 FOR NO KEY UPDATE");
    let found = sqlx::query(sql).bind(name.as_str()).fetch_optional(conn).await?;
    found.map(|row| rows::room(&row, 0)).transpose()
}

/// A room by id, as it stands now in the transaction.
pub(super) async fn room_again(conn: &mut PgConnection, id: RoomId) -> StoreResult<RoomRow> {
    let sql = concat!("SELECT ", rows::room_columns!(), " FROM rooms r WHERE r.id = $1");
    rows::room(&sqlx::query(sql).bind(id.0).fetch_one(conn).await?, 0)
}

/// A room and how an actor stands to it.
pub(super) struct Scene {
    pub room: RoomRow,
    pub member: Member,
    pub standing: Standing,
}

/// For a write: locks the room, looks both up and refuses what the actor may not do: `NotFound` for a room it may not
/// see. It stands first in its transaction.
pub(super) async fn scene(
    conn: &mut PgConnection,
    actor: UserId,
    name: &RoomName,
    action: Action,
    now: Timestamp,
) -> StoreResult<Scene> {
    let room = room_alone(conn, name).await?;
    judged(conn, actor, room, action, now).await
}

/// As [`scene`], for a read or for a write that does not touch the log: nothing is locked.
pub(super) async fn glance(
    conn: &mut PgConnection,
    actor: UserId,
    name: &RoomName,
    action: Action,
    now: Timestamp,
) -> StoreResult<Scene> {
    let room = room(conn, name).await?;
    judged(conn, actor, room, action, now).await
}

async fn judged(
    conn: &mut PgConnection,
    actor: UserId,
    room: Option<RoomRow>,
    action: Action,
    now: Timestamp,
) -> StoreResult<Scene> {
    if actor == LOCAL {
        let (room, member) = (room.ok_or(Refusal::ROOM)?, Member::default());
        let standing = member.standing(&room, true, now);
        standing.check(action)?;
        return Ok(Scene { room, member, standing });
    }
    let sql = concat!(
        "SELECT ",
        rows::user_columns!(),
        ", m.role, s.banned_until, s.muted_until, s.kicked
         FROM users u LEFT JOIN members m ON m.room = $2 AND m.user_id = u.id
           LEFT JOIN sanctions s ON s.room = $2 AND s.user_id = u.id
         WHERE u.id = $1"
    );
    let found = sqlx::query(sql)
        .bind(rows::user_in(actor))
        .bind(room.as_ref().map_or(0, |room| room.id.0))
        .fetch_optional(conn)
        .await?
        .ok_or(Refusal::USER)?;
    let actor = users::unbanned(rows::user(&found, 0)?, now)?;
    let room = room.ok_or(Refusal::ROOM)?;
    let member = Member::read(&found, rows::USER_COLUMNS)?;
    let standing = member.standing(&room, users::is_admin(&actor), now);
    standing.check(action)?;
    Ok(Scene { room, member, standing })
}

/// Refuses one room more than a user may be in; direct conversations don't count. Two joins at once of one user wait
/// for each other here.
pub(super) async fn room_for_one_more(conn: &mut PgConnection, user: UserId, max_rooms: u32) -> StoreResult<()> {
    sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .bind(rows::user_in(user))
        .execute(&mut *conn)
        .await?;
    let there: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM members m JOIN rooms r ON r.id = m.room WHERE m.user_id = $1 AND r.kind <> 2",
    )
    .bind(rows::user_in(user))
    .fetch_one(conn)
    .await?;
    if there >= i64::from(max_rooms) {
        return Err(Refusal::Forbidden("too many rooms; leave one first").into());
    }
    Ok(())
}

/// Adds a member of a locked room, read up to its head; a kick is forgotten by it.
pub(super) async fn add_member(
    conn: &mut PgConnection,
    room: &RoomRow,
    user: UserId,
    role: Role,
    at: Timestamp,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO members (room, user_id, role, read, joined_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(room.id.0)
        .bind(rows::user_in(user))
        .bind(rows::role_in(role))
        .bind(rows::seq_in(room.head))
        .bind(at.as_millis())
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE rooms SET members = members + 1 WHERE id = $1").bind(room.id.0).execute(&mut *conn).await?;
    sqlx::query("UPDATE sanctions SET kicked = false WHERE room = $1 AND user_id = $2 AND kicked")
        .bind(room.id.0)
        .bind(rows::user_in(user))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a membership of a locked room; true: it was one. Where the owner goes, the eldest moderator, else the eldest
/// member follows.
pub(super) async fn remove_member(conn: &mut PgConnection, room: RoomId, user: UserId) -> StoreResult<bool> {
    let was: Option<i16> = sqlx::query_scalar("DELETE FROM members WHERE room = $1 AND user_id = $2 RETURNING role")
        .bind(room.0)
        .bind(rows::user_in(user))
        .fetch_optional(&mut *conn)
        .await?;
    let Some(role) = was else { return Ok(false) };
    sqlx::query("UPDATE rooms SET members = members - 1 WHERE id = $1").bind(room.0).execute(&mut *conn).await?;
    if role == rows::role_in(Role::Owner) {
        sqlx::query(
            "UPDATE members SET role = 3 WHERE room = $1 AND user_id =
               (SELECT user_id FROM members WHERE room = $1 ORDER BY role DESC, joined_at, user_id LIMIT 1)
               AND NOT EXISTS (SELECT 1 FROM members WHERE room = $1 AND role = 3)",
        )
        .bind(room.0)
        .execute(conn)
        .await?;
    }
    Ok(true)
}
