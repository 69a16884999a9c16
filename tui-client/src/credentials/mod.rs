//! Sessions on disk: one 0600 file for all servers and profiles, replaced in one step, behind a lock.
//!
//! A refresh token works once, so a program that renews holds the lock from reading the file to writing the successor;
//! another one that waited reads the successor instead of renewing again. Renewing itself is left to `api`.

mod tokens;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chat_common::Timestamp;
use chat_common::model::User;
use serde::{Deserialize, Serialize};

pub use tokens::{Access, TokenError, Tokens, Unreached};

/// How long to wait for another program that renews: longer than one request may take.
const LOCK_LIMIT: Duration = Duration::from_secs(20);

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// Not as this program writes it.
    #[error("{path} is damaged ({source}); move it away and log in again")]
    Damaged {
        /// Which file.
        path: String,
        /// Where.
        source: serde_json::Error,
    },
    /// Another program holds the lock.
    #[error("{path} is locked by another program; try again")]
    Locked {
        /// Which file.
        path: String,
    },
}

/// A session as kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Who.
    pub user: User,
    /// A JWT.
    pub access_token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Works once.
    pub refresh_token: String,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("user", &self.user).finish_non_exhaustive()
    }
}

impl From<chat_common::rest::Session> for Stored {
    fn from(s: chat_common::rest::Session) -> Self {
        Self { user: s.user, access_token: s.access_token, expires_at: s.expires_at, refresh_token: s.refresh_token }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    sessions: BTreeMap<String, Stored>,
}

/// Whose session: the server, the profile, and for a guest its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The account of a profile.
    pub fn account(server: &str, profile: &str) -> Self {
        Self(format!("{server} {profile}"))
    }

    /// A guest of a profile, by the name it asked for.
    pub fn guest(server: &str, profile: &str, name: &str) -> Self {
        Self(format!("{server} {profile} ~{name}"))
    }
}

/// The file.
#[derive(Clone, Debug)]
pub struct Credentials {
    path: PathBuf,
}

impl Credentials {
    /// At a path; nothing is touched yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads one session without the lock: the file is always whole.
    pub fn get(&self, key: &Key) -> Result<Option<Stored>, CredentialsError> {
        Ok(self.read()?.sessions.remove(&key.0))
    }

    /// Takes the lock. Blocks for as long as another program renews, at most 20 s.
    pub fn lock(&self) -> Result<Locked, CredentialsError> {
        if let Some(folder) = self.path.parent() {
            private_folder(folder).map_err(|e| self.io(e))?;
        }
        // The lock is a file of its own, since the other one is replaced.
        let path = self.path.with_extension("lock");
        let file = private(&path, false).map_err(|e| self.io(e))?;
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { credentials: self.clone(), _lock: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::park_timeout(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(CredentialsError::Locked { path: path.display().to_string() });
                }
                Err(TryLockError::Error(e)) => return Err(self.io(e)),
            }
        }
    }

    fn io(&self, source: io::Error) -> CredentialsError {
        CredentialsError::Io { path: self.path.display().to_string(), source }
    }

    fn read(&self) -> Result<Content, CredentialsError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(e) => return Err(self.io(e)),
        };
        serde_json::from_str(&text)
            .map_err(|source| CredentialsError::Damaged { path: self.path.display().to_string(), source })
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        let fresh = self.path.with_extension(format!("new-{}", std::process::id()));
        let mut file = private(&fresh, true)?;
        file.write_all(&serde_json::to_vec_pretty(content)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.path)
    }
}

/// The file, while no other program can change it.
#[derive(Debug)]
pub struct Locked {
    credentials: Credentials,
    /// The lock ends with the file handle, also when the process is killed.
    _lock: File,
}

impl Locked {
    /// Reads one session.
    pub fn get(&self, key: &Key) -> Result<Option<Stored>, CredentialsError> {
        self.credentials.get(key)
    }

    /// Writes one session, or removes it.
    pub fn set(&self, key: &Key, session: Option<Stored>) -> Result<(), CredentialsError> {
        let mut content = self.credentials.read()?;
        match session {
            Some(session) => content.sessions.insert(key.0.clone(), session),
            None => content.sessions.remove(&key.0),
        };
        self.credentials.write(&content).map_err(|e| self.credentials.io(e))
    }
}

/// Makes a folder that its owner alone may enter.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file for writing that its owner alone may read.
fn private(path: &Path, empty: bool) -> io::Result<File> {
    let mut open = OpenOptions::new();
    open.create(true).write(true).truncate(empty);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use chat_common::model::UserKind;
    use chat_common::{UserId, UserName};

    use super::*;

    fn session(n: u64) -> Stored {
        Stored {
            user: User {
                id: UserId::from_bits(n),
                name: UserName::parse("ana").unwrap(),
                display_name: String::new(),
                kind: UserKind::User,
            },
            access_token: format!("a{n}"),
            expires_at: Timestamp::from_millis(0),
            refresh_token: format!("r{n}"),
        }
    }

    #[test]
    fn sessions_are_kept_apart_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/credentials.json");
        let credentials = Credentials::at(path.clone());
        let (a, b) = (Key::account("http://h", "default"), Key::guest("http://h", "default", "ana"));
        assert_eq!(credentials.get(&a).unwrap(), None);
        let locked = credentials.lock().unwrap();
        locked.set(&a, Some(session(1))).unwrap();
        locked.set(&b, Some(session(2))).unwrap();
        locked.set(&a, None).unwrap();
        drop(locked);
        assert_eq!(credentials.get(&a).unwrap(), None);
        assert_eq!(credentials.get(&b).unwrap(), Some(session(2)));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_lock_lets_one_at_a_time_change() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = Credentials::at(folder.path().join("c.json"));
        let key = Key::account("s", "p");
        credentials.lock().unwrap().set(&key, Some(session(0))).unwrap();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (credentials, key) = (credentials.clone(), key.clone());
                std::thread::spawn(move || {
                    for _ in 0..10 {
                        let locked = credentials.lock().unwrap();
                        let n: u64 = locked.get(&key).unwrap().unwrap().refresh_token[1..].parse().unwrap();
                        locked.set(&key, Some(session(n + 1))).unwrap();
                    }
                })
            })
            .collect();
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(credentials.get(&key).unwrap().unwrap().refresh_token, "r80");
    }

    #[test]
    fn a_damaged_file_is_told_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        std::fs::write(&path, "{").unwrap();
        let credentials = Credentials::at(path);
        let key = Key::account("s", "p");
        assert!(matches!(credentials.get(&key), Err(CredentialsError::Damaged { .. })));
        assert!(credentials.lock().unwrap().set(&key, None).is_err());
    }
}
