//! The last view of each room, drafts, and small things to be kept.

use chat_common::model::{Message, RoomSummary};
use chat_common::{Clock, Epoch, RoomName, RoomRef, Seq, SystemClock};
use rusqlite::{OptionalExtension, params};

use super::{Cache, CacheError};

/// Messages kept for each room.
const KEPT: usize = 500;
/// Rooms kept for each owner; the ones saved longest ago go first.
const ROOMS: i64 = 200;
/// Drafts brought back at a start.
const DRAFTS: i64 = 1_000;

/// What a room looked like when it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Which.
    pub room: RoomName,
    /// As one saw it; none if it was never told.
    pub summary: Option<RoomSummary>,
    /// The lineage the numbers belong to.
    pub epoch: Epoch,
    /// The oldest entry kept by the server.
    pub first: Seq,
    /// The newest entry folded in.
    pub head: Seq,
    /// Ascending by `seq`; the last 500 are kept.
    pub messages: Vec<Message>,
}

/// SQLite's integers are signed; a number beyond cannot come from an honest server.
pub(super) fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(n: i64) -> Seq {
    Seq(u64::try_from(n).unwrap_or(0))
}

impl Cache {
    /// The last view of a room. One that cannot be read (another version wrote it) is none.
    pub fn load_view(&self, room: &RoomName) -> Result<Option<View>, CacheError> {
        let inner = self.lock();
        let row = inner
            .db
            .prepare_cached(
                "SELECT summary, epoch, first, head, messages FROM seen JOIN page USING (id)
                 WHERE owner = ?1 AND room = ?2",
            )?
            .query_row(params![inner.owner, room.as_str()], |r| {
                Ok((
                    r.get::<_, Option<String>>(0)?,
                    r.get::<_, String>(1)?,
                    r.get::<_, i64>(2)?,
                    r.get::<_, i64>(3)?,
                    r.get::<_, String>(4)?,
                ))
            })
            .optional()?;
        Ok(row.and_then(|(summary, epoch, first, head, messages)| {
            Some(View {
                room: room.clone(),
                summary: summary.and_then(|s| serde_json::from_str(&s).ok()),
                epoch: Epoch(epoch),
                first: unsigned(first),
                head: unsigned(head),
                messages: serde_json::from_str(&messages).ok()?,
            })
        }))
    }

    /// The rooms with a view, by name: for the list of rooms before the network answers.
    pub fn load_rooms(&self) -> Result<Vec<RoomSummary>, CacheError> {
        let inner = self.lock();
        let mut query = inner
            .db
            .prepare_cached("SELECT summary FROM seen WHERE owner = ?1 AND summary IS NOT NULL ORDER BY room")?;
        let rows = query.query_map([&inner.owner], |r| r.get::<_, String>(0))?;
        let mut rooms = Vec::new();
        for row in rows {
            rooms.extend(serde_json::from_str::<RoomSummary>(&row?).ok());
        }
        Ok(rooms)
    }

    /// Keeps the last view of a room.
    pub fn save_view(&self, view: &View) -> Result<(), CacheError> {
        let summary = view.summary.as_ref().map(serde_json::to_string).transpose()?;
        let messages = serde_json::to_string(&view.messages[view.messages.len().saturating_sub(KEPT)..])?;
        let mut inner = self.lock();
        let owner = inner.owner.clone();
        let tx = inner.db.transaction()?;
        let id: i64 = tx
            .prepare_cached(
                "INSERT INTO seen (owner, room, summary, epoch, first, head, saved_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET summary = coalesce(excluded.summary, summary), epoch = excluded.epoch,
                     first = excluded.first, head = excluded.head, saved_at = excluded.saved_at
                 RETURNING id",
            )?
            .query_row(
                params![
                    owner,
                    view.room.as_str(),
                    summary,
                    view.epoch.0,
                    signed(view.first),
                    signed(view.head),
                    SystemClock.now().as_millis()
                ],
                |r| r.get(0),
            )?;
        tx.prepare_cached(
            "INSERT INTO page (id, messages) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET messages = excluded.messages",
        )?
        .execute(params![id, messages])?;
        tx.prepare_cached(
            "DELETE FROM seen WHERE id IN
                 (SELECT id FROM seen WHERE owner = ?1 ORDER BY saved_at DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![owner, ROOMS])?;
        tx.commit()?;
        Ok(())
    }

    /// Forgets a room that one is no longer in.
    pub fn forget_view(&self, room: &RoomName) -> Result<(), CacheError> {
        let inner = self.lock();
        inner.db.execute("DELETE FROM seen WHERE owner = ?1 AND room = ?2", params![inner.owner, room.as_str()])?;
        Ok(())
    }

    /// All that was typed and not sent. A place that cannot be read (another version wrote it) is passed over.
    pub fn drafts(&self) -> Result<Vec<(RoomRef, String)>, CacheError> {
        let inner = self.lock();
        let mut query = inner.db.prepare_cached("SELECT room, text FROM draft WHERE owner = ?1 LIMIT ?2")?;
        let rows = query.query_map(params![inner.owner, DRAFTS], |r| Ok((r.get::<_, String>(0)?, r.get(1)?)))?;
        let mut drafts = Vec::new();
        for row in rows {
            let (room, text) = row?;
            drafts.extend(RoomRef::parse(&room).ok().map(|room| (room, text)));
        }
        Ok(drafts)
    }

    /// Keeps what was typed in a room; an empty text forgets it.
    pub fn save_draft(&self, room: &RoomRef, text: &str) -> Result<(), CacheError> {
        let inner = self.lock();
        if text.is_empty() {
            inner
                .db
                .prepare_cached("DELETE FROM draft WHERE owner = ?1 AND room = ?2")?
                .execute(params![inner.owner, room.to_string()])?;
        } else {
            inner
                .db
                .prepare_cached(
                    "INSERT INTO draft (owner, room, text) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET text = excluded.text",
                )?
                .execute(params![inner.owner, room.to_string(), text])?;
        }
        Ok(())
    }
}
