//! Many messages in one transaction, by separate statements: lock their rooms in the order of ids; look up senders,
//! rights and repeats, now that nobody else writes into the rooms; number the new ones; write all of them at once.
//!
//! One clever statement would see the rooms as they were before it waited for their locks, and would give the same
//! number twice or leave holes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Role, User};
use chat_common::{ClientId, Seq, Timestamp, UserId};
use sqlx::{PgConnection, Row};

use super::standing::{self, Member};
use super::{error, rows, users};
use crate::domain::Refusal;
use crate::domain::permission::{self, Action};
use crate::storage::secret::TextHash;
use crate::storage::{Append, Appended, RoomRow, StoreError, StoreResult};

/// A message with the hash of its text.
pub(super) struct Item {
    pub new: Append,
    pub hash: TextHash,
}

/// Why a whole batch was undone.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another transaction was in the way; nothing was written, the same again may well do.
    Collided(String),
    /// Anything else.
    Store(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if error::collided(&error) { Self::Collided(error::said(&error)) } else { Self::Store(error.into()) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A locked room, growing.
struct Locked {
    row: RoomRow,
    head_at: Timestamp,
    peers: Option<(UserId, UserId)>,
    /// The head before this batch.
    head_before: Seq,
}

/// What the database knows of one item.
struct Found {
    user: User,
    admin: bool,
    banned_until: Option<Timestamp>,
    member: Member,
    earlier: Option<(Seq, Timestamp, Vec<u8>)>,
    answered_there: bool,
    blocked: bool,
}

/// A new message, numbered.
struct New {
    item: usize,
    room: usize,
    seq: Seq,
    at: Timestamp,
    joined: bool,
    user: User,
    mentions: Vec<UserId>,
    /// The room as it was after it.
    row: RoomRow,
}

/// What one batch comes to, before it is written.
#[derive(Default)]
struct Plan {
    new: Vec<New>,
    /// Room, user, read mark, since.
    joins: Vec<(i64, UserId, Seq, Timestamp)>,
    answers: Vec<Option<StoreResult<Appended>>>,
}

/// Does the batch within the transaction that is open on `conn`: an answer for each item, in their order.
pub(super) async fn all(conn: &mut PgConnection, items: &[Item]) -> Result<Vec<StoreResult<Appended>>, Failure> {
    let (mut rooms, by_name) = lock(conn, items).await?;
    let room_of: Vec<Option<usize>> = items.iter().map(|item| by_name.get(item.new.room.as_str()).copied()).collect();
    let found = look(conn, items, &rooms, &room_of).await?;
    let counts = count_rooms(conn, items, &found).await?;
    let mut plan = decide(items, &mut rooms, &room_of, found, counts);
    if !plan.joins.is_empty() {
        join(conn, &plan.joins).await?;
    }
    name(conn, items, &mut plan.new).await?;
    if !plan.new.is_empty() {
        write(conn, items, &plan.new, &rooms).await?;
    }
    for new in plan.new {
        let item = &items[new.item].new;
        let body = EntryBody::Created {
            text: Some(item.text.clone()),
            client_id: item.client_id.clone(),
            reply_to: item.reply_to,
            mentions: new.mentions,
            superseded_by: None,
        };
        let entry = Arc::new(Entry { room: new.row.name.clone(), seq: new.seq, at: new.at, from: new.user, body });
        let appended = Appended { room: new.row, seq: new.seq, at: new.at, entry: Some(entry), joined: new.joined };
        plan.answers[new.item] = Some(Ok(appended));
    }
    let missing = || Err(StoreError::Internal("a message of a batch was forgotten".into()));
    Ok(plan.answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect())
}

async fn lock(conn: &mut PgConnection, items: &[Item]) -> Result<(Vec<Locked>, HashMap<String, usize>), Failure> {
    let names: BTreeSet<&str> = items.iter().map(|item| item.new.room.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let sql = concat!(
        "SELECT ",
        rows::room_columns!(),
        ", r.head_at, r.low, r.high FROM rooms r WHERE r.name = ANY ($1) ORDER BY r.id FOR NO KEY UPDATE"
    );
    let found = sqlx::query(sql).bind(names).fetch_all(conn).await?;
    let mut rooms = Vec::with_capacity(found.len());
    let mut by_name = HashMap::with_capacity(found.len());
    for row in &found {
        const BASE: usize = rows::ROOM_COLUMNS;
        let room = rows::room(row, 0)?;
        let (low, high): (Option<i64>, Option<i64>) = (row.try_get(BASE + 1)?, row.try_get(BASE + 2)?);
        by_name.insert(room.name.to_string(), rooms.len());
        rooms.push(Locked {
            head_before: room.head,
            row: room,
            head_at: Timestamp::from_millis(row.try_get(BASE)?),
            peers: low.zip(high).map(|(low, high)| (rows::user_id(low), rows::user_id(high))),
        });
    }
    Ok((rooms, by_name))
}

/// Everything that decides, for all items at once; nothing for those without a room or with a sender unknown.
async fn look(
    conn: &mut PgConnection,
    items: &[Item],
    rooms: &[Locked],
    room_of: &[Option<usize>],
) -> Result<Vec<Option<Found>>, Failure> {
    const BASE: usize = rows::USER_COLUMNS;
    let mut keys = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let Some(room) = room_of[index].map(|room| &rooms[room]) else { continue };
        keys.0.push(i64::try_from(index).unwrap_or(i64::MAX));
        keys.1.push(room.row.id.0);
        keys.2.push(rows::user_in(item.new.sender));
        keys.3.push(item.new.client_id.as_str());
        keys.4.push(item.new.reply_to.map(rows::seq_in));
        let peer = room.peers.map(|(low, high)| if low == item.new.sender { high } else { low });
        keys.5.push(peer.map(rows::user_in));
    }
    let mut out: Vec<Option<Found>> = std::iter::repeat_with(|| None).take(items.len()).collect();
    if keys.0.is_empty() {
        return Ok(out);
    }
    let sql = concat!(
        "SELECT ",
        rows::user_columns!(),
        ", k.item, m.role, s.banned_until, s.muted_until, s.kicked, d.seq, d.at, d.text_hash,
           k.reply_to IS NULL OR EXISTS (SELECT 1 FROM messages a WHERE a.room = k.room AND a.seq = k.reply_to),
           k.peer IS NOT NULL AND EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = k.peer AND b.other = k.sender)
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])
           AS k (item, room, sender, client_id, reply_to, peer)
         JOIN users u ON u.id = k.sender
         LEFT JOIN members m ON m.room = k.room AND m.user_id = k.sender
         LEFT JOIN sanctions s ON s.room = k.room AND s.user_id = k.sender
         LEFT JOIN messages d ON d.room = k.room AND d.sender = k.sender AND d.client_id = k.client_id"
    );
    let found = sqlx::query(sql)
        .bind(keys.0)
        .bind(keys.1)
        .bind(keys.2)
        .bind(keys.3)
        .bind(keys.4)
        .bind(keys.5)
        .fetch_all(conn)
        .await?;
    for row in &found {
        let user = rows::user(row, 0)?;
        let earlier = match row.try_get::<Option<i64>, _>(BASE + 5)? {
            Some(seq) => {
                let at = Timestamp::from_millis(row.try_get(BASE + 6)?);
                Some((rows::seq(seq), at, row.try_get(BASE + 7)?))
            }
            None => None,
        };
        let known = Found {
            admin: users::is_admin(&user),
            banned_until: user.banned_until,
            user: user.user,
            member: Member::read(row, BASE + 1)?,
            earlier,
            answered_there: row.try_get(BASE + 8)?,
            blocked: row.try_get(BASE + 9)?,
        };
        let index = usize::try_from(row.try_get::<i64, _>(BASE)?).unwrap_or(usize::MAX);
        if let Some(slot) = out.get_mut(index) {
            *slot = Some(known);
        }
    }
    Ok(out)
}

/// In how many rooms those are who would join by sending. Their rows are locked, so that two joins of one user at once
/// count each other.
async fn count_rooms(
    conn: &mut PgConnection,
    items: &[Item],
    found: &[Option<Found>],
) -> Result<HashMap<UserId, u32>, Failure> {
    let strangers: BTreeSet<i64> = items
        .iter()
        .zip(found)
        .filter(|(_, found)| found.as_ref().is_some_and(|f| f.member.role.is_none() && f.earlier.is_none()))
        .map(|(item, _)| rows::user_in(item.new.sender))
        .collect();
    if strangers.is_empty() {
        return Ok(HashMap::new());
    }
    let strangers: Vec<i64> = strangers.into_iter().collect();
    sqlx::query("SELECT id FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE")
        .bind(&strangers)
        .execute(&mut *conn)
        .await?;
    let counts: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT m.user_id, count(*) FROM members m JOIN rooms r ON r.id = m.room
         WHERE m.user_id = ANY ($1) AND r.kind <> 2 GROUP BY m.user_id",
    )
    .bind(&strangers)
    .fetch_all(conn)
    .await?;
    Ok(counts.into_iter().map(|(user, count)| (rows::user_id(user), rows::count(count))).collect())
}

/// Goes through the batch in its order: who is refused, who repeats, who gets which number.
fn decide(
    items: &[Item],
    rooms: &mut [Locked],
    room_of: &[Option<usize>],
    found: Vec<Option<Found>>,
    mut counts: HashMap<UserId, u32>,
) -> Plan {
    let mut plan = Plan::default();
    let mut sent: HashMap<(usize, UserId, &ClientId), (Seq, Timestamp, TextHash)> = HashMap::new();
    let mut joined: HashSet<(usize, UserId)> = HashSet::new();
    for (index, (item, found)) in items.iter().zip(found).enumerate() {
        let new = &item.new;
        plan.answers.push(None);
        let Some(room_index) = room_of[index] else {
            plan.answers[index] = Some(Err(Refusal::ROOM.into()));
            continue;
        };
        let room = &mut rooms[room_index];
        let Some(mut found) = found else {
            plan.answers[index] = Some(Err(Refusal::USER.into()));
            continue;
        };
        let key = (room_index, new.sender, &new.client_id);
        let in_batch = sent.get(&key).map(|(seq, at, hash)| (*seq, *at, hash.to_vec()));
        if let Some(earlier) = found.earlier.take().or(in_batch) {
            plan.answers[index] = Some(repeat(&earlier, item, room));
            continue;
        }
        if joined.contains(&(room_index, new.sender)) {
            found.member.role = Some(Role::Member);
        }
        let count = counts.entry(new.sender).or_default();
        if let Err(refusal) = rights(room, &found, new, *count) {
            plan.answers[index] = Some(Err(refusal.into()));
            continue;
        }
        let joins = found.member.role.is_none();
        if joins {
            *count += 1;
            joined.insert((room_index, new.sender));
            plan.joins.push((room.row.id.0, new.sender, room.row.head, new.at));
            room.row.members += 1;
        }
        let seq = room.row.head.next();
        let at = new.at.max(room.head_at);
        (room.row.head, room.head_at) = (seq, at);
        sent.insert(key, (seq, at, item.hash));
        let (user, row) = (found.user, room.row.clone());
        plan.new.push(New { item: index, room: room_index, seq, at, joined: joins, user, mentions: Vec::new(), row });
    }
    plan
}

/// The answer to an earlier send with this key; `Conflict` with another text.
fn repeat(earlier: &(Seq, Timestamp, Vec<u8>), item: &Item, room: &Locked) -> StoreResult<Appended> {
    same(&earlier.2, &item.hash)?;
    Ok(Appended { room: room.row.clone(), seq: earlier.0, at: earlier.1, entry: None, joined: false })
}

fn same(earlier: &[u8], hash: &TextHash) -> Result<(), Refusal> {
    if earlier == hash {
        return Ok(());
    }
    Err(Refusal::Conflict("another text was sent with this client_id; take a new one"))
}

/// Everything that can refuse a new message.
fn rights(room: &Locked, found: &Found, new: &Append, rooms: u32) -> Result<(), Refusal> {
    if let Some(until) = found.banned_until.filter(|until| *until > new.at) {
        return Err(Refusal::Banned { until: rows::end_of(until) });
    }
    found.member.standing(&room.row, found.admin, new.at).check(Action::Send)?;
    permission::writable(found.member.muted_until, new.at)?;
    if found.member.role.is_none() {
        if found.member.kicked {
            return Err(Refusal::Forbidden("you were removed from this room; join it again first"));
        }
        if rooms >= new.max_rooms {
            return Err(Refusal::Forbidden("too many rooms; leave one first"));
        }
    }
    if found.blocked {
        return Err(Refusal::Forbidden("this user does not take direct messages from you"));
    }
    // What this batch wrote before is there, too.
    let in_batch = new.reply_to.is_some_and(|seq| seq > room.head_before && seq <= room.row.head);
    if !found.answered_there && !in_batch {
        return Err(Refusal::MESSAGE);
    }
    Ok(())
}

async fn join(conn: &mut PgConnection, joins: &[(i64, UserId, Seq, Timestamp)]) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO members (room, user_id, role, read, joined_at)
         SELECT room, user_id, $5, read, at FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
           AS k (room, user_id, read, at)",
    )
    .bind(joins.iter().map(|join| join.0).collect::<Vec<_>>())
    .bind(joins.iter().map(|join| rows::user_in(join.1)).collect::<Vec<_>>())
    .bind(joins.iter().map(|join| rows::seq_in(join.2)).collect::<Vec<_>>())
    .bind(joins.iter().map(|join| join.3.as_millis()).collect::<Vec<_>>())
    .bind(rows::role_in(Role::Member))
    .execute(conn)
    .await?;
    Ok(())
}

/// Turns names after `@` into those of the room's members that have them.
async fn name(conn: &mut PgConnection, items: &[Item], new: &mut [New]) -> Result<(), Failure> {
    let mut keys = (Vec::new(), Vec::new(), Vec::new());
    for (index, message) in new.iter().enumerate() {
        for name in &items[message.item].new.mentions {
            keys.0.push(i64::try_from(index).unwrap_or(i64::MAX));
            keys.1.push(message.row.id.0);
            keys.2.push(name.as_str());
        }
    }
    if keys.0.is_empty() {
        return Ok(());
    }
    let found: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT k.item, u.id
         FROM UNNEST($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS k (item, room, name, ord)
           JOIN users u ON u.name = k.name JOIN members m ON m.room = k.room AND m.user_id = u.id ORDER BY k.ord",
    )
    .bind(keys.0)
    .bind(keys.1)
    .bind(keys.2)
    .fetch_all(conn)
    .await?;
    for (index, user) in found {
        let mentions = usize::try_from(index).ok().and_then(|index| new.get_mut(index)).map(|new| &mut new.mentions);
        if let Some(mentions) = mentions
            && !mentions.contains(&rows::user_id(user))
        {
            mentions.push(rows::user_id(user));
        }
    }
    Ok(())
}

/// Messages, heads, mentions and the index's list, in one statement: their rooms are locked.
async fn write(conn: &mut PgConnection, items: &[Item], new: &[New], rooms: &[Locked]) -> Result<(), Failure> {
    let grown: BTreeMap<usize, &Locked> = new.iter().map(|new| (new.room, &rooms[new.room])).collect();
    let named = || {
        new.iter().flat_map(|new| {
            let sender = items[new.item].new.sender;
            new.mentions.iter().filter(move |user| **user != sender).map(move |user| (*user, new))
        })
    };
    sqlx::query(
        "WITH new AS (
           INSERT INTO messages (room, seq, at, sender, client_id, text_hash, text, text_seq, rev, reply_to, mentions)
           SELECT room, seq, at, sender, client_id, text_hash, text, seq, seq, reply_to, mentions
           FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::text[],
                       $8::bigint[], $9::bytea[]) WITH ORDINALITY
             AS k (room, seq, at, sender, client_id, text_hash, text, reply_to, mentions, ord)
           ORDER BY k.ord RETURNING id),
         grown AS (
           UPDATE rooms r SET head = k.head, head_at = k.head_at, members = k.members
           FROM UNNEST($10::bigint[], $11::bigint[], $12::bigint[], $13::integer[]) AS k (id, head, head_at, members)
           WHERE r.id = k.id),
         named AS (
           INSERT INTO mentions (user_id, room, seq)
           SELECT user_id, room, seq FROM UNNEST($14::bigint[], $15::bigint[], $16::bigint[]) AS k (user_id, room, seq))
         INSERT INTO search_todo (id) SELECT id FROM new",
    )
    .bind(new.iter().map(|new| new.row.id.0).collect::<Vec<_>>())
    .bind(new.iter().map(|new| rows::seq_in(new.seq)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.at.as_millis()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| rows::user_in(items[new.item].new.sender)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| items[new.item].new.client_id.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| items[new.item].hash.as_slice()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| items[new.item].new.text.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| items[new.item].new.reply_to.map(rows::seq_in)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| rows::ids_in(&new.mentions)).collect::<Vec<_>>())
    .bind(grown.values().map(|room| room.row.id.0).collect::<Vec<_>>())
    .bind(grown.values().map(|room| rows::seq_in(room.row.head)).collect::<Vec<_>>())
    .bind(grown.values().map(|room| room.head_at.as_millis()).collect::<Vec<_>>())
    .bind(grown.values().map(|room| i32::try_from(room.row.members).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(named().map(|(user, _)| rows::user_in(user)).collect::<Vec<_>>())
    .bind(named().map(|(_, new)| new.row.id.0).collect::<Vec<_>>())
    .bind(named().map(|(_, new)| rows::seq_in(new.seq)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// The answer to an earlier send with this key, if there was one; `Conflict` with another text.
pub(super) async fn find(
    conn: &mut PgConnection,
    room: &chat_common::RoomName,
    sender: UserId,
    client_id: &ClientId,
    hash: &TextHash,
) -> StoreResult<Option<(Seq, Timestamp)>> {
    let Some(room) = standing::room(conn, room).await? else { return Ok(None) };
    let found: Option<(i64, i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, at, text_hash FROM messages WHERE room = $1 AND sender = $2 AND client_id = $3")
            .bind(room.id.0)
            .bind(rows::user_in(sender))
            .bind(client_id.as_str())
            .fetch_optional(conn)
            .await?;
    let Some((seq, at, earlier)) = found else { return Ok(None) };
    same(&earlier, hash)?;
    Ok(Some((rows::seq(seq), Timestamp::from_millis(at))))
}
