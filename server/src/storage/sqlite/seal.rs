//! The end of a backup's file: 128 bytes behind the last page, with the length and the SHA-256 of everything before.
//! SQLite goes by the number of pages in its header and does not look at them, so the file is a database as well.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

/// Bytes of the seal.
pub(super) const SEAL: u64 = 128;
/// How it begins.
const MARK: &str = "\nchat-server backup 1 sha256:";

/// What a file's end says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// Everything is there as it was written; so many bytes without the seal.
    Whole(u64),
    /// The seal is there and says something else than the file holds.
    Broken,
    /// There is no seal at its end.
    None,
}

fn digest(file: &mut File, bytes: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let (mut sha, mut left) = (Sha256::new(), bytes);
    let mut buffer = vec![0; 1 << 16];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        sha.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Puts a seal at the end of a file that has none.
pub(super) fn put(file: &mut File) -> io::Result<()> {
    let bytes = file.seek(SeekFrom::End(0))?;
    let said = format!("{MARK}{} bytes:{bytes}", digest(file, bytes)?);
    let mut seal = said.into_bytes();
    seal.resize(usize::try_from(SEAL).unwrap_or_default() - 1, b' ');
    seal.push(b'\n');
    file.seek(SeekFrom::Start(bytes))?;
    file.write_all(&seal)
}

/// Looks whether a file is as it was sealed.
pub(super) fn look(file: &mut File) -> io::Result<Sealed> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(bytes) = length.checked_sub(SEAL) else { return Ok(Sealed::None) };
    file.seek(SeekFrom::Start(bytes))?;
    let mut seal = Vec::new();
    file.read_to_end(&mut seal)?;
    let seal = String::from_utf8_lossy(&seal).into_owned();
    let Some((sha, said)) = seal.strip_prefix(MARK).and_then(|rest| rest.split_once(" bytes:")) else {
        return Ok(Sealed::None);
    };
    let whole = said.trim_end() == bytes.to_string() && digest(file, bytes)? == sha;
    Ok(if whole { Sealed::Whole(bytes) } else { Sealed::Broken })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_notices_a_changed_a_missing_and_an_added_byte() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("file");
        let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        std::fs::write(&path, b"a database").unwrap();
        assert_eq!(look(&mut open()).unwrap(), Sealed::None);
        put(&mut open()).unwrap();
        let good = std::fs::read(&path).unwrap();
        assert_eq!(good.len(), 10 + 128);
        assert_eq!(look(&mut open()).unwrap(), Sealed::Whole(10));
        let mut bad = good.clone();
        bad[3] ^= 1;
        std::fs::write(&path, bad).unwrap();
        assert_eq!(look(&mut open()).unwrap(), Sealed::Broken);
        std::fs::write(&path, &good[1..]).unwrap();
        assert_eq!(look(&mut open()).unwrap(), Sealed::Broken);
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(look(&mut open()).unwrap(), Sealed::None);
    }
}
