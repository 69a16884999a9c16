//! Erasing a user: everything that is about it goes in one transaction; its texts, if they are to go, follow in steps.

use chat_common::{Timestamp, UserId};
use sqlx::{PgConnection, Row};

use super::{audit, authority, get, rows, sessions, standing, tokens, users};
use crate::storage::{Authority, RoomRow, StoreError, StoreResult, secret};

/// What stands for the name of an erased user.
pub(super) async fn mark(conn: &mut PgConnection, skeleton: &str) -> StoreResult<String> {
    let key = get(conn, "text_key").await?;
    let key = key.ok_or_else(|| StoreError::Internal("the database has no key of its texts' hashes".into()))?;
    secret::name_mark(&secret::text_key(&key)?, skeleton)
}

/// Erases a user; the rooms it was in, as they are now.
pub(super) async fn erase(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    user: UserId,
    texts: bool,
    at: Timestamp,
) -> StoreResult<Vec<RoomRow>> {
    users::known(conn, user).await?;
    let id = rows::user_in(user);
    // Rooms first and in their order, as everybody locks them.
    let sql = concat!(
        "SELECT ",
        rows::room_columns!(),
        " FROM members m JOIN rooms r ON r.id = m.room WHERE m.user_id = $1 ORDER BY r.id FOR NO KEY UPDATE OF r"
    );
    let found = sqlx::query(sql).bind(id).fetch_all(&mut *conn).await?;
    let mut rooms = Vec::with_capacity(found.len());
    for row in &found {
        let room = rows::room(row, 0)?;
        standing::remove_member(conn, room.id, user).await?;
        rooms.push(standing::room_again(conn, room.id).await?);
    }
    users::held(conn, user).await?;
    let mut dead: Vec<String> = tokens::of(conn, user).await?.into_iter().map(|token| token.id).collect();
    let spoken_for: Vec<String> =
        sqlx::query_scalar("SELECT id FROM tokens WHERE bot = $1").bind(id).fetch_all(&mut *conn).await?;
    dead.extend(spoken_for);
    sessions::forget_all(conn, user).await?;
    names(conn, id, user).await?;
    for sql in [
        "DELETE FROM sanctions WHERE user_id = $1",
        "DELETE FROM mentions WHERE user_id = $1",
        "DELETE FROM blocks WHERE user_id = $1 OR other = $1",
        "DELETE FROM tokens WHERE owner = $1 OR bot = $1",
        "DELETE FROM hooks WHERE bot = $1",
        "DELETE FROM outgoing WHERE maker = $1",
        "DELETE FROM outgoing_moves WHERE who = $1",
        "DELETE FROM outgoing_dead WHERE who = $1",
        "UPDATE invites SET by_user = NULL WHERE by_user = $1",
        "UPDATE users SET owner = NULL WHERE owner = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *conn).await?;
    }
    if texts {
        sqlx::query(
            "INSERT INTO erasures (user_id, room) VALUES ($1, 0) ON CONFLICT (user_id) DO UPDATE SET room = 0, seq = 0",
        )
        .bind(id)
        .execute(&mut *conn)
        .await?;
    }
    let detail = if texts { "with its texts" } else { "its texts stay" };
    audit::add(conn, actor, "user:erase", &user.to_string(), Some(detail), at).await?;
    for token in dead {
        authority::add(conn, &Authority::Token(token), at).await?;
    }
    authority::add(conn, &Authority::User { user, except: None }, at).await?;
    Ok(rooms)
}

/// Takes the user's names out of the book of names and out of the audit; marks keep them from being given again.
async fn names(conn: &mut PgConnection, id: i64, user: UserId) -> StoreResult<()> {
    let found =
        sqlx::query("SELECT name, skeleton FROM names WHERE user_id = $1").bind(id).fetch_all(&mut *conn).await?;
    let said = user.to_string();
    for row in &found {
        let (name, skeleton): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let mark = mark(conn, &skeleton).await?;
        sqlx::query("DELETE FROM names WHERE skeleton = $1 AND name = $2")
            .bind(&skeleton)
            .bind(&name)
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO names (name, skeleton, user_id) VALUES ($1, $1, $2) ON CONFLICT DO NOTHING")
            .bind(mark)
            .bind(id)
            .execute(&mut *conn)
            .await?;
        for sql in [
            "UPDATE audit SET subject = $1::text WHERE subject = $2::text AND action LIKE 'user:%'",
            "UPDATE audit SET subject = $1::text || substr(subject, length($2::text) + 1)
             WHERE action LIKE 'member:%' AND substr(subject, 1, length($2::text) + 4) = $2::text || ' in '",
            "UPDATE audit SET detail = $1::text WHERE detail = $2::text AND action = 'room:transfer'",
        ] {
            sqlx::query(sql).bind(&said).bind(&name).execute(&mut *conn).await?;
        }
    }
    Ok(())
}
