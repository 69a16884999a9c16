//! What happens to a message after it was sent: edits, deletion, reactions. The earlier text goes in the same
//! transaction from the row and from the index.

use chat_common::{Emoji, RoomName, Seq, Timestamp, UserId, UserName};
use sqlx::PgConnection;

use super::standing::{self, Scene};
use super::{audit, entry, index, rows};
use crate::domain::Refusal;
use crate::domain::permission::{self, Action};
use crate::storage::body::Body;
use crate::storage::{RoomChange, RoomId, StoreResult};

/// Different reactions under one message.
const REACTIONS: i64 = 50;

/// A message as a change needs it.
pub(super) struct Target {
    pub id: i64,
    pub sender: UserId,
    pub text: Option<String>,
    pub text_seq: Seq,
    pub deleted: bool,
}

/// The message, which stays as it is since its room is locked.
async fn target(conn: &mut PgConnection, room: RoomId, seq: Seq) -> StoreResult<Target> {
    let found: Option<(i64, i64, Option<String>, i64, bool)> =
        sqlx::query_as("SELECT id, sender, text, text_seq, deleted FROM messages WHERE room = $1 AND seq = $2")
            .bind(room.0)
            .bind(rows::seq_in(seq))
            .fetch_optional(conn)
            .await?;
    let (id, sender, text, text_seq, deleted) = found.ok_or(Refusal::MESSAGE)?;
    Ok(Target { id, sender: rows::user_id(sender), text, text_seq: rows::seq(text_seq), deleted })
}

/// The room after a change and the entry that tells it; without one where nothing changed.
pub(super) async fn told(conn: &mut PgConnection, room: RoomId, seq: Option<Seq>) -> StoreResult<RoomChange> {
    let entry = match seq {
        Some(seq) => entry::one(conn, room, seq).await?,
        None => None,
    };
    Ok(RoomChange { room: standing::room_again(conn, room).await?, entry })
}

/// Says which entry took the earlier text away.
async fn supersede(conn: &mut PgConnection, room: RoomId, seq: Seq, old: &Target, by: Seq) -> StoreResult<()> {
    let sql = if old.text_seq == seq {
        "UPDATE messages SET superseded_by = $3 WHERE room = $1 AND seq = $2"
    } else {
        "UPDATE entries SET superseded_by = $3 WHERE room = $1 AND seq = $2"
    };
    sqlx::query(sql).bind(room.0).bind(rows::seq_in(old.text_seq)).bind(rows::seq_in(by)).execute(conn).await?;
    Ok(())
}

/// Those of the names that are members of a room.
async fn members_named(conn: &mut PgConnection, room: RoomId, names: &[UserName]) -> StoreResult<Vec<UserId>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = names.iter().map(UserName::as_str).collect();
    let found: Vec<i64> = sqlx::query_scalar(
        "SELECT u.id FROM UNNEST($2::text[]) WITH ORDINALITY AS k (name, ord) JOIN users u ON u.name = k.name
           JOIN members m ON m.room = $1 AND m.user_id = u.id ORDER BY k.ord",
    )
    .bind(room.0)
    .bind(names)
    .fetch_all(conn)
    .await?;
    let mut ids: Vec<UserId> = Vec::with_capacity(found.len());
    for id in found.into_iter().map(rows::user_id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Another text; the author alone.
pub(super) async fn edit(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    text: &str,
    names: &[UserName],
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, member, .. } = standing::scene(conn, actor, room, Action::Take, at).await?;
    let old = target(conn, room.id, seq).await?;
    if old.sender != actor {
        return Err(Refusal::Forbidden("only its author may edit a message").into());
    }
    if old.deleted {
        return Err(Refusal::MESSAGE.into());
    }
    permission::writable(member.muted_until, at)?;
    if old.text.as_deref() == Some(text) {
        return told(conn, room.id, None).await;
    }
    let mentions = members_named(conn, room.id, names).await?;
    let (by, at) = entry::add(conn, room.id, actor, Some(seq), &Body::Edited, at).await?;
    supersede(conn, room.id, seq, &old, by).await?;
    sqlx::query("UPDATE messages SET text = $2, text_seq = $3, rev = $3, edited_at = $4, mentions = $5 WHERE id = $1")
        .bind(old.id)
        .bind(text)
        .bind(rows::seq_in(by))
        .bind(at.as_millis())
        .bind(rows::ids_in(&mentions))
        .execute(&mut *conn)
        .await?;
    index::changed(conn, &[old.id]).await?;
    told(conn, room.id, Some(by)).await
}

/// Takes a message's text, wherever it stands, and what hangs on it; `by` is the entry that tells it.
pub(super) async fn blank(conn: &mut PgConnection, room: RoomId, seq: Seq, old: &Target, by: Seq) -> StoreResult<()> {
    supersede(conn, room, seq, old, by).await?;
    sqlx::query(
        "UPDATE messages SET text = NULL, text_seq = 0, rev = $2, mentions = NULL, deleted = true WHERE id = $1",
    )
    .bind(old.id)
    .bind(rows::seq_in(by))
    .execute(&mut *conn)
    .await?;
    index::changed(conn, &[old.id]).await?;
    for sql in
        ["DELETE FROM reactions WHERE room = $1 AND seq = $2", "DELETE FROM mentions WHERE room = $1 AND seq = $2"]
    {
        sqlx::query(sql).bind(room.0).bind(rows::seq_in(seq)).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Blanks a message; the author or a moderator.
pub(super) async fn delete(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, standing, .. } = match standing::scene(conn, actor, room, Action::Take, at).await {
        // A server admin deletes without being a member.
        Err(crate::storage::StoreError::Refused(_)) => {
            standing::scene(conn, actor, room, Action::DeleteOthers, at).await?
        }
        other => other?,
    };
    let old = target(conn, room.id, seq).await?;
    if old.sender != actor {
        standing.check(Action::DeleteOthers)?;
    }
    if old.deleted {
        return told(conn, room.id, None).await;
    }
    let (by, _) = entry::add(conn, room.id, actor, Some(seq), &Body::Deleted, at).await?;
    blank(conn, room.id, seq, &old, by).await?;
    if old.sender != actor {
        let subject = format!("{} #{seq}", room.name);
        audit::add(conn, Some(actor), "message:delete", &subject, None, at).await?;
    }
    told(conn, room.id, Some(by)).await
}

/// Sets or takes back a reaction; members.
pub(super) async fn react(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    seq: Seq,
    emoji: &Emoji,
    on: bool,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, member, .. } = standing::scene(conn, actor, room, Action::Take, at).await?;
    let message = target(conn, room.id, seq).await?;
    if message.deleted {
        return Err(Refusal::MESSAGE.into());
    }
    permission::writable(member.muted_until, at)?;
    let (there, others, known): (bool, i64, bool) = sqlx::query_as(
        "SELECT coalesce(bool_or(emoji = $3 AND user_id = $4), false), count(DISTINCT emoji),
           coalesce(bool_or(emoji = $3), false)
         FROM reactions WHERE room = $1 AND seq = $2",
    )
    .bind(room.id.0)
    .bind(rows::seq_in(seq))
    .bind(emoji.as_str())
    .bind(rows::user_in(actor))
    .fetch_one(&mut *conn)
    .await?;
    if there == on {
        return told(conn, room.id, None).await;
    }
    if on && others >= REACTIONS && !known {
        return Err(Refusal::Forbidden("this message has enough different reactions; take one of them").into());
    }
    let body = Body::Reacted { emoji: emoji.clone(), on };
    let (by, _) = entry::add(conn, room.id, actor, Some(seq), &body, at).await?;
    let change = if on {
        sqlx::query("INSERT INTO reactions (room, seq, emoji, user_id, came) VALUES ($1, $2, $3, $4, $5)")
    } else {
        sqlx::query("DELETE FROM reactions WHERE room = $1 AND seq = $2 AND emoji = $3 AND user_id = $4 AND came < $5")
    };
    change
        .bind(room.id.0)
        .bind(rows::seq_in(seq))
        .bind(emoji.as_str())
        .bind(rows::user_in(actor))
        .bind(rows::seq_in(by))
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE messages SET rev = $2 WHERE id = $1")
        .bind(message.id)
        .bind(rows::seq_in(by))
        .execute(&mut *conn)
        .await?;
    told(conn, room.id, Some(by)).await
}
