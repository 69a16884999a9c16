//! The place in each room up to which lines were printed, in a file that is replaced in one step after each line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::error::{CliError, Exit};
use crate::net::Position;

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    v: u32,
    server: String,
    rooms: BTreeMap<String, Position>,
}

/// The file. Rooms stand in it as they were asked for.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    content: Content,
}

impl Cursor {
    /// Reads the file; one that is not there begins empty. One of another server is a mistake, since the numbers would
    /// mean something else.
    pub fn open(path: &Path, server: &str) -> Result<Self, CliError> {
        let content = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Content>(&bytes).map_err(|e| {
                let text = format!("{} is no cursor of this program: {e}", path.display());
                CliError::new(Exit::Data, "cursor", text).hint("remove it to begin anew")
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                // Said before a line is printed that could not be remembered.
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                if !folder.is_dir() {
                    let text = format!("{}: there is no folder {}", path.display(), folder.display());
                    return Err(CliError::new(Exit::CannotCreate, "io", text).hint("make it first"));
                }
                Content { v: 1, server: server.to_owned(), rooms: BTreeMap::new() }
            }
            Err(e) => return Err(CliError::io(path.display(), &e)),
        };
        if content.server != server {
            let text = format!("{} belongs to {}, not to {server}", path.display(), content.server);
            return Err(CliError::new(Exit::Data, "cursor", text).hint("give each server a cursor of its own"));
        }
        Ok(Self { path: path.to_owned(), content })
    }

    /// The place in a room.
    pub fn get(&self, room: &str) -> Option<Position> {
        self.content.rooms.get(room).cloned()
    }

    /// Remembers a place; call after the line is flushed.
    pub fn set(&mut self, room: &str, position: Position) -> Result<(), CliError> {
        self.content.rooms.insert(room.to_owned(), position);
        let fresh = self.path.with_extension(format!("new-{}", std::process::id()));
        let bytes =
            serde_json::to_vec(&self.content).map_err(|e| CliError::new(Exit::Bug, "internal", e.to_string()))?;
        std::fs::write(&fresh, bytes)
            .and_then(|()| std::fs::rename(&fresh, &self.path))
            .map_err(|e| CliError::new(Exit::CannotCreate, "io", format!("{}: {e}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use chat_common::{Epoch, Seq};

    use super::*;

    #[test]
    fn a_place_outlives_the_program_and_belongs_to_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let mut cursor = Cursor::open(&path, "http://a").unwrap();
        assert_eq!(cursor.get("ops"), None);
        let position = Position { epoch: Epoch("e".to_owned()), seq: Seq(7), at: None };
        cursor.set("ops", position.clone()).unwrap();
        assert_eq!(Cursor::open(&path, "http://a").unwrap().get("ops"), Some(position));
        assert_eq!(Cursor::open(&path, "http://b").unwrap_err().exit, Exit::Data);
        std::fs::write(&path, "x").unwrap();
        assert_eq!(Cursor::open(&path, "http://a").unwrap_err().exit, Exit::Data);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying about");
    }
}
