//! A `chat-server` of one's own: a private data folder, a free port, real signals, restarts on the same port.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::{Account, Api, program, wait};

/// How the server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of the section `[limits]`, `name = value`.
    pub limits: Vec<String>,
    /// Further arguments.
    pub args: Vec<String>,
    /// How long an access token lives, in seconds; the default if it is not said.
    pub access_token_seconds: Option<u64>,
    /// The data folder is a disk of its own with so many MiB; see [`small_disk`].
    pub disk_mib: Option<u32>,
    /// Further variables of its environment.
    pub env: Vec<(String, String)>,
}

impl Options {
    /// Limits so high that a test about something else does not meet them.
    pub fn roomy() -> Self {
        Self::default()
            .limit("messages_per_second", 100_000)
            .limit("message_burst", 100_000)
            .limit("requests_per_second", 100_000)
            .limit("request_burst", 100_000)
            .limit("connections_per_user", 1_000)
            .limit("rooms_created_per_hour", 1_000)
    }

    /// With one limit set.
    #[must_use]
    pub fn limit(mut self, name: &str, value: u64) -> Self {
        self.limits.push(format!("{name} = {value}"));
        self
    }

    /// With access tokens that live so many seconds.
    #[must_use]
    pub fn access_token_seconds(mut self, seconds: u64) -> Self {
        self.access_token_seconds = Some(seconds);
        self
    }

    /// With a data folder on a disk of so many MiB that only the server sees, over all its starts. Ask [`small_disk`]
    /// first.
    #[must_use]
    pub fn disk_mib(mut self, mib: u32) -> Self {
        self.disk_mib = Some(mib);
        self
    }

    /// With a further variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a further argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }
}

/// A running (or killed) server. Dropped: killed, its folder removed.
pub struct Server {
    child: Option<Child>,
    port: u16,
    secure: bool,
    options: Options,
    disk: Option<Disk>,
    folder: TempDir,
    said: Arc<Mutex<String>>,
}

impl Server {
    /// With the limits of [`Options::roomy`].
    pub async fn start() -> Self {
        Self::with(Options::roomy()).await
    }

    /// As told; returns when it is ready.
    pub async fn with(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("chat-e2e-").tempdir().expect("a folder for the server");
        let disk = match options.disk_mib {
            Some(mib) => Some(Disk::mount(mib, folder.path(), &folder.path().join("data")).await),
            None => None,
        };
        let mut server = Self { child: None, port: 0, secure: false, options, disk, folder, said: Arc::default() };
        server.launch().await;
        server
    }

    async fn launch(&mut self) {
        let config = self.config_file();
        let life = self.options.access_token_seconds.map(|s| format!("access_token_seconds = {s}"));
        let (life, limits) = (life.unwrap_or_default(), self.options.limits.join("\n"));
        std::fs::write(&config, format!("[auth]\n{life}\n[limits]\n{limits}\n")).expect("the config");
        let mut command = match &self.disk {
            Some(disk) => disk.inside(self.folder.path()),
            None => program::isolated(program::path("chat-server"), self.folder.path()),
        };
        command
            .envs(self.options.env.iter().cloned())
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(&self.options.args);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chat-server starts");
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let mark = self.said().len();
        keep(out, Arc::clone(&self.said));
        keep(err, Arc::clone(&self.said));
        self.child = Some(child);
        (self.secure, self.port) = wait::until("chat-server says that it is ready", || {
            let said = self.said()[mark..].to_owned();
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                panic!("chat-server ended with {status}:\n{said}");
            }
            said.lines().find_map(ready)
        })
        .await;
    }

    /// `http://127.0.0.1:PORT`, or `https://…` where it was given a certificate.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.secure { "https" } else { "http" }, self.port)
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data lies.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Whether its data lies on a disk of its own.
    pub fn has_small_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Where its data lies as the server itself sees it, a disk of its own included, whether it runs or not.
    pub fn data_dir_inside(&self) -> PathBuf {
        let path = self.data_dir();
        let Some(disk) = &self.disk else { return path };
        Path::new("/proc").join(disk.keeper.id().to_string()).join("root").join(path.strip_prefix("/").unwrap_or(&path))
    }

    /// A folder that is removed with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All it has printed so far, over all its starts.
    pub fn said(&self) -> String {
        self.said.lock().expect("no reader panics").clone()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// SIGKILL, in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
        }
    }

    /// The file it was told to read; a start writes it anew.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("server.toml")
    }

    /// Sends a signal by its name (`TERM`, `STOP`, …).
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits for its end, up to the 30 s that a drain may take.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        wait::within(Duration::from_secs(30), "chat-server ends", || child.try_wait().expect("our own child")).await
    }

    /// Starts it again on the same port and data.
    pub async fn restart(&mut self) {
        self.kill();
        self.launch().await;
    }

    /// Starts it again on the same port and data folder with further arguments.
    pub async fn move_to(&mut self, args: &[&str]) {
        self.options.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self.restart().await;
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        program::resident_kib(self.pid())
    }

    /// Connections on `/chat`, as the metrics tell.
    pub async fn connections(&self) -> u64 {
        let metrics = crate::raw::get(&self.address(), "/metrics", "").await;
        figure(&metrics, "chat_connections").unwrap_or_else(|| panic!("no chat_connections in {metrics}")) as u64
    }

    /// REST without a token.
    pub fn api(&self) -> Api {
        Api::new(&self.url())
    }

    /// A new account with the password `correct horse`.
    pub async fn account(&self, name: &str) -> Account {
        self.api().register(name, "correct horse").await
    }

    /// A new guest; `ana` is known as `~ana`.
    pub async fn guest(&self, name: &str) -> Account {
        self.api().guest(name).await
    }

    /// Runs `chat-server` with other arguments on this data folder (`user add …`) to its end.
    pub async fn command(&self, args: &[&str]) -> std::process::Output {
        let mut command = program::isolated(program::path("chat-server"), self.folder.path());
        command.args(args).arg("--data-dir").arg(self.data_dir());
        program::finish(command, b"").await
    }

    /// As [`Self::command`], where the server's own small disk is seen.
    pub async fn command_inside(&self, args: &[&str]) -> std::process::Output {
        let disk = self.disk.as_ref().expect("a server with a small disk");
        let mut command = disk.inside(self.folder.path());
        command.args(args).arg("--data-dir").arg(self.data_dir());
        program::finish(command, b"").await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- what chat-server said:\n{}---", self.said());
        }
    }
}

/// A new mount namespace, the disk in it, and in the place of the shell what follows.
const MOUNT: &str = "mount -t tmpfs -o size=${0}m none \"$1\" && shift && exec \"$@\"";

/// A small disk in a mount namespace of its own, which a process keeps that waits for the end of its input. Dropped, or
/// this process gone: so is the disk.
struct Disk {
    keeper: Child,
}

impl Disk {
    async fn mount(mib: u32, home: &Path, data: &Path) -> Self {
        std::fs::create_dir_all(data).expect("a folder for the disk");
        let mut command = program::isolated("unshare", home);
        command.args(["-rm", "sh", "-c", MOUNT, &mib.to_string()]).arg(data).arg("cat");
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("unshare of util-linux starts");
        let name = Path::new("/proc").join(keeper.id().to_string()).join("comm");
        wait::until("the small disk is mounted", || std::fs::read_to_string(&name).ok().filter(|n| n.trim() == "cat"))
            .await;
        Self { keeper }
    }

    /// `chat-server` where the disk is; the process keeps its id.
    fn inside(&self, home: &Path) -> std::process::Command {
        let mut command = program::isolated("nsenter", home);
        command.args(["--user", "--mount", "--preserve-credentials", "--target", &self.keeper.id().to_string()]);
        command.arg(program::path("chat-server"));
        command
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ended = (self.keeper.kill(), self.keeper.wait());
    }
}

/// Whether this machine lets us mount a small disk that only one process sees.
pub fn small_disk() -> bool {
    let folder = tempfile::tempdir().expect("a folder for the disk");
    let mut command = program::isolated("unshare", folder.path());
    command.args(["-rm", "sh", "-c", MOUNT, "1"]).arg(folder.path()).arg("true");
    command.stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Whether TLS is spoken, and the port, of `chat-server VERSION ready on http://127.0.0.1:PORT`.
fn ready(line: &str) -> Option<(bool, u16)> {
    let (scheme, place) = line.split_once(" ready on ")?.1.trim().split_once("://")?;
    Some((scheme == "https", place.rsplit_once(':')?.1.trim_end_matches('/').parse().ok()?))
}

/// A metric's value, the sum of all its series; `None`: it is not there.
pub fn figure(metrics: &str, name: &str) -> Option<f64> {
    let series = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = if rest.starts_with('{') { rest.rsplit_once("} ")?.1 } else { rest.strip_prefix(' ')? };
        value.trim().parse::<f64>().ok()
    });
    series.reduce(|sum, n| sum + n)
}

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, name: &str) {
    let done = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(done.is_ok_and(|s| s.success()), "cannot send SIG{name} to {pid}");
}

/// Reads a pipe to its end into `said`, so that the program never waits for us.
fn keep(pipe: impl Read + Send + 'static, said: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut said = said.lock().expect("no reader panics");
            said.push_str(&String::from_utf8_lossy(&line));
            said.push('\n');
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{figure, ready};

    #[test]
    fn a_figure_is_the_sum_of_its_series() {
        let text = "# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 3\nab 9\nb 1.5\n";
        assert_eq!((figure(text, "a"), figure(text, "b"), figure(text, "c")), (Some(5.0), Some(1.5), None));
    }

    #[test]
    fn the_port_stands_in_the_ready_line() {
        assert_eq!(ready("chat-server 0.1.0 ready on http://127.0.0.1:4711"), Some((false, 4711)));
        assert_eq!(ready("chat-server 0.1.0 ready on https://127.0.0.1:4711"), Some((true, 4711)));
        assert_eq!(ready("data in /tmp/x"), None);
    }
}
