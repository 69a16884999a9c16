//! Moving a whole store into a back end of another kind: what there is to move, in bounded batches, and the checks.
//!
//! A batch and the place it ends at are committed together, so a copy that was interrupted goes on where it was. The
//! same random mark stands in the source and in the half-made target; opening the source as a store takes it away.
//! So a copy goes on only with the source it began with, and only if nothing can have changed in it since.

mod tables;

use super::postgres::Import;
use super::sqlite::Export;
use super::{StoreError, StoreResult};
#[cfg(test)]
pub(super) use tables::LEFT;
pub(super) use tables::{Kind, Row, TABLES, Table, Value};

/// Rows of one batch.
pub(super) const ROWS: usize = 2_000;
/// Bytes of one batch, about; its last row may go beyond.
pub(super) const BYTES: usize = 4 * 1024 * 1024;

/// How far a table has been copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The key of the last row; empty before the first.
    pub after: Row,
    /// Rows so far.
    pub rows: u64,
}

/// A room's identity and the ends of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub id: i64,
    pub first: i64,
    pub head: i64,
}

/// What a target is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody was ever in it.
    Empty,
    /// Half of the copy with this mark.
    Half(String),
    /// Somebody's chat.
    Used,
}

/// Told after every batch.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is copied.
    pub table: &'static str,
    /// Rows of all tables that are in the target.
    pub done: u64,
    /// Rows of all tables.
    pub total: u64,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Rows of all tables.
    pub rows: u64,
    /// Of them, rows that were there from an earlier run.
    pub before: u64,
    /// Rooms whose logs were compared.
    pub rooms: u64,
}

/// Copies a stopped server's store into an empty database, or goes on with a copy that was interrupted. `restart`
/// throws away the half of a copy first; a chat that somebody uses is never touched.
pub async fn run(
    from: &mut Export,
    to: &mut Import,
    restart: bool,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> StoreResult<Copied> {
    let before = begin(from, to, restart).await?;
    let mut total = 0;
    for table in &TABLES {
        total += from.count(table)?;
    }
    let mut done = before;
    for table in &TABLES {
        let mut place = to.place(table).await?;
        loop {
            tell(Progress { table: table.name, done, total });
            let rows = from.page(table, &place.after)?;
            let Some(last) = rows.last() else { break };
            place.after = last.get(..table.key).unwrap_or_default().to_vec();
            place.rows += rows.len() as u64;
            done += rows.len() as u64;
            to.put(table, rows, &place).await?;
        }
    }
    for table in &TABLES {
        let (here, there) = (from.count(table)?, to.count(table).await?);
        if here != there {
            return Err(differs(&format!("{here} rows of {} became {there}", table.name)));
        }
    }
    let rooms = compare(&from.ends()?, &to.ends().await?)?;
    if let Some(room) = to.broken_log().await? {
        return Err(differs(&format!("the log of room {room} is not whole")));
    }
    to.finish(&from.text_key()?, from.last_room()?).await?;
    Ok(Copied { rows: done, before, rooms })
}

/// Makes source and target ready; how many rows are in the target already.
async fn begin(from: &Export, to: &mut Import, restart: bool) -> StoreResult<u64> {
    let mut found = to.look().await?;
    if restart && matches!(found, Found::Half(_)) {
        to.clear().await?;
        found = Found::Empty;
    }
    match found {
        Found::Used => Err(StoreError::Unavailable(
            "the target holds a chat already; give the copy an empty database of its own: createdb -E UTF8 NAME".into(),
        )),
        Found::Half(mark) if from.mark()?.as_deref() != Some(mark.as_str()) => Err(StoreError::Unavailable(
            "the target holds half of a copy that cannot go on: it is of another database, or a server or a command \
             has opened this one since; begin anew with --restart"
                .into(),
        )),
        Found::Half(_) => {
            let mut rows = 0;
            for table in &TABLES {
                rows += to.place(table).await?.rows;
            }
            Ok(rows)
        }
        Found::Empty => {
            to.begin(&from.new_mark()?).await?;
            Ok(0)
        }
    }
}

fn compare(here: &[Ends], there: &[Ends]) -> StoreResult<u64> {
    for (a, b) in here.iter().zip(there) {
        if a != b {
            return Err(differs(&format!("the log of room {} has entries {} to {}", a.id, b.first, b.head)));
        }
    }
    if here.len() != there.len() {
        return Err(differs(&format!("{} rooms became {}", here.len(), there.len())));
    }
    Ok(here.len() as u64)
}

fn differs(what: &str) -> StoreError {
    StoreError::Internal(format!("the copy is not like its source: {what}; begin anew with --restart"))
}

#[cfg(test)]
mod tests;
