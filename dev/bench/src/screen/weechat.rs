//! The same load on weechat, which is what many would use instead: as many lines in one buffer, from a small IRC server.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portable_pty::CommandBuilder;
use tokio::net::TcpListener;

use super::crowd::Shown;
use super::irc::{self, CHANNEL, NICK};
use super::keys::type_letters;
use super::terminal::Terminal;
use super::{KEY_GAP, Options, RATE, SMALL, proc, spread, tell};

/// Until it is there and has joined.
const START: Duration = Duration::from_secs(20);

/// Measures it, if it is installed.
pub async fn run(options: &Options) -> Result<()> {
    let Some(program) = find() else {
        println!("LEFT OUT: weechat is not installed; `apt-get install weechat-curses` brings it");
        return Ok(());
    };
    let home = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    // No limit of lines, no log on disk, nothing held back by it against floods of its own.
    let commands = [
        "/set weechat.history.max_buffer_lines_number 0".to_owned(),
        "/set logger.file.auto_log off".to_owned(),
        "/set irc.look.server_buffer independent".to_owned(),
        format!("/server add bench 127.0.0.1/{port}"),
        format!("/set irc.server.bench.nicks {NICK}"),
        format!("/set irc.server.bench.autojoin {CHANNEL}"),
        // Of this and the next one each version knows one.
        "/set irc.server.bench.ssl off".to_owned(),
        "/set irc.server.bench.tls off".to_owned(),
        "/connect bench".to_owned(),
    ];
    let mut command = CommandBuilder::new(program);
    command.arg("--dir");
    command.arg(home.path());
    for line in commands {
        command.args(["--run-command", line.as_str()]);
    }
    super::environment(&mut command, home.path());
    let terminal = Terminal::start(command, SMALL)?;
    let pid = terminal.pid()?;
    let mut joined = irc::welcome(&listener).await.with_context(|| format!("weechat shows:\n{}", terminal.text()))?;
    let prompt = format!("[{NICK}] ");
    let wanted = format!("[{NICK}]");
    terminal.wait("the channel", START, move |screen| screen.contents().contains(&wanted)).await?;
    tell("weechat: resident at the start", &proc::memory(pid)?, "");

    let shown = Shown::on(&terminal);
    let (cpu, begun) = (proc::cpu(pid)?, Instant::now());
    let last = options.messages;
    let flood = async {
        joined.say(1..last + 1, None).await?;
        shown.reaches(last).await?;
        anyhow::Ok(begun.elapsed())
    };
    let (took, keys) = tokio::join!(flood, super::type_while(&terminal, &prompt, &shown, last));
    let (took, keys) = (took?, keys?);
    let cpu = proc::cpu(pid)?.saturating_sub(cpu);
    tell(
        &format!("weechat: {last} lines as fast as it reads"),
        &format!("{:.1} s, {:.1} s of CPU", took.as_secs_f64(), cpu.as_secs_f64()),
        "",
    );
    tell("  key to frame meanwhile", &spread(&keys), "");
    tell(&format!("  resident with {last} lines"), &proc::memory(pid)?, "");
    let more = u64::from(RATE) * options.seconds;
    let (cpu, begun) = (proc::cpu(pid)?, Instant::now());
    let until = begun + Duration::from_secs(options.seconds);
    let (said, keys) = tokio::join!(
        joined.say(last + 1..last + 1 + more, Some(Duration::from_secs(1) / RATE)),
        type_letters(&terminal, &prompt, KEY_GAP, (usize::MAX, until))
    );
    said?;
    let share = (proc::cpu(pid)?.saturating_sub(cpu)).as_secs_f64() / begun.elapsed().as_secs_f64();
    tell(
        &format!("weechat: key to frame, {RATE} lines a second"),
        &format!("{}, {:.0} % of a core", spread(&keys?), share * 100.0),
        "",
    );
    super::settle().await;
    super::idle("weechat idle: threads put on a core in 10 s", pid, "").await
}

/// The program with a screen; `weechat-headless` has none.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["weechat-curses", "weechat"];
    names.iter().flat_map(|name| folders.iter().map(move |f| f.join(name))).find(|p| p.is_file())
}
