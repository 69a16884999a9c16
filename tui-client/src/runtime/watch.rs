//! Hears when a file is written, replaced or removed, without ever asking: the folder is watched, since editors put a
//! new file in the place of the old one.

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::Path;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use tokio::net::unix::pipe::Receiver;

    /// Bytes read at once; an event is 16 and a name.
    const AT_ONCE: usize = 4096;

    /// Watches a file, and the one it links to.
    pub(in super::super) struct Watch {
        /// The kernel's queue, which is read like a pipe.
        queue: Receiver,
        /// What is waited for, by the number of its folder's watch.
        names: BTreeMap<i32, Vec<Vec<u8>>>,
    }

    impl Watch {
        /// Begins.
        pub(in super::super) fn new(file: &Path) -> io::Result<Self> {
            let fd = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let mut watch = Self { queue: Receiver::from_owned_fd_unchecked(fd)?, names: BTreeMap::new() };
            watch.aim(file)?;
            Ok(watch)
        }

        /// Follows where the file lies now: a link may lead elsewhere than before.
        pub(in super::super) fn aim(&mut self, file: &Path) -> io::Result<()> {
            use std::os::unix::ffi::OsStrExt as _;
            let events = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::CREATE
                | WatchFlags::DELETE;
            let target = file.canonicalize().ok().filter(|t| t != file);
            for path in std::iter::once(file).chain(target.as_deref()) {
                let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                let number = add_watch(&self.queue, folder, events)?;
                let names = self.names.entry(number).or_default();
                if !names.iter().any(|n| n == name.as_bytes()) {
                    names.push(name.as_bytes().to_vec());
                }
            }
            Ok(())
        }

        /// Waits until something happened to it. Safe to cancel.
        pub(in super::super) async fn changed(&mut self) -> io::Result<()> {
            let mut bytes = [0; AT_ONCE];
            loop {
                self.queue.readable().await?;
                let read = match self.queue.try_read(&mut bytes) {
                    Ok(read) => read,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(e) => return Err(e),
                };
                let ours =
                    |number: i32, name: &[u8]| self.names.get(&number).is_some_and(|all| all.iter().any(|n| n == name));
                if events(bytes.get(..read).unwrap_or_default()).any(|(number, name)| ours(number, name)) {
                    return Ok(());
                }
            }
        }
    }

    /// The number of the folder's watch and the name of the file, for each event: `struct inotify_event`.
    fn events(mut bytes: &[u8]) -> impl Iterator<Item = (i32, &[u8])> {
        std::iter::from_fn(move || {
            let (number, rest) = bytes.split_first_chunk::<4>()?;
            let (_mask_and_cookie, rest) = rest.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (name, rest) = rest.split_at_checked(usize::try_from(u32::from_ne_bytes(*length)).ok()?)?;
            bytes = rest;
            // It is filled up with zeros.
            Some((i32::from_ne_bytes(*number), name.split(|b| *b == 0).next().unwrap_or_default()))
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn events_are_taken_apart_and_a_torn_one_ends_them() {
            let event = |number: i32, name: &[u8]| {
                let length = u32::try_from(name.len()).unwrap().to_ne_bytes();
                [&number.to_ne_bytes()[..], &[7; 8], &length, name].concat()
            };
            let bytes = [event(1, b"config.toml\0\0\0\0\0"), event(2, b""), event(3, b"x\0\0\0")].concat();
            let all: Vec<_> = events(&bytes).collect();
            assert_eq!(all, [(1, &b"config.toml"[..]), (2, &b""[..]), (3, &b"x"[..])]);
            assert_eq!(events(&bytes[..bytes.len() - 1]).count(), 2);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;
    use std::path::Path;

    /// Elsewhere the file is looked at when the terminal gets the focus back.
    pub(in super::super) struct Watch;

    impl Watch {
        pub(in super::super) fn new(_file: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) fn aim(&mut self, _file: &Path) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) async fn changed(&mut self) -> io::Result<()> {
            std::future::pending().await
        }
    }
}

pub(super) use imp::Watch;

/// Whether the system tells of changes by itself.
pub(super) const TOLD: bool = cfg!(target_os = "linux");
