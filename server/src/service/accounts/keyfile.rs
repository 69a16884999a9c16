//! The server's secret: a file of 32 random bytes, as hexadecimal digits. Shared by the nodes of a cluster; never in a
//! backup.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::secret;

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("the key file {path} cannot be {doing}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// `read`, `made`, ….
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error(
        "the key file {0} is damaged: it must hold 64 hexadecimal digits; put back the right one, or remove it, which ends all sessions"
    )]
    Damaged(PathBuf),
    /// It was named, and is not there: a key made in its place would split this node from the others.
    #[error(
        "there is no key file {0}; make one with `openssl rand -hex 32` and give the same to every node of the cluster"
    )]
    Missing(PathBuf),
    /// No randomness.
    #[error("the operating system gives no randomness")]
    Random,
}

/// Reads the key, or makes one. When several processes start at once, all get the one that was first.
pub(super) fn load_or_create(path: &Path) -> Result<[u8; 32], KeyError> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    create_key(path)?;
    read_key(path)?.ok_or_else(|| KeyError::Damaged(path.to_owned()))
}

/// Reads the key that must be there.
pub(super) fn load(path: &Path) -> Result<[u8; 32], KeyError> {
    read_key(path)?.ok_or_else(|| KeyError::Missing(path.to_owned()))
}

/// The key; `None` if there is no file.
fn read_key(path: &Path) -> Result<Option<[u8; 32]>, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), doing: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    warn_if_open(path, &file);
    let mut text = String::new();
    file.take(1_024).read_to_string(&mut text).map_err(failed)?;
    parse_key(text.trim()).map(Some).ok_or_else(|| KeyError::Damaged(path.to_owned()))
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

/// Writes a new key beside and links it to its place, so that nobody ever reads half of one and nobody overwrites
/// the one of a process that was quicker.
fn create_key(path: &Path) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), doing: "made", source };
    let key: [u8; 32] = secret::random().map_err(|_| KeyError::Random)?;
    let nonce: [u8; 8] = secret::random().map_err(|_| KeyError::Random)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", secret::base32(&nonce)));
    let beside = PathBuf::from(beside);
    let done = write_new(&beside, &key).and_then(|()| match std::fs::hard_link(&beside, path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = std::fs::remove_file(&beside);
    done.map_err(failed)?;
    removed.map_err(failed)?;
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn write_new(path: &Path, key: &[u8; 32]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
    file.write_all(hex.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn warn_if_open(path: &Path, file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Secrets that a cluster mounts belong to root and are readable for the server's group.
        if file.metadata().is_ok_and(|m| m.permissions().mode() & 0o027 != 0) {
            tracing::warn!(path = %path.display(), "others on this machine can read the key file, or its group can change it; run chmod 600 on it");
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
}
