//! Reading everything out of a file that no server uses, for a copy into another back end.

use std::fs::File;
use std::path::Path;

use chat_common::{Clock, SystemClock};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::{SqliteOptions, error, open};
use crate::storage::copy::{BYTES, Ends, ROWS, Row, Table, Value};
use crate::storage::{StoreError, StoreResult, secret};

/// What `meta` calls the mark of a copy.
const MARK: &str = "copy";

/// A stopped server's file, locked for as long as this lives.
pub struct Export {
    conn: Connection,
    rows: usize,
    _lock: File,
}

impl Export {
    /// Opens a file that must be there; `Unavailable` where a server or another command has it. A file of an earlier
    /// schema is brought to this program's.
    pub fn open(path: &Path) -> StoreResult<Self> {
        if !path.is_file() {
            return Err(StoreError::Unavailable(format!(
                "there is no database at {}; name the file that the server used (DATA_DIR/chat.db)",
                path.display()
            )));
        }
        let opened = open::database(&SqliteOptions::new(path), SystemClock.now())?;
        Ok(Self { conn: opened.writer, rows: ROWS, _lock: opened.lock })
    }

    /// Smaller batches than usual.
    #[cfg(test)]
    pub(in crate::storage) fn with_batches_of(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// The key of the texts' hashes, without which a repeated `client_id` would be taken for another text.
    pub(in crate::storage) fn text_key(&self) -> StoreResult<String> {
        Ok(self.conn.query_row("SELECT value FROM meta WHERE key = 'text_key'", [], |row| row.get(0))?)
    }

    /// The copy that this file is the unchanged source of.
    pub(in crate::storage) fn mark(&self) -> StoreResult<Option<String>> {
        Ok(self.conn.query_row("SELECT value FROM meta WHERE key = ?1", [MARK], |row| row.get(0)).optional()?)
    }

    /// Marks the file as the source of a new copy.
    pub(in crate::storage) fn new_mark(&self) -> StoreResult<String> {
        let mark = secret::new_epoch()?;
        self.conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [MARK, &mark])?;
        Ok(mark)
    }

    /// Rows of a table.
    pub(in crate::storage) fn count(&self, table: &Table) -> StoreResult<u64> {
        let count: i64 = self.conn.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The next rows after a key, by key; none at the end.
    pub(in crate::storage) fn page(&self, table: &Table, after: &[Value]) -> StoreResult<Vec<Row>> {
        let quoted: Vec<String> = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let key = quoted.iter().take(table.key).map(String::as_str).collect::<Vec<_>>().join(", ");
        let place = if after.is_empty() {
            String::new()
        } else {
            format!("WHERE ({key}) > ({})", vec!["?"; after.len()].join(", "))
        };
        let sql =
            format!("SELECT {} FROM {} {place} ORDER BY {key} LIMIT {}", quoted.join(", "), table.name, self.rows);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut found = statement.query(params_from_iter(after.iter().map(parameter)))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < BYTES
            && let Some(row) = found.next()?
        {
            let values: StoreResult<Row> =
                (0..table.columns.len()).map(|column| value(table, row.get_ref(column)?)).collect();
            let values = values?;
            bytes += values.iter().map(Value::bytes).sum::<usize>();
            rows.push(values);
        }
        Ok(rows)
    }

    /// The ends of all logs, by room.
    pub(in crate::storage) fn ends(&self) -> StoreResult<Vec<Ends>> {
        let mut statement = self.conn.prepare("SELECT id, first, head FROM rooms ORDER BY id")?;
        let found =
            statement.query_map([], |row| Ok(Ends { id: row.get(0)?, first: row.get(1)?, head: row.get(2)? }))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The highest id that a room ever had.
    pub(in crate::storage) fn last_room(&self) -> StoreResult<i64> {
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'rooms'), 0)";
        Ok(self.conn.query_row(sql, [], |row| row.get(0))?)
    }
}

/// Whoever opens the file as a store may change it: a copy of it cannot go on afterwards.
pub(super) fn forget_mark(conn: &Connection) -> StoreResult<()> {
    conn.execute("DELETE FROM meta WHERE key = ?1", [MARK])?;
    Ok(())
}

fn parameter(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::None => rusqlite::types::Value::Null,
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.clone().into(),
        Value::Bytes(bytes) => bytes.clone().into(),
    }
}

fn value(table: &Table, value: ValueRef<'_>) -> StoreResult<Value> {
    Ok(match value {
        ValueRef::Null => Value::None,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(|_| error::damaged(table.name))?.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(error::damaged(&format!("{:?} in {}", Type::Real, table.name))),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::storage::copy::{LEFT, TABLES};

    fn names(conn: &Connection, sql: &str) -> BTreeSet<String> {
        let mut statement = conn.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        found.collect::<Result<_, _>>().unwrap()
    }

    /// Who adds a table or a column decides here whether it moves along.
    #[test]
    fn every_column_of_every_table_is_copied_or_left_by_name() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrations::migrate(&mut conn).unwrap();
        let there = names(
            &conn,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
               AND name NOT LIKE 'message_index_%'",
        );
        let known: BTreeSet<String> = TABLES.iter().map(|table| table.name).chain(LEFT).map(str::to_owned).collect();
        assert_eq!(known, there);
        for table in &TABLES {
            let there = names(&conn, &format!("SELECT name FROM pragma_table_info('{}')", table.name));
            let known: BTreeSet<String> = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(known, there, "{}", table.name);
            let key = names(&conn, &format!("SELECT name FROM pragma_table_info('{}') WHERE pk > 0", table.name));
            let known: BTreeSet<String> =
                table.columns.iter().take(table.key).map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(known, key, "the key of {}", table.name);
        }
    }
}
