//! Finding messages: the index names candidates, the live rows decide. Words too short for trigrams, and searches
//! by filter alone, look through recent messages; every page looks at a bounded number and says where to go on.

use chat_common::event::history::Has;
use chat_common::text::fold;
use chat_common::{Timestamp, UserId};
use sqlx::{PgConnection, Row};

use super::{grams, history, rows};
use crate::domain::Refusal;
use crate::storage::{SearchPage, SearchQuery, StoreResult};

/// Candidates that one page looks at.
const BUDGET: usize = 20_000;
/// Candidates taken from the database at once.
const CHUNK: i64 = 500;

/// A statement for candidates, newest first: their ids, and the text of those that the filters let pass.
/// `$1`: trigrams or room, `$2`: before, `$3`: how many, `$4` to `$7`: [`Filters`].
macro_rules! candidates {
    ($ids:literal) => {
        concat!(
            "SELECT c.id, CASE WHEN m.room = ANY($4) AND ($5::bigint IS NULL OR m.sender = $5)
               AND ($6::bigint IS NULL OR m.at >= $6) AND ($7::bigint IS NULL OR m.at < $7) THEN m.text END, m.mentions
             FROM (",
            $ids,
            ") AS c LEFT JOIN messages m ON m.id = c.id ORDER BY c.id DESC"
        )
    };
}

/// What a candidate must hold beside the words.
struct Filters {
    rooms: Vec<i64>,
    from: Option<i64>,
    since: Option<i64>,
    until: Option<i64>,
}

/// A message that may be a hit.
struct Candidate {
    id: i64,
    /// `None` where the filters keep it out, or it is deleted.
    text: Option<String>,
    mentions: Vec<UserId>,
}

/// Newest first; filters as in [`SearchQuery`].
pub(super) async fn search(conn: &mut PgConnection, query: &SearchQuery, now: Timestamp) -> StoreResult<SearchPage> {
    let mut before = match &query.after {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| Refusal::Invalid {
            field: "after",
            message: "not a cursor of a search; take `next` of the page before as it came".into(),
        })?,
    };
    let filters = Filters {
        rooms: readable(conn, query, now).await?,
        from: query.from.map(rows::user_in),
        since: rows::millis(query.since),
        until: rows::millis(query.until),
    };
    let grams = trigrams(&query.words);
    let limit = query.limit.max(1) as usize;
    let mut hits: Vec<i64> = Vec::new();
    let mut looked = 0;
    let next = 'page: loop {
        let chunk = candidates(conn, query, &grams, &filters, before).await?;
        for candidate in &chunk {
            if candidate.matches(query) {
                if hits.len() == limit {
                    break 'page Some(before);
                }
                hits.push(candidate.id);
            }
            before = candidate.id;
        }
        looked += chunk.len();
        if i64::try_from(chunk.len()).is_ok_and(|taken| taken < CHUNK) {
            break None;
        }
        if looked >= BUDGET {
            break Some(before);
        }
    };
    let messages = history::by_ids(conn, query.asker, &hits).await?;
    Ok(SearchPage { messages, next: next.map(|id| id.to_string()) })
}

/// The rooms that are searched.
async fn readable(conn: &mut PgConnection, query: &SearchQuery, now: Timestamp) -> StoreResult<Vec<i64>> {
    let found: Vec<(i64, String)> = sqlx::query_as(
        "SELECT r.id, r.name FROM rooms r LEFT JOIN members m ON m.room = r.id AND m.user_id = $1
           LEFT JOIN sanctions s ON s.room = r.id AND s.user_id = $1
         WHERE r.name IS NOT NULL AND (m.user_id IS NOT NULL OR r.kind = 0)
           AND coalesce(s.banned_until, 0) <= $2 AND ($3::bigint IS NULL OR r.id = $3)",
    )
    .bind(rows::user_in(query.asker))
    .bind(now.as_millis())
    .bind(query.room.map(|room| room.0))
    .fetch_all(conn)
    .await?;
    let named = |name: &str| query.only.as_ref().is_none_or(|only| only.iter().any(|room| room.as_str() == name));
    let mut rooms: Vec<i64> = found.into_iter().filter(|(_, name)| named(name)).map(|(id, _)| id).collect();
    // A server admin may read a private room; the caller has judged that for the one it names.
    if query.only.is_none() {
        rooms.extend(query.room.map(|room| room.0));
    }
    Ok(rooms)
}

/// The trigrams of all words; none where every word is too short.
fn trigrams(words: &[String]) -> Vec<i32> {
    let mut all: Vec<i32> = words.iter().flat_map(|word| grams::of(word)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The next candidates, newest first.
async fn candidates(
    conn: &mut PgConnection,
    query: &SearchQuery,
    grams: &[i32],
    filters: &Filters,
    before: i64,
) -> StoreResult<Vec<Candidate>> {
    let statement = match (grams.is_empty(), query.room) {
        (false, _) => sqlx::query(candidates!(
            "SELECT id FROM message_index WHERE grams @> $1::int[] AND id < $2 ORDER BY id DESC LIMIT $3"
        ))
        .bind(grams),
        // Within a room ids and seqs grow together.
        (true, Some(room)) => sqlx::query(candidates!(
            "SELECT id FROM messages WHERE room = $1 AND id < $2
               AND seq <= coalesce((SELECT seq FROM messages WHERE id = $2), 9223372036854775807)
             ORDER BY seq DESC LIMIT $3"
        ))
        .bind(room.0),
        (true, None) => sqlx::query(candidates!(
            "SELECT id FROM messages WHERE $1::bigint IS NULL AND id < $2 ORDER BY id DESC LIMIT $3"
        ))
        .bind(None::<i64>),
    };
    let found = statement
        .bind(before)
        .bind(CHUNK)
        .bind(&filters.rooms)
        .bind(filters.from)
        .bind(filters.since)
        .bind(filters.until)
        // Planned for these very words: how many messages hold them decides which way is the short one.
        .persistent(false)
        .fetch_all(conn)
        .await?;
    found
        .iter()
        .map(|row| Ok(Candidate { id: row.try_get(0)?, text: row.try_get(1)?, mentions: rows::ids(row.try_get(2)?) }))
        .collect()
}

impl Candidate {
    /// Whether it holds all that the statement did not look at.
    fn matches(&self, query: &SearchQuery) -> bool {
        let Some(text) = &self.text else { return false };
        if query.mention && !self.mentions.contains(&query.asker) {
            return false;
        }
        let linked = match query.has {
            Some(Has::Link) => text.contains("http://") || text.contains("https://"),
            None => true,
        };
        if !linked || query.words.is_empty() {
            return linked;
        }
        let folded = fold(text);
        query.words.iter().all(|word| folded.contains(word.as_str()))
    }
}
