//! `cargo xtask try-deb`: the way of docs/install.md in a Debian that has nothing yet, from `apt install` to a message
//! over TLS, each step timed and most of them copied from that page; then what a package is for besides: a renewed
//! certificate, an upgrade, removing and purging it. It takes minutes, root and a Debian mirror, and is no part of the
//! tests for that reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::debian::Debian;
use crate::{deb, setup, sh};

/// Where and with what.
#[derive(clap::Args)]
pub struct Options {
    /// Cargo's profile of the packages; `quick` is built sooner.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A fresh root that is there already (debootstrap --variant=minbase --include=systemd-sysv,dbus,openssl SUITE DIR), to be changed.
    #[arg(long)]
    root: Option<PathBuf>,
}

/// Where the document's server is, in place of a name that leads to it.
const HOSTS: &str = "echo 127.0.0.1 chat.example.org >>/etc/hosts";
/// Where chat-tui finds it; the certificate is one's own.
const CLIENT: &str = "export CHAT_SERVER=https://chat.example.org:6969 CHAT_CA_FILE=/etc/chat-server/tls/ca.pem\n";
/// The line-by-line screen makes the room, as a person would: it asks back, and a person takes a moment.
const TALK: &str = "{ sleep 1; echo '/create ops'; sleep 1; echo y; sleep 1; echo /quit; } |\n\
    timeout -k 5 30 script -qec 'chat-tui --plain' /dev/null >/root/screen.log\n\
    chat-tui send -r ops -m 'it runs'\nchat-tui tail -r ops -n 1";
/// What `/` answers, over TLS and without a program that is not there yet.
const PAGE: &str = "printf 'GET / HTTP/1.1\\r\\nhost: chat.example.org\\r\\nconnection: close\\r\\n\\r\\n' |\n\
    openssl s_client -quiet -verify_return_error -CAfile /etc/chat-server/tls/ca.pem -servername chat.example.org \
    -verify_hostname chat.example.org -connect 127.0.0.1:6969 2>/dev/null";
/// What a person has typed as `apt install`, who keeps a configuration that both sides have changed.
const INSTALL: &str = "apt-get install -y -qq -o Dpkg::Options::=--force-confold";

/// Goes the way.
pub fn run(options: &Options) -> Result<()> {
    setup::trial()?;
    let packages = deb::run(&deb::Options { profile: options.profile.clone() })?;
    let document = fs::read_to_string(sh::root().join("docs/install.md"))?;
    let mut debian = Debian::fresh(options.root.as_deref())?;
    for package in &packages {
        let name = package.file_name().context("a package has a name")?;
        fs::copy(package, debian.path.join("root").join(name))?;
    }
    fs::copy(newer(&packages[0])?, debian.path.join("root/newer.deb"))?;
    let begun = Instant::now();
    debian.prepare(&format!(
        "{HOSTS}; apt-get update -qq && cd /root && apt-get install -y -qq --download-only ./chat-server_*.deb ./chat-tui_*.deb"
    ))?;
    println!("{:6.1} s  what the packages need is downloaded", begun.elapsed().as_secs_f64());
    debian.boot()?;
    let begun = Instant::now();
    first_message(&debian, &document)?;
    println!("{:6.1} s  from the packages to the message", begun.elapsed().as_secs_f64());
    look(&debian)?;
    renew(&debian, &document)?;
    secrets(&debian)?;
    upgrade(&debian)?;
    remove(&debian)
}

/// From the packages to the message.
fn first_message(debian: &Debian, document: &str) -> Result<()> {
    let install = block(document, "apt install ./chat-server")?.replace("apt install", INSTALL);
    debian
        .timed("apt install", &format!("{{ {install}; }} >/root/apt.log 2>&1 || {{ cat /root/apt.log; exit 1; }}"))?;
    debian.holds(
        "it serves at once, to this machine alone",
        "systemctl is-active chat-server; chat-server healthcheck",
    )?;
    debian.timed("a certificate of one's own", &block(document, "install -d -m 755 -g chat-server")?)?;
    configure(&debian.path, &block(document, "listen = ")?)?;
    debian.timed("config check, restart, doctor", &block(document, "chat-server config check")?)?;
    let add = "echo 'correct horse battery' | chat-server user add ana --admin --password-file -";
    debian.timed("the first admin", add)?;
    let login = "echo 'correct horse battery' | chat-tui login ana --password-file -";
    debian.timed("log in", &format!("{CLIENT}{login}"))?;
    let said = debian.timed("a room and a message from chat-tui", &format!("{CLIENT}{TALK}"))?;
    if !said.contains("it runs") {
        bail!("the message did not come back: {said}");
    }
    Ok(())
}

/// What the packages bring beside the programs.
fn look(debian: &Debian) -> Result<()> {
    debian.holds("the page is served at /", &format!("{PAGE} | grep -q '<script'"))?;
    for page in ["chat-server", "chat-server-user-add", "chat-tui", "chat-tui-send"] {
        debian.holds(&format!("man {page} is there"), &format!("man -w {page} && test -n \"$(man -P cat {page})\""))?;
    }
    debian.holds(
        "nobody but its user looks into the data",
        "test \"$(stat -c %U:%a /var/lib/chat-server)\" = chat-server:700",
    )?;
    let security =
        "systemd-analyze verify chat-server.service; systemd-analyze security --no-pager chat-server | tail -n 1";
    debian.timed("systemd-analyze", security)?;
    Ok(())
}

/// The certificate is exchanged while the server runs.
fn renew(debian: &Debian, document: &str) -> Result<()> {
    let pid = main_process(debian)?;
    let certificate = block(document, "install -d -m 755 -g chat-server")?;
    debian.timed("a renewed certificate, reload", &format!("{certificate}\nsystemctl reload chat-server"))?;
    debian.holds("the new certificate is the one that is shown", &format!("{PAGE} | grep -q '<script'"))?;
    // As certbot does it: a folder of its own, a variable that names it, and what docs/install.md has put into its hooks.
    let lineage = certificate.replace("/etc/chat-server/tls", "/root/live");
    let hook = "RENEWED_LINEAGE=/root/live sh /usr/share/doc/chat-server/examples/certbot-deploy-hook.sh";
    debian.timed("the hook of certbot", &format!("{lineage}\n{hook}\ncp /root/live/ca.pem /etc/chat-server/tls/"))?;
    debian.holds("that one is shown now", &format!("{PAGE} | grep -q '<script'"))?;
    if main_process(debian)? != pid {
        bail!("a reload started another process");
    }
    Ok(())
}

/// What stands in the file of secrets, the unit and a shell know.
fn secrets(debian: &Debian) -> Result<()> {
    let file = "/etc/chat-server/secrets.env";
    debian.timed(
        "a setting in secrets.env",
        &format!("(umask 077; echo CHAT_GUESTS=on >{file}); systemctl restart chat-server"),
    )?;
    debian.holds("the server has it", "journalctl --no-pager -n 20 -u chat-server | grep -q 'guests on'")?;
    debian
        .holds("the shell has it", &format!("set -a; . {file}; chat-server config show | grep -q 'guests = \"on\"'"))?;
    debian.timed("and without it", &format!("rm {file}; systemctl restart chat-server")).map(drop)
}

/// A newer package with a newer commented configuration.
fn upgrade(debian: &Debian) -> Result<()> {
    let before = main_process(debian)?;
    debian.timed("apt install of a newer package", &format!("{INSTALL} /root/newer.deb >/root/apt.log 2>&1"))?;
    if main_process(debian)? == before {
        bail!("the old program still runs");
    }
    debian.holds("the message is there", &format!("{CLIENT}chat-tui tail -r ops -n 1 | grep -q 'it runs'"))?;
    let kept = "grep -q '^tls_cert' /etc/chat-server/chat-server.toml && \
                grep -q 'a newer line' /etc/chat-server/chat-server.toml.dpkg-dist";
    debian.holds("the configuration is the administrator's, the new one beside it", kept)
}

/// Removing keeps the configuration and the data, purging the data.
fn remove(debian: &Debian) -> Result<()> {
    debian.timed("apt remove", "apt-get remove -y -qq chat-server >/root/apt.log 2>&1")?;
    let gone = "! systemctl is-active chat-server && ! test -e /usr/bin/chat-server";
    debian.holds("the server is gone", gone)?;
    let kept = "test -s /var/lib/chat-server/chat.db && grep -q '^tls_cert' /etc/chat-server/chat-server.toml";
    debian.holds("data and configuration are kept", kept)?;
    debian.timed("apt install once more", &format!("{INSTALL} /root/newer.deb >/root/apt.log 2>&1"))?;
    debian.holds("the message is there", &format!("{CLIENT}chat-tui tail -r ops -n 1 | grep -q 'it runs'"))?;
    let said = debian.timed("apt purge", "apt-get purge -y -qq chat-server 2>/dev/null | grep messages")?;
    if !said.contains("/var/lib/chat-server") {
        bail!("it does not say where the messages are: {said}");
    }
    let kept = "test -s /var/lib/chat-server/chat.db && ! test -e /etc/chat-server/chat-server.toml";
    debian.holds("the messages are kept, the configuration is not", kept)
}

fn main_process(debian: &Debian) -> Result<String> {
    let pid = debian.sh("systemctl show --value --property MainPID chat-server")?;
    if matches!(pid.trim(), "" | "0") {
        bail!("the server does not run:\n{}", debian.sh("journalctl --no-pager -n 30 -u chat-server")?);
    }
    Ok(pid)
}

/// The indented block of the document whose first line begins so, without its indentation.
fn block(document: &str, begins: &str) -> Result<String> {
    let mut lines = document.lines().skip_while(|line| !line.starts_with(&format!("    {begins}"))).peekable();
    if lines.peek().is_none() {
        bail!("docs/install.md has no lines that begin with `{begins}` any more");
    }
    Ok(lines.map_while(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n"))
}

/// Sets each `key = value` of these lines in the configuration, where the key stands there as a comment or not.
fn configure(root: &Path, lines: &str) -> Result<()> {
    let path = root.join("etc/chat-server/chat-server.toml");
    let text = fs::read_to_string(&path)?;
    let wanted: Vec<(&str, &str)> = lines.lines().filter_map(|line| Some((line.split_once(" = ")?.0, line))).collect();
    let set = |line: &str| {
        let key = line.strip_prefix("#: ").unwrap_or(line).split_once(" = ").map(|(key, _)| key);
        wanted.iter().find(|(name, _)| Some(*name) == key).map_or(line, |(_, new)| new).to_owned()
    };
    let text: Vec<String> = text.lines().map(set).collect();
    let missing = wanted.iter().find(|(_, line)| !text.iter().any(|l| l == line));
    if let Some((key, _)) = missing {
        bail!("the packaged configuration has no line for `{key}`");
    }
    Ok(fs::write(path, text.join("\n") + "\n")?)
}

/// The same package with a higher version and one line more in its configuration.
fn newer(package: &Path) -> Result<PathBuf> {
    let folder = sh::target().join("deb/newer");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.parent().context("it lies in target/")?)?;
    deb::output(Command::new("dpkg-deb").arg("--raw-extract").args([package, &folder]))?;
    let change = |name: &str, with: &dyn Fn(String) -> String| -> Result<()> {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(fs::write(path, with(text))?)
    };
    let version =
        |line: &str| if line.starts_with("Version:") { format!("{line}+newer\n") } else { format!("{line}\n") };
    change("DEBIAN/control", &|text| text.lines().map(version).collect())?;
    change("etc/chat-server/chat-server.toml", &|text| format!("{text}# a newer line\n"))?;
    let to = sh::target().join("deb/newer.deb");
    deb::output(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&folder, &to]))?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_from_the_document_is_there() {
        let document = fs::read_to_string(sh::root().join("docs/install.md")).unwrap();
        for begins in ["apt install ./chat-server", "install -d -m 755 -g chat-server", "chat-server config check"] {
            assert!(block(&document, begins).unwrap().starts_with(begins));
        }
        assert_eq!(block(&document, "listen = ").unwrap().lines().count(), 3);
        assert!(block(&document, "no such line").is_err());
    }

    #[test]
    fn lines_replace_those_that_are_comments_or_not() {
        let folder = std::env::temp_dir().join(format!("chat-try-deb-test-{}", std::process::id()));
        fs::create_dir_all(folder.join("etc/chat-server")).unwrap();
        let file = folder.join("etc/chat-server/chat-server.toml");
        fs::write(&file, "# x\na = 1\n#: b = 2\nc = 3\n").unwrap();
        configure(&folder, "a = 7\nb = 8").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "# x\na = 7\nb = 8\nc = 3\n");
        assert!(configure(&folder, "d = 1").is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
