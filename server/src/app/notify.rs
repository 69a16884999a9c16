//! What the supervisor is told, as systemd's `sd_notify` has it: datagrams of `NAME=value` lines to the socket that it
//! names in the environment. Without one nothing is told.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

/// Where to tell, and how often it wants to hear that we live.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says.
    pub fn from_environment() -> Self {
        Self::new(&|name| std::env::var(name).ok())
    }

    fn new(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let Some(name) = env("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self::default() };
        let socket = match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, %name, "the supervisor's NOTIFY_SOCKET does not answer; it is told nothing");
                None
            }
        };
        // A process that inherited the variable is not the one that is watched.
        let ours = env("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = env("WATCHDOG_USEC").and_then(|n| n.parse().ok()).filter(|&n| n > 0 && ours);
        Self { socket, watchdog: micros.map(Duration::from_micros) }
    }

    fn tell(&self, lines: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(lines.as_bytes())
        {
            tracing::warn!(%error, "the supervisor could not be told");
        }
    }

    /// The start, or a reload, is done.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// A reload begins; [`Self::ready`] ends it.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reads its configuration\n"));
    }

    /// The drain begins.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=drains\n");
    }

    /// Says that we live, twice as often as is asked for, as long as tasks get their turn and until what is given is
    /// dropped; within a tokio runtime.
    #[must_use]
    pub fn watch(&self) -> Option<DropGuard> {
        let (every, socket) = (self.watchdog?, self.socket.as_ref()?.try_clone().ok()?);
        let end = CancellationToken::new();
        let ended = end.clone();
        tokio::spawn(async move {
            let beat = Self { socket: Some(socket), watchdog: None };
            let mut tick = tokio::time::interval(every / 2);
            loop {
                tokio::select! {
                    _ = tick.tick() => beat.tell("WATCHDOG=1\n"),
                    () = ended.cancelled() => return,
                }
            }
        });
        Some(end.drop_guard())
    }
}

/// A path, or with `@` a name that no file has. Sending must not wait: a supervisor that does not read is its own fault.
fn connect(name: &str) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.strip_prefix('@') {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(Path::new(name))?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(at: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let length = at.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn the_supervisor_hears_of_the_start_of_reloads_of_life_and_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let at = UnixDatagram::bind(&path).unwrap();
        at.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let pid = std::process::id().to_string();
        let supervisor = Supervisor::new(&|name| match name {
            "NOTIFY_SOCKET" => Some(path.display().to_string()),
            "WATCHDOG_USEC" => Some("20000".to_owned()),
            "WATCHDOG_PID" => Some(pid.clone()),
            _ => None,
        });
        supervisor.ready("answers");
        assert_eq!(heard(&at), "READY=1\nSTATUS=answers\n");
        supervisor.reloading();
        let said = heard(&at);
        let micros: i128 = said.lines().find_map(|l| l.strip_prefix("MONOTONIC_USEC=")).unwrap().parse().unwrap();
        assert!(said.starts_with("RELOADING=1\n") && micros > 0, "{said}");
        supervisor.stopping();
        assert!(heard(&at).starts_with("STOPPING=1\n"));
        let watched = supervisor.watch().unwrap();
        let two = tokio::task::spawn_blocking(move || (heard(&at), heard(&at))).await.unwrap();
        assert_eq!(two, ("WATCHDOG=1\n".to_owned(), "WATCHDOG=1\n".to_owned()));
        drop(watched);
    }

    #[test]
    fn without_a_supervisor_or_for_another_process_nothing_is_told() {
        let quiet = Supervisor::new(&|_| None);
        quiet.ready("x");
        assert!(quiet.socket.is_none() && quiet.watchdog.is_none());
        let other = Supervisor::new(&|name| match name {
            "NOTIFY_SOCKET" => Some("@chat-test-nobody-listens-here".to_owned()),
            "WATCHDOG_PID" => Some("1".to_owned()),
            "WATCHDOG_USEC" => Some("1000".to_owned()),
            _ => None,
        });
        assert!(other.socket.is_none() && other.watchdog.is_none());
    }
}
