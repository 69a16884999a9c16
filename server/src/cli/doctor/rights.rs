//! Whether the server's own user may do what the configuration asks of it. Whoever installs and looks is mostly root, who
//! may do everything and would notice nothing: so a thread of its own takes that user's rights for the moment.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::Finding;
use crate::config::Config;

const CHECK: &str = "rights";

/// The server's user, where that is not who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
    /// As it stands in `/etc/passwd`, else the number.
    pub name: String,
    /// Further groups.
    groups: Vec<u32>,
}

/// A file that the server's user cannot read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What stands in the way: the file, or a folder above it.
    pub at: PathBuf,
    /// Says whose right is missing on what.
    pub said: String,
    /// The way out.
    pub hint: String,
}

impl Owner {
    /// Whom the data folder belongs to; `None`: to whoever asks, or this cannot be found out.
    pub fn of(config: &Config) -> Option<Self> {
        let meta = std::fs::metadata(&config.data_dir).ok()?;
        if !geteuid().is_root() || meta.uid() == 0 {
            return None;
        }
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Some(Self::named(meta.uid(), meta.gid(), &read("/etc/passwd"), &read("/etc/group")))
    }

    fn named(uid: u32, folder: u32, passwd: &str, group: &str) -> Self {
        let users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let own = users.into_iter().find(|user| user.get(2).and_then(|n| n.parse().ok()) == Some(uid));
        let name = own.as_ref().and_then(|user| user.first()).map(|name| (*name).to_owned());
        let gid = own.and_then(|user| user.get(3)?.parse().ok()).unwrap_or(folder);
        let member = |line: &&str| {
            let members = line.rsplit(':').next().unwrap_or_default();
            members.split(',').any(|m| Some(m) == name.as_deref())
        };
        let number = |line: &str| line.split(':').nth(2)?.parse().ok();
        let groups = group.lines().filter(member).filter_map(number).collect();
        Self { uid, gid, name: name.unwrap_or_else(|| uid.to_string()), groups }
    }

    /// Does something with this user's rights; `None`: they cannot be taken here.
    pub fn does<T: Send>(&self, what: impl FnOnce() -> T + Send) -> Option<T> {
        let groups: Vec<Gid> = self.groups.iter().map(|&g| Gid::from_raw(g)).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // They are the thread's alone, and go with it.
        std::thread::scope(|scope| {
            let tried = scope.spawn(|| {
                set_thread_groups(&groups).ok()?;
                set_thread_res_gid(gid, gid, gid).ok()?;
                set_thread_res_uid(uid, uid, uid).ok()?;
                Some(what())
            });
            tried.join().ok().flatten()
        })
    }
}

/// Which of the files that the configuration names the server's user cannot read. That one is missing is told elsewhere.
pub fn unreadable(config: &Config) -> Vec<Unreadable> {
    let Some(owner) = Owner::of(config) else { return Vec::new() };
    let tls = config.tls.iter().flat_map(|files| [&files.cert, &files.key]);
    let files: Vec<&Path> =
        config.source.iter().chain(tls).chain(config.key_file.iter()).map(PathBuf::as_path).collect();
    owner.does(|| files.into_iter().filter_map(|file| refused(file, &owner)).collect()).unwrap_or_default()
}

/// Within [`Owner::does`].
fn refused(file: &Path, owner: &Owner) -> Option<Unreadable> {
    let denied = |error: &Error| error.kind() == ErrorKind::PermissionDenied;
    File::open(file).err().filter(denied)?;
    let (name, shown) = (&owner.name, file.display());
    let mut folders: Vec<&Path> = file.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()).collect();
    folders.reverse();
    let said = |what: String| format!("the server's user {name} cannot read {shown}: {what}");
    Some(match folders.into_iter().find(|folder| access(*folder, Access::EXEC_OK).is_err()) {
        Some(folder) => {
            let at = folder.display();
            let hint = format!("chgrp {name} {at} && chmod g+x {at}, or put a copy where it may look");
            Unreadable { at: folder.to_owned(), said: said(format!("{at} does not let it in")), hint }
        }
        None => {
            let hint = format!("chgrp {name} {shown} && chmod 640 {shown}");
            Unreadable { at: file.to_owned(), said: said("the file is not for it".to_owned()), hint }
        }
    })
}

/// One finding for each; none where it is oneself who asks.
pub(super) fn files(config: &Config) -> Vec<Finding> {
    let Some(owner) = Owner::of(config) else { return Vec::new() };
    let refused = unreadable(config);
    if refused.is_empty() {
        return vec![Finding::ok(CHECK, format!("{} can read what the configuration names", owner.name))];
    }
    refused.into_iter().map(|file| Finding::fail(CHECK, file.said, file.hint)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;
    use crate::config::{File as ConfigFile, Flags};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nchat-server:x:103:104::/var/lib/chat-server:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nssl-cert:x:110:postgres,chat-server\nother:x:111:chat\n";

    #[test]
    fn a_user_is_found_with_all_groups() {
        let owner = Owner::named(103, 7, PASSWD, GROUP);
        assert_eq!((owner.name.as_str(), owner.gid, owner.groups.as_slice()), ("chat-server", 104, &[110][..]));
        let nobody = Owner::named(500, 7, PASSWD, GROUP);
        assert_eq!((nobody.name.as_str(), nobody.gid, nobody.groups.as_slice()), ("500", 7, &[][..]));
    }

    /// Only root can be in the place to overlook it; for anybody else there is nothing to look at.
    #[test]
    fn what_root_can_read_and_the_server_cannot_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let flags = Flags {
            data_dir: Some(at("data")),
            tls_cert: Some(at("tls/cert.pem")),
            tls_key: Some(at("tls/key.pem")),
            ..Flags::default()
        };
        let config = Config::merge(flags, ConfigFile::default(), None, &|_| None).unwrap();
        let mode = |path: PathBuf, mode: u32| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        for name in ["data", "tls"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        for name in ["tls/cert.pem", "tls/key.pem"] {
            std::fs::write(at(name), "").unwrap();
            mode(at(name), 0o644);
        }
        mode(folder.path().to_owned(), 0o755);
        mode(at("tls"), 0o755);
        if chown(at("data"), Some(60_001), Some(60_001)).is_err() {
            assert!(unreadable(&config).is_empty() && files(&config).is_empty());
            return;
        }
        assert!(unreadable(&config).is_empty(), "both can be read");
        mode(at("tls/key.pem"), 0o600);
        let found = unreadable(&config);
        assert!(found.len() == 1 && found[0].at == at("tls/key.pem"), "{found:?}");
        assert!(found[0].said.contains("user 60001 cannot read") && found[0].hint.contains("chmod 640"), "{found:?}");
        mode(at("tls"), 0o700);
        let found = unreadable(&config);
        assert!(found.len() == 2 && found.iter().all(|f| f.at == at("tls")), "{found:?}");
        assert_eq!(files(&config).len(), 2);
        assert!(File::open(at("tls/key.pem")).is_ok(), "this thread still has its rights");
    }
}
