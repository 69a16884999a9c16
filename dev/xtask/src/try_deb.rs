//! `cargo xtask try-deb`: the way of docs/install.md in a Debian that has nothing yet, from `apt install` to a message
//! over TLS, each step timed. It takes minutes, root and a Debian mirror, and is no part of the tests for that reason.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::deb;

/// Where and with what.
#[derive(clap::Args)]
pub struct Options {
    /// Cargo's profile of the packages; `dev` is built sooner.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A fresh root that is there already (debootstrap --variant=minbase SUITE DIR), to be changed.
    #[arg(long)]
    root: Option<PathBuf>,
}

/// A port that nothing else here is likely to have.
const PORT: u16 = 16_969;
/// How long the server may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A root of its own with what is mounted and runs in it.
struct Root {
    path: PathBuf,
    ours: bool,
    server: Option<Child>,
}

impl Root {
    /// Runs a line of the shell in it; what it prints.
    fn sh(&self, line: &str) -> Result<String> {
        deb::output(Command::new("chroot").arg(&self.path).args(["/bin/sh", "-ec", line]).stdin(Stdio::null()))
    }

    fn timed(&self, what: &str, line: &str) -> Result<String> {
        let begun = Instant::now();
        let said = self.sh(line)?;
        println!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
        for line in said.lines().filter(|line| !line.trim().is_empty()).take(12) {
            println!("          {line}");
        }
        Ok(said)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // The process is `setpriv`, which the server took the place of.
            let _ended = Command::new("kill").arg(server.id().to_string()).status();
            let _ended = server.wait();
        }
        for place in ["dev/pts", "proc"] {
            let _unmounted = Command::new("umount").arg(self.path.join(place)).status();
        }
        if self.ours {
            let _removed = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Goes the way.
pub fn run(options: &Options) -> Result<()> {
    let packages = deb::run(&deb::Options { profile: options.profile.clone() })?;
    let mut root = fresh(options.root.as_deref())?;
    deb::output(Command::new("mount").args(["-t", "proc", "proc"]).arg(root.path.join("proc")))?;
    let terminals = ["-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "devpts"];
    deb::output(Command::new("mount").args(terminals).arg(root.path.join("dev/pts")))?;
    root.sh("ln -sf pts/ptmx /dev/ptmx")?;
    for package in &packages {
        let name = package.file_name().context("a package has a name")?;
        std::fs::copy(package, root.path.join("root").join(name))?;
    }
    root.sh("apt-get update -qq && apt-get install -y -qq --no-install-recommends openssl >/dev/null 2>&1")?;
    let begun = Instant::now();
    let install = "cd /root && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ./chat-server_*.deb ./chat-tui_*.deb \
                   >/root/apt.log 2>&1 || { cat /root/apt.log; exit 1; }";
    root.timed("apt install ./chat-server_*.deb ./chat-tui_*.deb", install)?;
    root.timed("a certificate of one's own", CERTIFICATE)?;
    let set = format!(
        "sed -i -e 's|^listen = .*|listen = \"127.0.0.1:{PORT}\"|' -e 's|^#: tls_|tls_|' \
         /etc/chat-server/chat-server.toml && chat-server config check"
    );
    root.timed("three lines of the configuration", &set)?;
    root.server = Some(start(&root)?);
    let ready = Instant::now();
    while root.sh("chat-server healthcheck").is_err() {
        if ready.elapsed() > PATIENCE {
            bail!("not ready; its log is {}", root.path.join("root/server.log").display());
        }
        std::thread::yield_now();
    }
    println!("{:6.1} s  ready (the unit's ExecStart as its user; no systemd runs in a bare root)", secs(ready));
    root.timed("the first admin", "echo 'correct horse battery' | chat-server user add ana --admin --password-file -")?;
    let as_ana = format!(
        "export TERM=xterm CHAT_SERVER=https://127.0.0.1:{PORT} CHAT_CA_FILE=/etc/chat-server/tls/ca.pem HOME=/root\n"
    );
    let login = "echo 'correct horse battery' | chat-tui login ana --password-file -";
    root.timed("log in", &format!("{as_ana}{login}"))?;
    let said = root.timed("a room and a message from chat-tui", &format!("{as_ana}{TALK}"))?;
    if !said.contains("it runs") {
        bail!("the message did not come back: {said}");
    }
    println!("{:6.1} s  from the packages to the message", secs(begun));
    root.timed("chat-server doctor", "chat-server doctor || true")?;
    root.timed("manual page and completions", LOOK)?;
    Ok(())
}

fn secs(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// As docs/install.md has it.
const CERTIFICATE: &str = "install -d -m 750 -g chat-server /etc/chat-server/tls && cd /etc/chat-server/tls\n\
    ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n\
    openssl req -x509 $ec -days 3650 -subj '/CN=our chat' -keyout ca.key -out ca.pem 2>/dev/null\n\
    openssl req -x509 $ec -days 365 -CA ca.pem -CAkey ca.key -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -addext basicConstraints=critical,CA:FALSE -keyout privkey.pem -out fullchain.pem 2>/dev/null\n\
    chgrp chat-server privkey.pem && chmod 640 privkey.pem && chmod 644 ca.pem && chmod 755 .";

/// The line-by-line screen makes the room, as a person would: it asks back, and a person takes a moment.
const TALK: &str = "{ sleep 1; echo '/create ops'; sleep 1; echo y; sleep 1; echo /quit; } |\n\
    timeout 30 script -qec 'chat-tui --plain' /dev/null >/root/screen.log\n\
    chat-tui rooms\nchat-tui send -r ops -m 'it runs'\nchat-tui tail -r ops -n 1";

/// What the package brings beside the program.
const LOOK: &str = "ls /usr/share/man/man1/chat-server* /usr/share/man/man1/chat-tui.1* \
    /usr/share/bash-completion/completions/chat-server | head -4; ls -ld /var/lib/chat-server; id chat-server";

/// A new root by debootstrap, or the one that was named.
fn fresh(named: Option<&Path>) -> Result<Root> {
    if let Some(path) = named {
        return Ok(Root { path: path.to_owned(), ours: false, server: None });
    }
    let path = std::env::temp_dir().join(format!("chat-try-deb-{}", std::process::id()));
    let release = std::fs::read_to_string("/etc/os-release")?;
    let suite = release.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).context("this is no Debian")?;
    let begun = Instant::now();
    let root = Root { path, ours: true, server: None };
    deb::output(Command::new("debootstrap").args(["--variant=minbase", suite]).arg(&root.path))
        .context("debootstrap (as root, from the package of that name)")?;
    println!("{:6.1} s  a fresh Debian {suite}", secs(begun));
    Ok(root)
}

/// The unit's command as the unit's user.
fn start(root: &Root) -> Result<Child> {
    let unit = root.sh("cat /lib/systemd/system/chat-server.service")?;
    let line =
        |key: &str| unit.lines().find_map(|l| l.strip_prefix(key)).with_context(|| format!("no {key} in the unit"));
    let (user, command) = (line("User=")?, line("ExecStart=")?);
    let log = std::fs::File::create(root.path.join("root/server.log"))?;
    let mut start = Command::new("chroot");
    start.arg(&root.path).args(["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]);
    start.args(command.split_whitespace()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    start.spawn().context("chroot does not start")
}
