//! The data folder, the key, the database, the backups.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Finding, PATIENCE, now};
use crate::config::{Config, Database};
use crate::storage::{postgres, sqlite};

/// A backup that is older has missed a night.
const BACKUP_AGE: Duration = Duration::from_secs(26 * 3_600);
/// Clocks that differ by so many seconds confuse tokens.
const CLOCKS: i64 = 30;

/// Whose it is, and that nobody else reads it.
pub(super) fn folder(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "data folder";
    let path = config.data_dir.display();
    let meta = match std::fs::metadata(&config.data_dir) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::warn(CHECK, format!("{path} is not there yet"), "the first start makes it")];
        }
        Err(e) => {
            let hint = "run this as the server's user, as in: sudo -u chat-server chat-server doctor";
            return vec![Finding::fail(CHECK, format!("{path}: {e}"), hint)];
        }
    };
    if !meta.is_dir() {
        return vec![Finding::fail(CHECK, format!("{path} is no folder"), "name another one with --data-dir")];
    }
    if meta.permissions().mode() & 0o077 != 0 {
        let said = format!("others on this machine can look into {path}");
        return vec![Finding::warn(CHECK, said, format!("chmod 700 {path}"))];
    }
    let mut strangers = foreign(&config.data_dir, &meta);
    strangers.sort();
    if let Some(file) = strangers.first() {
        let said = format!("{} belongs to another user than {path}, so that the server cannot use it", file.display());
        return vec![Finding::fail(CHECK, said, format!("chown -R --reference={path} {path}"))];
    }
    vec![Finding::ok(CHECK, path.to_string())]
}

/// What in it belongs to somebody else, as when a command was run as root.
fn foreign(path: &Path, meta: &Metadata) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let other = |entry: &std::fs::DirEntry| entry.metadata().is_ok_and(|m| m.uid() != meta.uid());
    entries.filter(other).map(|entry| entry.path()).collect()
}

/// The key that signs tokens.
pub(super) fn key(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "key file";
    let (path, named) = match &config.key_file {
        Some(path) => (path.clone(), true),
        None => (config.data_dir.join("secret.key"), false),
    };
    let at = path.display();
    match std::fs::metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named => {
            vec![Finding::ok(CHECK, "not there yet; the first start makes it")]
        }
        Err(e) => {
            let hint = "openssl rand -hex 32 makes one; all nodes of a cluster have the same";
            vec![Finding::fail(CHECK, format!("{at}: {e}"), hint)]
        }
        // Group-readable is how a cluster's orchestrator hands secrets out.
        Ok(meta) if meta.permissions().mode() & 0o027 != 0 => {
            let said = format!("{at} can be read by others on this machine: who has it can log in as anybody");
            vec![Finding::fail(CHECK, said, format!("chmod 600 {at}; if somebody may have read it, make a new one"))]
        }
        Ok(_) => vec![Finding::ok(CHECK, at.to_string())],
    }
}

/// Whether it answers, and whether it is this program's.
pub(super) async fn database(config: &Config) -> Finding {
    const CHECK: &str = "database";
    let shown = config.database.to_string();
    let (schema, known, about) = match &config.database {
        Database::Sqlite(path) if !path.exists() => {
            return Finding::ok(CHECK, format!("{shown} is not there yet; the first start makes it"));
        }
        Database::Sqlite(path) => match sqlite::probe(path) {
            Ok(schema) => (schema, sqlite::SCHEMA, String::new()),
            Err(error) => {
                let hint = "is it a chat-server's database, and may this user read it? else restore a backup";
                return Finding::fail(CHECK, format!("{shown}: {error}"), hint);
            }
        },
        Database::Postgres(url) => match tokio::time::timeout(PATIENCE, postgres::probe(url)).await {
            Ok(Ok(probe)) => {
                let off = probe.now - now();
                if off.abs() > CLOCKS {
                    let said = format!("its clock and this machine's differ by {off} s");
                    return Finding::fail(CHECK, said, "let NTP set both (timedatectl set-ntp true)");
                }
                (probe.schema, postgres::SCHEMA, format!(", PostgreSQL {}", probe.version))
            }
            Ok(Err(error)) => {
                let hint = "is the server up, and are user, password and database right?";
                return Finding::fail(CHECK, format!("{shown}: {error}"), hint);
            }
            Err(_) => {
                let said = format!("{shown} does not answer within {} s", PATIENCE.as_secs());
                return Finding::fail(CHECK, said, "is its host right, and does a firewall let it through?");
            }
        },
    };
    match schema.cmp(&known) {
        std::cmp::Ordering::Equal => Finding::ok(CHECK, format!("{shown}{about}, schema {schema}")),
        std::cmp::Ordering::Less => {
            let said = format!("{shown}{about}, schema {schema} of {known}");
            Finding::warn(CHECK, said, "the next start brings it up to date; have a backup before")
        }
        std::cmp::Ordering::Greater => {
            let said = format!("{shown} has schema {schema}, this program knows up to {known}");
            Finding::fail(CHECK, said, "run the newer program, or restore a backup of before")
        }
    }
}

/// How old the newest is.
pub(super) fn backups(path: Option<&Path>, config: &Config) -> Vec<Finding> {
    const CHECK: &str = "backups";
    if matches!(config.database, Database::Postgres(_)) {
        return vec![Finding::ok(CHECK, "of PostgreSQL's own tools; not looked at")];
    }
    let line = "chat-server backup FILE, each night (docs/keeping.md)";
    let Some(path) = path else {
        return vec![Finding::warn(CHECK, "not looked at", format!("{line}; then name its place with --backups"))];
    };
    let at = path.display();
    let newest = match newest(path) {
        Ok(Some(newest)) => newest,
        Ok(None) => return vec![Finding::fail(CHECK, format!("there is none in {at}"), line)],
        Err(e) => return vec![Finding::fail(CHECK, format!("{at}: {e}"), line)],
    };
    let age = SystemTime::now().duration_since(newest).unwrap_or_default();
    let said = format!("the newest in {at} is {} hours old", age.as_secs() / 3_600);
    vec![if age > BACKUP_AGE { Finding::warn(CHECK, said, line) } else { Finding::ok(CHECK, said) }]
}

fn newest(path: &Path) -> std::io::Result<Option<SystemTime>> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_dir() {
        return meta.modified().map(Some);
    }
    let mut newest = None;
    for entry in std::fs::read_dir(path)? {
        let meta = entry?.metadata()?;
        if meta.is_file() {
            newest = newest.max(Some(meta.modified()?));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::config::Flags;

    fn config(folder: &Path) -> Config {
        Config::merge(
            Flags { data_dir: Some(folder.to_owned()), ..Flags::default() },
            crate::config::File::default(),
            None,
            &|_| None,
        )
        .unwrap()
    }

    fn open_to(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn open_folders_and_keys_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        open_to(folder.path(), 0o700);
        assert_eq!((self::folder(&config)[0].state, key(&config)[0].state), (State::Ok, State::Ok));
        open_to(folder.path(), 0o755);
        let found = self::folder(&config);
        assert!(found[0].state == State::Warn && found[0].hint.as_ref().unwrap().starts_with("chmod 700"));
        std::fs::write(folder.path().join("secret.key"), "0").unwrap();
        open_to(&folder.path().join("secret.key"), 0o644);
        assert_eq!(key(&config)[0].state, State::Fail);
        open_to(&folder.path().join("secret.key"), 0o640);
        assert_eq!(key(&config)[0].state, State::Ok);
    }

    #[tokio::test]
    async fn a_database_that_is_none_is_found_and_one_that_is_not_there_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        assert_eq!(database(&config).await.state, State::Ok);
        std::fs::write(folder.path().join("chat.db"), "something else altogether, long enough to be looked at")
            .unwrap();
        assert_eq!(database(&config).await.state, State::Fail);
    }

    #[test]
    fn the_newest_backup_counts() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let state = || backups(Some(folder.path()), &config)[0].state;
        assert_eq!(state(), State::Fail);
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let file = std::fs::File::create(&old).unwrap();
        file.set_modified(SystemTime::now() - 2 * BACKUP_AGE).unwrap();
        assert_eq!(state(), State::Warn);
        std::fs::write(new, "").unwrap();
        assert_eq!(state(), State::Ok);
    }
}
