//! The machine: disk, clock, files that may be open, the port.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Resource, getrlimit};

use super::super::healthcheck::Answer;
use super::Finding;
use super::rights::Owner;
use crate::config::{Config, Database, Durability};

const MIB: u64 = 1024 * 1024;
/// Below this it is a matter of days.
const LOW: u64 = 1024 * MIB;
/// Below this SQLite cannot even write its log out.
const EMPTY: u64 = 128 * MIB;
/// Writes that are measured.
const WRITES: usize = 15;
/// A disk that takes longer to have a write safe makes each message wait so long.
const SLOW: Duration = Duration::from_millis(20);
/// A connection takes one; a small team has some hundred, and the database its own.
const FILES: u64 = 4_096;

/// Room, and how long a write takes until it is safe.
pub(super) fn disk(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(place) = config.data_dir.ancestors().find(|p| p.is_dir()) else { return found };
    if let Ok(fs) = rustix::fs::statvfs(place) {
        let free = fs.f_bavail.saturating_mul(fs.f_frsize);
        let said = format!("{} MiB free for {}", free / MIB, place.display());
        let hint = "make room: while it is full nothing can be sent, though what is there can be read";
        found.push(match free {
            _ if free < EMPTY => Finding::fail("disk", said, hint),
            _ if free < LOW => Finding::warn("disk", said, hint),
            _ if fs.f_files > 0 && fs.f_favail < 1_000 => {
                Finding::warn("disk", format!("{} inodes left for {}", fs.f_favail, place.display()), hint)
            }
            _ => Finding::ok("disk", said),
        });
    }
    if matches!(config.database, Database::Postgres(_)) || !config.data_dir.is_dir() {
        return found;
    }
    found.push(match sync_time(&config.data_dir) {
        Ok(took) => {
            let said = format!("{:.1} ms until a write is on the disk", took.as_secs_f64() * 1_000.0);
            if took > SLOW && config.durability == Durability::Full {
                let hint = "each message waits so long: take a faster disk, or durability = \"normal\", with which a power \
                            cut may take the last moments";
                Finding::warn("disk writes", said, hint)
            } else {
                Finding::ok("disk writes", said)
            }
        }
        Err(e) => {
            let said = format!("{} cannot be written: {e}", config.data_dir.display());
            let hint = match e.kind() {
                ErrorKind::StorageFull => "make room: while it is full nothing can be sent",
                ErrorKind::QuotaExceeded => "give the server's user a larger quota: while it is used up nothing can be sent",
                ErrorKind::ReadOnlyFilesystem => {
                    "the disk is mounted read-only: its errors stand in dmesg, else mount -o remount,rw"
                }
                _ => "run this as the server's user; else: make the folder writable for it",
            };
            Finding::fail("disk writes", said, hint)
        }
    });
    found
}

/// The median of some small writes.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = unnamed(folder)?;
    let mut took = Vec::new();
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    took.sort();
    Ok(took.get(WRITES / 2).copied().unwrap_or_default())
}

/// A file without a name, so that nothing is left, however this ends.
fn unnamed(folder: &Path) -> std::io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::open(folder, flags, Mode::from_raw_mode(0o600)) {
        return Ok(file.into());
    }
    // Some file systems have none: then one that loses its name at once.
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Whether what was written lies in the future: then the clock has gone back, or was wrong.
pub(super) fn clock(config: &Config) -> Vec<Finding> {
    let written = ["chat.db", "chat.db-wal", "secret.key"]
        .iter()
        .filter_map(|name| std::fs::metadata(config.data_dir.join(name)).and_then(|m| m.modified()).ok());
    let ahead = written.max().and_then(|at| at.duration_since(SystemTime::now()).ok()).unwrap_or_default();
    let hint = "let NTP set the clock (timedatectl set-ntp true); tokens and times of messages go by it";
    if ahead > Duration::from_secs(60) {
        let said = format!("what is in the data folder was written {} s in the future", ahead.as_secs());
        return vec![Finding::fail("clock", said, hint)];
    }
    // Written by systemd-timesyncd once it has the time.
    let systemd = Path::new("/run/systemd/timesync");
    if systemd.is_dir() && !systemd.join("synchronized").exists() {
        return vec![Finding::warn("clock", "not synchronised by systemd-timesyncd", hint)];
    }
    vec![Finding::ok("clock", "no sign that it is wrong")]
}

/// How many files, and so connections, the running server may have open, or one that would be started from here.
pub(super) fn files(config: &Config, running: bool) -> Finding {
    const CHECK: &str = "open files";
    let hint = "LimitNOFILE= in the unit (the one that comes along has it), or ulimit -n";
    if running {
        let limits =
            holder(config.listen.port).and_then(|(pid, _)| std::fs::read_to_string(format!("/proc/{pid}/limits")).ok());
        // The unit gives it more than a shell has.
        return match limits.as_deref().map(open_files) {
            Some(Some(limit)) if limit < FILES => {
                let said = format!("the server may have {limit} open; each connection takes one");
                Finding::warn(CHECK, said, hint)
            }
            Some(Some(limit)) => Finding::ok(CHECK, format!("the server may have {limit}")),
            Some(None) => Finding::ok(CHECK, "no limit"),
            None => Finding::ok(CHECK, "the server's own limit; only its user may see it"),
        };
    }
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FILES => {
            let said = format!("a server started from this shell may have {limit}; each connection takes one");
            Finding::warn(CHECK, said, hint)
        }
        Some(limit) => Finding::ok(CHECK, format!("{limit}")),
        None => Finding::ok(CHECK, "no limit"),
    }
}

/// The limit in force, of a file `/proc/PID/limits`; `None`: there is none.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the port is this server's, free, or another program's.
pub(super) fn port(config: &Config, answer: Option<&Answer>) -> Vec<Finding> {
    const CHECK: &str = "port";
    let listen = &config.listen;
    if let Some(answer) = answer.filter(|a| a.body.contains("\"ready\"")) {
        return vec![Finding::ok(CHECK, format!("a chat-server answers at {listen} ({})", answer.status))];
    }
    let found: Vec<SocketAddr> = match (listen.host.as_str(), listen.port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(e) => {
            return vec![Finding::fail(CHECK, format!("the host of {listen}: {e}"), "name another with --listen")];
        }
    };
    let Some(address) = found.first() else { return Vec::new() };
    // As the server's user: root may take every port.
    let bound = Owner::of(config).and_then(|owner| owner.does(|| TcpListener::bind(address)));
    vec![match bound.unwrap_or_else(|| TcpListener::bind(address)) {
        Ok(_) => Finding::ok(CHECK, format!("{listen} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            let held = holder(listen.port).map(|(pid, name)| format!("{name} (process {pid})"));
            let who = held.unwrap_or_else(|| "another program".to_owned());
            Finding::fail(
                CHECK,
                format!("{listen} is taken by {who}"),
                "end it, or take another with --listen HOST:PORT",
            )
        }
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            let hint = "ports below 1024 need CAP_NET_BIND_SERVICE: the first lines of the systemd unit say how to give it \
                        (systemctl cat chat-server); else take a higher port";
            Finding::warn(CHECK, format!("{listen}: {e}"), hint)
        }
        Err(e) => Finding::fail(CHECK, format!("{listen}: {e}"), "name an address of this machine with --listen"),
    }]
}

/// Who listens on a port, as far as this user may see it: the process's number and name.
fn holder(port: u16) -> Option<(String, String)> {
    let listening = |table: &str| {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        text.lines().skip(1).find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
            let held = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
            (held == port && state == "0A").then(|| fields.nth(5)).flatten().map(str::to_owned)
        })
    };
    let inode = listening("/proc/net/tcp").or_else(|| listening("/proc/net/tcp6"))?;
    let socket = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|n| n.bytes().all(|b| b.is_ascii_digit())) else { continue };
        let files = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().filter_map(Result::ok);
        if files.filter_map(|f| std::fs::read_link(f.path()).ok()).any(|to| to.as_os_str() == socket.as_str()) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((pid.to_owned(), name.trim().to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::State;
    use super::*;
    use crate::config::{File, Flags, Listen};

    #[test]
    fn who_holds_the_port_is_named() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = Listen { host: "127.0.0.1".to_owned(), port: held.local_addr().unwrap().port() };
        let flags = Flags { listen: Some(listen), data_dir: Some("/nowhere".into()), ..Flags::default() };
        let config = Config::merge(flags, File::default(), None, &|_| None).unwrap();
        let found = port(&config, None);
        let me = format!("(process {})", std::process::id());
        assert!(found[0].state == State::Fail && found[0].said.contains(&me), "{found:?}");
        drop(held);
        assert_eq!(port(&config, None)[0].state, State::Ok);
    }

    #[test]
    fn the_limit_of_a_running_server_is_read() {
        let limits = "Limit          Soft Limit  Hard Limit  Units\nMax open files 262144      262144      files\n";
        assert_eq!(open_files(limits), Some(262_144));
        assert_eq!(open_files("Max open files unlimited unlimited files\n"), None);
        let own = std::fs::read_to_string("/proc/self/limits").unwrap();
        assert_eq!(open_files(&own), getrlimit(Resource::Nofile).current);
    }

    #[test]
    fn a_folder_can_be_measured_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        sync_time(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
