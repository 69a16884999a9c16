//! Kick, ban, unban, mute, role: each writes the audit, and the authority row where connections end by it.

use chat_common::event::server::Removal;
use chat_common::model::Role;
use chat_common::{RoomName, Timestamp, UserId, UserName};
use sqlx::PgConnection;

use super::change::told;
use super::standing::{self, Scene};
use super::{audit, authority, entry, rows, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::body::Body;
use crate::storage::{Authority, FOREVER_MS, Moderation, RoomChange, RoomId, RoomRow, StoreResult};

/// Whom it is done to.
struct Target {
    id: UserId,
    role: Option<Role>,
    banned_until: Option<Timestamp>,
    muted_until: Option<Timestamp>,
}

/// Moderates.
pub(super) async fn moderate(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    what: &Moderation,
    reason: Option<String>,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let action = if matches!(what, Moderation::Role(_)) { Action::SetRole } else { Action::Moderate };
    let Scene { room, standing, .. } = standing::scene(conn, actor, room, action, at).await?;
    let row = users::known(conn, user).await?;
    let member = standing::of(conn, room.id, user).await?;
    standing.check_target(member.standing(&room, users::is_admin(&row), at).rank())?;
    let target = Target {
        id: user,
        role: member.role,
        banned_until: member.banned_until.filter(|until| *until > at),
        muted_until: member.muted_until.filter(|until| *until > at),
    };
    if target.role.is_none() && !matches!(what, Moderation::Ban { .. } | Moderation::Unban) {
        return Err(Refusal::NotFound { what: "member" }.into());
    }
    let detail = reason.clone();
    let (name, body) = match what {
        Moderation::Kick => ("member:kick", Some(kick(conn, room.id, &target, reason).await?)),
        Moderation::Ban { until } => ("member:ban", ban(conn, room.id, &target, *until, reason, at).await?),
        Moderation::Unban => return unban(conn, actor, &room, &row.user.name, &target, at).await,
        Moderation::Mute { until } => ("member:mute", mute(conn, room.id, &target, *until, at).await?),
        Moderation::Role(role) => ("member:role", set_role(conn, room.id, &target, *role).await?),
    };
    let Some(body) = body else { return told(conn, room.id, None).await };
    let (seq, _) = entry::add(conn, room.id, actor, None, &body, at).await?;
    let subject = format!("{} in {}", row.user.name, room.name);
    audit::add(conn, Some(actor), name, &subject, detail.as_deref(), at).await?;
    let change = told(conn, room.id, Some(seq)).await?;
    if matches!(body, Body::Removed { .. }) {
        authority::add(conn, &Authority::Room { user, room: room.id }, at).await?;
    }
    Ok(change)
}

async fn kick(conn: &mut PgConnection, room: RoomId, target: &Target, reason: Option<String>) -> StoreResult<Body> {
    standing::remove_member(conn, room, target.id).await?;
    sqlx::query(
        "INSERT INTO sanctions (room, user_id, kicked) VALUES ($1, $2, true)
         ON CONFLICT (room, user_id) DO UPDATE SET kicked = true",
    )
    .bind(room.0)
    .bind(rows::user_in(target.id))
    .execute(conn)
    .await?;
    Ok(Body::Removed { user: target.id, how: Removal::Kick, reason })
}

async fn ban(
    conn: &mut PgConnection,
    room: RoomId,
    target: &Target,
    until: Option<Timestamp>,
    reason: Option<String>,
    at: Timestamp,
) -> StoreResult<Option<Body>> {
    let until = until.unwrap_or_else(|| Timestamp::from_millis(FOREVER_MS));
    if until <= at {
        let message = "the ban would be over already; give a time to come, or none".into();
        return Err(Refusal::Invalid { field: "until", message }.into());
    }
    if target.role.is_none() && target.banned_until == Some(until) {
        return Ok(None);
    }
    standing::remove_member(conn, room, target.id).await?;
    sqlx::query(
        "INSERT INTO sanctions (room, user_id, banned_until) VALUES ($1, $2, $3)
         ON CONFLICT (room, user_id) DO UPDATE SET banned_until = excluded.banned_until",
    )
    .bind(room.0)
    .bind(rows::user_in(target.id))
    .bind(until.as_millis())
    .execute(conn)
    .await?;
    Ok(Some(Body::Removed { user: target.id, how: Removal::Ban, reason }))
}

/// Tells no entry: nobody's view of the room changes by it.
async fn unban(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomRow,
    name: &UserName,
    target: &Target,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    if target.banned_until.is_some() {
        sqlx::query("UPDATE sanctions SET banned_until = NULL WHERE room = $1 AND user_id = $2")
            .bind(room.id.0)
            .bind(rows::user_in(target.id))
            .execute(&mut *conn)
            .await?;
        audit::add(conn, Some(actor), "member:unban", &format!("{name} in {}", room.name), None, at).await?;
    }
    told(conn, room.id, None).await
}

async fn mute(
    conn: &mut PgConnection,
    room: RoomId,
    target: &Target,
    until: Timestamp,
    at: Timestamp,
) -> StoreResult<Option<Body>> {
    let wish = Some(until).filter(|until| *until > at);
    if wish == target.muted_until {
        return Ok(None);
    }
    sqlx::query(
        "INSERT INTO sanctions (room, user_id, muted_until) VALUES ($1, $2, $3)
         ON CONFLICT (room, user_id) DO UPDATE SET muted_until = excluded.muted_until",
    )
    .bind(room.0)
    .bind(rows::user_in(target.id))
    .bind(rows::millis(wish))
    .execute(conn)
    .await?;
    Ok(Some(Body::Member { user: target.id, role: None, muted_until: Some(until) }))
}

async fn set_role(conn: &mut PgConnection, room: RoomId, target: &Target, role: Role) -> StoreResult<Option<Body>> {
    if role == Role::Owner {
        let message = "an owner is made by handing the room over (room:transfer)".into();
        return Err(Refusal::Invalid { field: "role", message }.into());
    }
    if target.role == Some(role) {
        return Ok(None);
    }
    sqlx::query("UPDATE members SET role = $3 WHERE room = $1 AND user_id = $2")
        .bind(room.0)
        .bind(rows::user_in(target.id))
        .bind(rows::role_in(role))
        .execute(conn)
        .await?;
    Ok(Some(Body::Member { user: target.id, role: Some(role), muted_until: None }))
}
