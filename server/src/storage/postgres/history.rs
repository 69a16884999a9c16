//! Reading messages as they stand, each page by one statement, so that a message and its reactions are of one moment.

use chat_common::model::{Message, Reaction};
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::damaged;
use super::rows;
use crate::domain::Refusal;
use crate::storage::{MessagePage, Page, RoomId, StoreResult};

/// What [`message`] reads of a message `m`, its room `r`, its sender `u` and its reactions `x`.
macro_rules! message_columns {
    () => {
        concat!(
            rows::user_columns!(),
            ", r.name, m.seq, m.rev, m.at, m.sender, m.text, m.client_id, m.reply_to, m.mentions, m.edited_at,
               m.deleted, x.emojis, x.counts, x.mine"
        )
    };
}

/// Sender and reactions of the messages `m`, as `$1` sees them.
macro_rules! message_joins {
    () => {
        " LEFT JOIN users u ON u.id = m.sender LEFT JOIN LATERAL (
            SELECT array_agg(emoji ORDER BY came) AS emojis, array_agg(n ORDER BY came) AS counts,
              array_agg(mine ORDER BY came) AS mine
            FROM (SELECT emoji, count(*) AS n, bool_or(user_id = $1) AS mine, min(came) AS came
                  FROM reactions WHERE reactions.room = m.room AND reactions.seq = m.seq GROUP BY emoji) each
          ) x ON true "
    };
}

fn message(row: &PgRow) -> StoreResult<Message> {
    const BASE: usize = rows::USER_COLUMNS;
    let sender = rows::user_id(row.try_get(BASE + 4)?);
    let from = match row.try_get::<Option<i64>, _>(0)? {
        Some(_) => rows::user(row, 0)?.user,
        None => rows::erased(sender)?,
    };
    Ok(Message {
        room: rows::room_name(row.try_get(BASE)?)?,
        seq: rows::seq(row.try_get(BASE + 1)?),
        rev: rows::seq(row.try_get(BASE + 2)?),
        at: Timestamp::from_millis(row.try_get(BASE + 3)?),
        from,
        text: row.try_get(BASE + 5)?,
        client_id: ClientId::parse(row.try_get(BASE + 6)?).map_err(|_| damaged("client_id"))?,
        reply_to: row.try_get::<Option<i64>, _>(BASE + 7)?.map(rows::seq),
        mentions: rows::ids(row.try_get(BASE + 8)?),
        edited_at: rows::time(row.try_get(BASE + 9)?),
        deleted: row.try_get(BASE + 10)?,
        reactions: reactions(row, BASE + 11)?,
    })
}

fn reactions(row: &PgRow, base: usize) -> StoreResult<Vec<Reaction>> {
    let Some(emojis) = row.try_get::<Option<Vec<String>>, _>(base)? else { return Ok(Vec::new()) };
    let (counts, mine): (Vec<i64>, Vec<bool>) = (row.try_get(base + 1)?, row.try_get(base + 2)?);
    let all = emojis.iter().zip(counts).zip(mine);
    all.map(|((emoji, count), me)| {
        let emoji = Emoji::parse(emoji).map_err(|_| damaged("reaction"))?;
        Ok(Reaction { emoji, count: rows::count(count), me })
    })
    .collect()
}

/// `(first, head)` of a room; `None` if it is gone.
pub(super) async fn bounds(conn: &mut PgConnection, room: RoomId) -> StoreResult<Option<(Seq, Seq)>> {
    let found: Option<(i64, i64)> = sqlx::query_as("SELECT first, head FROM rooms WHERE id = $1 AND name IS NOT NULL")
        .bind(room.0)
        .fetch_optional(conn)
        .await?;
    Ok(found.map(|(first, head)| (rows::seq(first), rows::seq(head))))
}

/// The heads of several rooms, in the order asked for.
pub(super) async fn heads(conn: &mut PgConnection, rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>> {
    let ids: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let found: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT r.id, r.name, r.head FROM UNNEST($1::bigint[]) WITH ORDINALITY AS k (id, ord)
           JOIN rooms r ON r.id = k.id AND r.name IS NOT NULL ORDER BY k.ord",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    found.into_iter().map(|(id, name, head)| Ok((RoomId(id), rows::room_name(&name)?, rows::seq(head)))).collect()
}

/// A page of messages as `asker` sees them.
pub(super) async fn page(
    conn: &mut PgConnection,
    asker: UserId,
    room: RoomId,
    page: Page,
    limit: u32,
) -> StoreResult<MessagePage> {
    let limit = limit.max(1);
    // One more of what is asked for tells whether there are more.
    let (before, older, from, newer) = match page {
        Page::Latest => (i64::MAX, limit + 1, i64::MAX, 0),
        Page::Before(seq) => (rows::seq_in(seq), limit + 1, i64::MAX, 0),
        Page::After(seq) => (0, 0, rows::seq_in(seq.next()), limit + 1),
        Page::Around(seq) => (rows::seq_in(seq), limit / 2 + 1, rows::seq_in(seq), limit),
    };
    // The room stands first, so that a page without messages has its bounds, too.
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        ", r.first, r.head FROM rooms r LEFT JOIN LATERAL (
           (SELECT * FROM messages o WHERE o.room = r.id AND o.seq < $3 ORDER BY o.seq DESC LIMIT $4)
           UNION ALL
           (SELECT * FROM messages n WHERE n.room = r.id AND n.seq >= $5 ORDER BY n.seq LIMIT $6)
         ) m ON true",
        message_joins!(),
        "WHERE r.id = $2 AND r.name IS NOT NULL ORDER BY m.seq"
    );
    let found = sqlx::query(sql)
        .bind(rows::user_in(asker))
        .bind(room.0)
        .bind(before)
        .bind(i64::from(older))
        .bind(from)
        .bind(i64::from(newer))
        .fetch_all(conn)
        .await?;
    let Some(any) = found.first() else { return Err(Refusal::ROOM.into()) };
    let (first, head) = (rows::seq(any.try_get("first")?), rows::seq(any.try_get("head")?));
    let mut messages = Vec::with_capacity(found.len());
    for row in &found {
        if row.try_get::<Option<i64>, _>("seq")?.is_some() {
            messages.push(message(row)?);
        }
    }
    let has_more = cut(&mut messages, page, limit as usize);
    Ok(MessagePage { messages, first, head, has_more })
}

/// Takes off what was read to know whether there are more.
fn cut(messages: &mut Vec<Message>, page: Page, limit: usize) -> bool {
    match page {
        Page::After(_) => {
            let more = messages.len() > limit;
            messages.truncate(limit);
            more
        }
        Page::Latest | Page::Before(_) => {
            let extra = messages.len().saturating_sub(limit);
            messages.drain(..extra);
            extra > 0
        }
        Page::Around(seq) => {
            let older = messages.iter().filter(|message| message.seq < seq).count();
            let extra = older.saturating_sub(limit / 2);
            messages.drain(..extra);
            messages.truncate(limit);
            extra > 0
        }
    }
}

/// The replies to a message after `after`, ascending, one more than `limit` if there are more.
pub(super) async fn thread(
    conn: &mut PgConnection,
    asker: UserId,
    room: RoomId,
    seq: Seq,
    after: Seq,
    limit: u32,
) -> StoreResult<Option<Vec<Message>>> {
    if !there(conn, room, seq).await? {
        return Ok(None);
    }
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m JOIN rooms r ON r.id = m.room AND r.name IS NOT NULL",
        message_joins!(),
        "WHERE m.room = $2 AND m.reply_to = $3 AND m.seq > $4 ORDER BY m.seq LIMIT $5"
    );
    let found = sqlx::query(sql)
        .bind(rows::user_in(asker))
        .bind(room.0)
        .bind(rows::seq_in(seq))
        .bind(rows::seq_in(after))
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await?;
    found.iter().map(message).collect::<StoreResult<_>>().map(Some)
}

async fn there(conn: &mut PgConnection, room: RoomId, seq: Seq) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM messages WHERE room = $1 AND seq = $2)")
        .bind(room.0)
        .bind(rows::seq_in(seq))
        .fetch_one(conn)
        .await?)
}

/// Messages by id, the highest first; those of deleted rooms are left out.
pub(super) async fn by_ids(conn: &mut PgConnection, asker: UserId, ids: &[i64]) -> StoreResult<Vec<Message>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m JOIN rooms r ON r.id = m.room AND r.name IS NOT NULL",
        message_joins!(),
        "WHERE m.id = ANY ($2) ORDER BY m.id DESC"
    );
    let found = sqlx::query(sql).bind(rows::user_in(asker)).bind(ids).fetch_all(conn).await?;
    found.iter().map(message).collect()
}
