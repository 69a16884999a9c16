//! A whole store as its administrator reads it: is it sound, and everything a room holds. The same for a store that
//! serves and for a database that is only looked at.

use async_trait::async_trait;
use chat_common::model::Message;
use chat_common::{RoomName, Seq, Timestamp};

use super::{RoomId, RoomRow, StoreResult};

/// Told while a check goes on: what is looked at, and how far it is of how much.
pub type Tell<'a> = &'a (dyn Fn(&'static str, u64, u64) + Send + Sync);

/// What brings a finding in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// The search index is made anew from the texts.
    Reindex,
    /// What is lost or contradicts itself comes back from a backup alone.
    Restore,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One line; names of rooms and ids, never a text.
    pub what: String,
    /// What to do.
    pub way_out: WayOut,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rooms that were not deleted.
    pub rooms: u64,
    /// Messages, deleted ones included.
    pub messages: u64,
    /// What is wrong; empty: nothing.
    pub findings: Vec<Finding>,
}

/// Findings of one kind that are told one by one; of the rest the number.
pub(super) const TOLD: usize = 20;

/// Reading a store from outside the rules of who may read what.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Looks through everything, in one moment's view: logs without a gap, counts, marks, references, the database
    /// itself, and the search index against the texts, both ways.
    async fn verify(&self, tell: Tell<'_>) -> StoreResult<Report>;
    /// A room by name.
    async fn room(&self, name: &RoomName) -> StoreResult<Option<RoomRow>>;
    /// A user's id by name.
    async fn user_id(&self, name: &chat_common::UserName) -> StoreResult<Option<chat_common::UserId>>;
    /// The last entry that is earlier than a time.
    async fn seq_before(&self, room: RoomId, at: Timestamp) -> StoreResult<Seq>;
    /// Messages after a `seq`, ascending, deleted ones included; at most `limit`, none at the end.
    async fn messages_after(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Message>>;
}

/// A statement that finds what contradicts itself: each row is one sentence. `{user}` is the column that names a user.
pub(super) struct Check {
    pub name: &'static str,
    sql: &'static str,
}

impl Check {
    /// The statement for a back end.
    pub fn sql(&self, user: &str) -> String {
        self.sql.replace("{user}", user)
    }
}

/// The check's own findings: the first [`TOLD`], and how many more.
pub(super) fn told(sentences: Vec<String>, way_out: WayOut, into: &mut Vec<Finding>) {
    let more = sentences.len().saturating_sub(TOLD);
    into.extend(sentences.into_iter().take(TOLD).map(|what| Finding { what, way_out }));
    if more > 0 {
        into.push(Finding { what: format!("… and {more} more of this kind"), way_out });
    }
}

/// What holds in every store, in the words that both databases know.
pub(super) const CHECKS: [Check; 12] = [
    Check {
        name: "logs",
        sql: "SELECT 'room ' || r.name || ': its log should hold each of ' || r.first || ' to ' || r.head
                || ' once, and holds ' || coalesce(l.seqs, 0) || ' of them in ' || coalesce(l.n, 0) || ' rows'
              FROM rooms r LEFT JOIN
                (SELECT room, count(*) AS n, count(DISTINCT seq) AS seqs, min(seq) AS low, max(seq) AS high FROM
                   (SELECT room, seq FROM messages UNION ALL SELECT room, seq FROM entries) AS both_kinds
                 GROUP BY room) AS l ON l.room = r.id
              WHERE r.name IS NOT NULL AND (coalesce(l.n, 0) <> coalesce(l.seqs, 0)
                OR coalesce(l.seqs, 0) <> r.head - r.first + 1
                OR coalesce(l.low, r.first) <> r.first OR coalesce(l.high, r.head) <> r.head)",
    },
    Check {
        name: "members",
        sql: "SELECT 'room ' || r.name || ': it counts ' || r.members || ' members and has '
                || (SELECT count(*) FROM members m WHERE m.room = r.id)
              FROM rooms r
              WHERE r.name IS NOT NULL AND r.members <> (SELECT count(*) FROM members m WHERE m.room = r.id)",
    },
    Check {
        name: "read marks",
        sql: "SELECT 'room ' || r.name || ': user ' || m.{user} || ' has read up to ' || m.read || ', beyond the head '
                || r.head
              FROM members m JOIN rooms r ON r.id = m.room WHERE r.name IS NOT NULL AND m.read > r.head",
    },
    Check {
        name: "mentions",
        sql: "SELECT 'room ' || r.name || ': a mention of message ' || n.seq || ', which is not there or was deleted'
              FROM mentions n JOIN rooms r ON r.id = n.room AND r.name IS NOT NULL
                LEFT JOIN messages m ON m.room = n.room AND m.seq = n.seq
              WHERE m.id IS NULL OR m.deleted",
    },
    Check {
        name: "reactions",
        sql: "SELECT 'room ' || r.name || ': a reaction to message ' || x.seq || ', which is not there or was deleted'
              FROM reactions x JOIN rooms r ON r.id = x.room AND r.name IS NOT NULL
                LEFT JOIN messages m ON m.room = x.room AND m.seq = x.seq
              WHERE m.id IS NULL OR m.deleted",
    },
    Check {
        name: "texts",
        sql: "SELECT 'room ' || r.name || ': message ' || m.seq || CASE WHEN m.deleted
                THEN ' was deleted and has a text' ELSE ' was not deleted and has no text' END
              FROM messages m JOIN rooms r ON r.id = m.room AND r.name IS NOT NULL
              WHERE (m.deleted AND m.text IS NOT NULL) OR (NOT m.deleted AND m.text IS NULL)",
    },
    Check {
        name: "changes",
        sql: "SELECT 'room ' || r.name || ': entry ' || e.seq || ' changes message ' || e.target || ', which is not there'
              FROM entries e JOIN rooms r ON r.id = e.room AND r.name IS NOT NULL
                LEFT JOIN messages m ON m.room = e.room AND m.seq = e.target
              WHERE e.target IS NOT NULL AND m.id IS NULL",
    },
    Check {
        name: "replies",
        sql: "SELECT 'room ' || r.name || ': message ' || m.seq || ' answers ' || m.reply_to || ', which is not there'
              FROM messages m JOIN rooms r ON r.id = m.room AND r.name IS NOT NULL
                LEFT JOIN messages a ON a.room = m.room AND a.seq = m.reply_to
              WHERE m.reply_to IS NOT NULL AND a.id IS NULL",
    },
    Check {
        name: "rooms of rows",
        sql: "SELECT o.kind || ' of room ' || o.room || ', which is not there: ' || o.n FROM (
                SELECT 'messages' AS kind, room, count(*) AS n FROM messages GROUP BY room UNION ALL
                SELECT 'entries', room, count(*) FROM entries GROUP BY room UNION ALL
                SELECT 'members', room, count(*) FROM members GROUP BY room UNION ALL
                SELECT 'mentions', room, count(*) FROM mentions GROUP BY room UNION ALL
                SELECT 'reactions', room, count(*) FROM reactions GROUP BY room UNION ALL
                SELECT 'sanctions', room, count(*) FROM sanctions GROUP BY room UNION ALL
                SELECT 'webhooks', room, count(*) FROM hooks GROUP BY room
              ) AS o LEFT JOIN rooms r ON r.id = o.room WHERE r.id IS NULL",
    },
    Check {
        name: "users of rows",
        sql: "SELECT o.kind || ' of user ' || o.who || ', who is not there: ' || o.n FROM (
                SELECT 'memberships' AS kind, {user} AS who, count(*) AS n FROM members GROUP BY {user} UNION ALL
                SELECT 'sessions', {user}, count(*) FROM sessions GROUP BY {user} UNION ALL
                SELECT 'mentions', {user}, count(*) FROM mentions GROUP BY {user} UNION ALL
                SELECT 'blocks', {user}, count(*) FROM blocks GROUP BY {user} UNION ALL
                SELECT 'API tokens', owner, count(*) FROM tokens GROUP BY owner UNION ALL
                SELECT 'API tokens', bot, count(*) FROM tokens GROUP BY bot UNION ALL
                SELECT 'webhooks', bot, count(*) FROM hooks GROUP BY bot
              ) AS o LEFT JOIN users u ON u.id = o.who WHERE u.id IS NULL",
    },
    Check {
        name: "direct conversations",
        sql: "SELECT 'direct conversation ' || r.name || ': it does not say between whom it is'
              FROM rooms r WHERE r.name IS NOT NULL AND r.kind = 2 AND (r.low IS NULL OR r.high IS NULL)",
    },
    Check {
        name: "the feed",
        sql: "SELECT 'room ' || r.name || ': the feed is at ' || f.seq || ', beyond the head ' || r.head
              FROM feed_rooms f JOIN rooms r ON r.id = f.room WHERE r.name IS NOT NULL AND f.seq > r.head",
    },
];

/// What the index and the texts say of each other, as sentences.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Messages that the index should hold and does not.
    pub missing: Vec<i64>,
    /// Messages whose trigrams are not those of their text.
    pub other: Vec<i64>,
    /// What the index holds of texts that are gone.
    pub left: Vec<i64>,
    /// There are more than were looked into.
    pub more: bool,
}

impl Differences {
    /// As findings.
    pub fn told(&self, into: &mut Vec<Finding>) {
        let kinds = [
            (&self.missing, "do not stand in the search index and are not found"),
            (&self.other, "stand in the search index with another text"),
            (&self.left, "stand in the search index, although their texts are gone"),
        ];
        for (ids, what) in kinds.into_iter().filter(|(ids, _)| !ids.is_empty()) {
            let some: Vec<String> = ids.iter().take(5).map(i64::to_string).collect();
            let more = if ids.len() > 5 { ", …" } else { "" };
            let least = if self.more { "at least " } else { "" };
            let what = format!("{least}{} messages {what} (ids {}{more})", ids.len(), some.join(", "));
            into.push(Finding { what, way_out: WayOut::Reindex });
        }
    }
}
