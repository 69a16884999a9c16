//! A Debian that has nothing yet and really runs: debootstrap makes it in a folder, systemd-nspawn boots it with a
//! systemd and a network of its own, so that the port of docs/install.md is free in it whatever runs on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::deb::output;

/// How long it may take to boot, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a server has that nobody has installed anything on.
const INCLUDE: &str = "--include=systemd-sysv,dbus,openssl,man-db";

/// One such machine; dropped: it ends, and goes if it was made here.
pub struct Debian {
    /// Its root, as this machine sees it.
    pub path: PathBuf,
    ours: bool,
    /// systemd-nspawn, and the number of the systemd within.
    booted: Option<(Child, String)>,
}

impl Debian {
    /// A new one of this machine's suite, or the root that was named.
    pub fn fresh(named: Option<&Path>) -> Result<Self> {
        if let Some(path) = named {
            return Ok(Self { path: path.to_owned(), ours: false, booted: None });
        }
        let path = std::env::temp_dir().join(format!("chat-try-deb-{}", std::process::id()));
        let release = fs::read_to_string("/etc/os-release")?;
        let suite = release.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).context("this is no Debian")?;
        let begun = Instant::now();
        let debian = Self { path, ours: true, booted: None };
        output(Command::new("debootstrap").args(["--variant=minbase", INCLUDE, suite]).arg(&debian.path))?;
        println!("{:6.1} s  a fresh Debian {suite}", begun.elapsed().as_secs_f64());
        Ok(debian)
    }

    fn nspawn(&self) -> Command {
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args(["--quiet", "--register=no", "--keep-unit", "-D"]).arg(&self.path).stdin(Stdio::null());
        nspawn
    }

    /// Runs a line of the shell in it before it boots, with this machine's network.
    pub fn prepare(&self, line: &str) -> Result<String> {
        output(self.nspawn().args(["--pipe", "/bin/sh", "-ec", line]))
    }

    /// Boots it; returns when everything in it has started.
    pub fn boot(&mut self) -> Result<()> {
        let begun = Instant::now();
        let log = fs::File::create(self.path.join("root/boot.log"))?;
        let mut nspawn = self.nspawn();
        nspawn.args(["--private-network", "--console=pipe", "--hostname=chat", "--boot"]);
        let child = nspawn.stdout(log.try_clone()?).stderr(log).spawn().context("systemd-nspawn does not start")?;
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        self.booted = Some((child, String::new()));
        // Its first child is not yet the one that becomes the systemd.
        let mut leader = String::new();
        while !self.is_up() {
            if begun.elapsed() > PATIENCE {
                bail!("it does not boot as {leader}; {} may say why", self.path.join("root/boot.log").display());
            }
            let of = fs::read_to_string(&children).context("systemd-nspawn has ended; its log is root/boot.log")?;
            of.split_whitespace().next().unwrap_or_default().clone_into(&mut leader);
            if let Some((_, within)) = &mut self.booted {
                within.clone_from(&leader);
            }
            std::thread::yield_now();
        }
        println!("{:6.1} s  it has booted", begun.elapsed().as_secs_f64());
        Ok(())
    }

    fn is_up(&self) -> bool {
        let asked = self.sh("systemctl is-system-running --wait || true");
        asked.is_ok_and(|said| matches!(said.trim(), "running" | "degraded"))
    }

    /// Runs a line of the shell in it, as root; what it prints.
    pub fn sh(&self, line: &str) -> Result<String> {
        let (_, leader) = self.booted.as_ref().context("it has not booted")?;
        let mut enter = Command::new("nsenter");
        enter.args([
            "--target",
            leader,
            "--all",
            "--",
            "env",
            "-i",
            "-C",
            "/root",
            "HOME=/root",
            "TERM=xterm-256color",
        ]);
        enter.args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]);
        output(enter.args([OsStr::new("/bin/sh"), OsStr::new("-ec"), OsStr::new(line)]).stdin(Stdio::null()))
    }

    /// The same with its time; prints the first lines of what it says.
    pub fn timed(&self, what: &str, line: &str) -> Result<String> {
        let begun = Instant::now();
        let said = self.sh(line)?;
        println!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
        for line in said.lines().filter(|line| !line.trim().is_empty()).take(24) {
            println!("          {line}");
        }
        Ok(said)
    }

    /// What must hold there, as a line of the shell that fails otherwise.
    pub fn holds(&self, what: &str, line: &str) -> Result<()> {
        self.sh(line).with_context(|| format!("it does not hold that {what}"))?;
        println!("      ok  {what}");
        Ok(())
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        if let Some((mut nspawn, leader)) = self.booted.take() {
            // The systemd within takes this as a wish to power off.
            let _asked = Command::new("kill").args(["-s", "RTMIN+4", &leader]).status();
            let begun = Instant::now();
            while matches!(nspawn.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
            let _ended = nspawn.kill();
            let _ended = nspawn.wait();
        }
        if self.ours {
            let _removed = fs::remove_dir_all(&self.path);
        }
    }
}
