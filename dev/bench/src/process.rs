//! A server of our own as a child process: started on a free port, ended with the value, its CPU time read from `/proc`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A child that prints a line ending in `on http://HOST:PORT` once it answers.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// From the start of the process to its ready line.
    pub ready_after: Duration,
}

/// Limits that do not bind, so that the server is measured and not its brakes.
const CONFIG: &str = "guests = \"on\"\n[limits]\nmessages_per_second = 1000000\nmessage_burst = 1000000\n\
    requests_per_second = 1000000\nrequest_burst = 1000000\nconnections_per_user = 100000\nrooms_per_user = 100000\n\
    rooms_created_per_hour = 100000\n";

impl Server {
    /// `chat-server` of `bin` with its data in `data`.
    pub fn chat(bin: &Path, data: &Path) -> Result<Self> {
        Self::chat_with(bin, data, &[])
    }

    /// The same with further arguments.
    pub fn chat_with(bin: &Path, data: &Path, more: &[String]) -> Result<Self> {
        let config = data.join("bench.toml");
        std::fs::write(&config, CONFIG)?;
        let mut command = Command::new(bin.join("chat-server"));
        command
            .args(["--listen", "127.0.0.1:0", "--log", "warn"])
            .arg("--data-dir")
            .arg(data)
            .arg("--config")
            .arg(config)
            .args(more);
        Self::start(command)
    }

    /// Starts `command` and waits for its ready line.
    pub fn start(mut command: Command) -> Result<Self> {
        let begun = Instant::now();
        let mut child =
            command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().context("the server does not start")?;
        let out = child.stdout.take().context("no output")?;
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some((_, url)) = line.split_once(" on http://") {
                let url = format!("http://{}", url.trim());
                return Ok(Self { child, url, ready_after: begun.elapsed() });
            }
        }
        bail!("the server ended before it was ready: {:?}", child.wait()?)
    }

    /// Sends it a signal by its name.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status()?;
        anyhow::ensure!(status.success(), "kill: {status}");
        Ok(())
    }

    /// CPU time of all threads so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of(self.child.id()).context("the server has ended")
    }

    /// Resident memory, bytes.
    pub fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time so far of a process' threads; `None`: it has ended. A thread that ends takes its share with it; workers do not.
pub fn cpu_of(pid: u32) -> Option<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).unwrap_or_default();
        nanos += stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    }
    Some(Duration::from_nanos(nanos))
}

/// CPU time so far of a process and its children, those that have ended included.
pub fn cpu_of_family(pid: u32) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended since the folder was read.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // What follows the name, which may hold anything: state, parent, …; fields 16 and 17 are of ended children.
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        if id == pid {
            // The kernel counts these in hundredths of a second, whatever its own clock does.
            cpu += Duration::from_millis((number(13) + number(14)) * 10);
        }
        if id == pid || number(1) == u64::from(pid) {
            cpu += cpu_of(id).unwrap_or_default();
        }
    }
    Ok(cpu)
}
