//! The log itself: writing an entry that is no message, and reading entries, which stand in two tables (a message
//! is its own `message:created`).

use chat_common::event::{Entry, EntryBody};
use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::damaged;
use super::rows;
use crate::storage::body::Body;
use crate::storage::{RoomId, StoreResult};

/// Adds an entry to the log of a locked room: the next `seq`, a time that does not go back. For [`LOCAL`](crate::storage::LOCAL),
/// whose id is 0, the room's owner stands in it.
pub(super) async fn add(
    conn: &mut PgConnection,
    room: RoomId,
    from: UserId,
    target: Option<Seq>,
    body: &Body,
    at: Timestamp,
) -> StoreResult<(Seq, Timestamp)> {
    let body = serde_json::to_string(body).map_err(|_| damaged("entry"))?;
    let (seq, at): (i64, i64) = sqlx::query_as(
        "WITH grown AS (
           UPDATE rooms SET head = head + 1, head_at = GREATEST(head_at, $2) WHERE id = $1 RETURNING id, head, head_at)
         INSERT INTO entries (room, seq, at, sender, target, body)
         SELECT id, head, head_at,
           CASE WHEN $3 = 0 THEN COALESCE((SELECT user_id FROM members WHERE room = $1 AND role = 3 LIMIT 1), 0) ELSE $3 END,
           $4, $5 FROM grown RETURNING seq, at",
    )
    .bind(room.0)
    .bind(at.as_millis())
    .bind(rows::user_in(from))
    .bind(target.map(rows::seq_in))
    .bind(body)
    .fetch_one(conn)
    .await?;
    Ok((rows::seq(seq), Timestamp::from_millis(at)))
}

/// One entry, as it is told.
pub(super) async fn one(conn: &mut PgConnection, room: RoomId, seq: Seq) -> StoreResult<Option<Entry>> {
    Ok(after(conn, room, seq.prev(), 1).await?.into_iter().find(|entry| entry.seq == seq))
}

/// Entries after `after`, ascending without a hole, at most `limit`. Each half gives the first `limit` of its kind, so
/// that the first `limit` of both are whole; one statement sees both at the same moment.
pub(super) async fn after(conn: &mut PgConnection, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Entry>> {
    let sql = concat!(
        "SELECT ",
        rows::user_columns!(),
        ", r.name, e.seq, e.at, e.sender, e.target, e.superseded_by, e.body, e.client_id, e.reply_to, e.text, e.mentions
         FROM (
           (SELECT seq, at, sender, NULL::bigint AS target, superseded_by, NULL::text AS body, client_id, reply_to,
              CASE WHEN superseded_by IS NULL THEN text END AS text,
              CASE WHEN superseded_by IS NULL THEN mentions END AS mentions
            FROM messages WHERE room = $1 AND seq > $2 ORDER BY seq LIMIT $3)
           UNION ALL
           (SELECT e.seq, e.at, e.sender, e.target, e.superseded_by, e.body, NULL, NULL, m.text, m.mentions
            FROM entries e LEFT JOIN messages m ON m.room = e.room AND m.seq = e.target AND m.text_seq = e.seq
            WHERE e.room = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3)
         ) e JOIN rooms r ON r.id = $1 AND r.name IS NOT NULL LEFT JOIN users u ON u.id = e.sender
         ORDER BY e.seq LIMIT $3"
    );
    let found =
        sqlx::query(sql).bind(room.0).bind(rows::seq_in(after)).bind(i64::from(limit)).fetch_all(&mut *conn).await?;
    let mut bodies = Vec::with_capacity(found.len());
    let mut named = Vec::new();
    for row in &found {
        let body: Option<&str> = row.try_get(rows::USER_COLUMNS + 6)?;
        let body: Option<Body> = body.map(serde_json::from_str).transpose().map_err(|_| damaged("entry"))?;
        if let Some(Body::Room { owner: Some(user), .. } | Body::Removed { user, .. } | Body::Member { user, .. }) =
            &body
        {
            named.push(*user);
        }
        bodies.push(body);
    }
    let users = rows::Users::of(conn, &named).await?;
    let name: Option<RoomName> =
        found.first().map(|row| rows::room_name(row.try_get(rows::USER_COLUMNS)?)).transpose()?;
    let Some(name) = name else { return Ok(Vec::new()) };
    found.iter().zip(bodies).map(|(row, body)| entry(row, body, &name, &users)).collect()
}

fn entry(row: &PgRow, body: Option<Body>, name: &RoomName, users: &rows::Users) -> StoreResult<Entry> {
    const BASE: usize = rows::USER_COLUMNS + 1;
    let sender = rows::user_id(row.try_get(BASE + 2)?);
    let from = match row.try_get::<Option<i64>, _>(0)? {
        Some(_) => rows::user(row, 0)?.user,
        None => rows::erased(sender)?,
    };
    let target = rows::seq(row.try_get::<Option<i64>, _>(BASE + 3)?.unwrap_or(0));
    let superseded_by = row.try_get::<Option<i64>, _>(BASE + 4)?.map(rows::seq);
    let text = || row.try_get::<Option<String>, _>(BASE + 8);
    let mentions = || row.try_get::<Option<&[u8]>, _>(BASE + 9).map(rows::ids);
    let body = match body {
        None => EntryBody::Created {
            text: text()?,
            client_id: ClientId::parse(row.try_get(BASE + 6)?).map_err(|_| damaged("client_id"))?,
            reply_to: row.try_get::<Option<i64>, _>(BASE + 7)?.map(rows::seq),
            mentions: mentions()?,
            superseded_by,
        },
        Some(Body::Edited) => EntryBody::Edited { target, text: text()?, mentions: mentions()?, superseded_by },
        Some(Body::Deleted) => EntryBody::Deleted { target },
        Some(Body::Reacted { emoji, on }) => EntryBody::Reacted { target, emoji, on },
        Some(Body::Blanked { through, user }) => EntryBody::Blanked { through, user },
        Some(Body::Room { topic, kind, owner, retention_days }) => {
            let owner = owner.map(|id| users.get(id)).transpose()?;
            EntryBody::RoomUpdated { topic, kind, owner, retention_days }
        }
        Some(Body::Removed { user, how, reason }) => EntryBody::MemberRemoved { user: users.get(user)?, how, reason },
        Some(Body::Member { user, role, muted_until }) => {
            EntryBody::MemberUpdated { user: users.get(user)?, role, muted_until }
        }
    };
    Ok(Entry {
        room: name.clone(),
        seq: rows::seq(row.try_get(BASE)?),
        at: Timestamp::from_millis(row.try_get(BASE + 1)?),
        from,
        body,
    })
}
