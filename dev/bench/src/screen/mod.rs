//! `chat-tui` as its user meets it: in a terminal, against a real server, with a long room and a flood. The aims stand
//! beside the figures; nothing is judged.

mod crowd;
mod irc;
mod keys;
mod proc;
mod terminal;
mod weechat;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use portable_pty::CommandBuilder;

use self::crowd::{Crowd, Shown};
use self::keys::type_letters;
use self::terminal::{Size, Terminal, numbers};
use crate::client::percentile;
use crate::process::Server;

/// The usual terminal, and a wide one with rooms and members beside the messages.
const SMALL: Size = (80, 24);
const WIDE: Size = (140, 40);
/// What stands before the text in our composer.
const PROMPT: &str = "#lobby › ";
/// Between two keys.
const KEY_GAP: Duration = Duration::from_millis(40);
/// The same while a program takes a flood.
const FLOOD_GAP: Duration = Duration::from_millis(100);
/// Messages a second that make typing hard.
const RATE: u32 = 1_000;
/// Messages a second of a lively room.
const CALM_RATE: u32 = 20;
/// Rooms that the client keeps on disk.
const ROOMS: usize = 200;
/// How long idleness is watched.
const IDLE: Duration = Duration::from_secs(10);
/// Anything that is to be shown.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much.
#[derive(Args)]
pub struct Options {
    /// Messages in the room while it is measured.
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// Messages that come after all was measured, for the memory.
    #[arg(long, default_value_t = 600_000)]
    arrivals: u64,
    /// Starts at each size.
    #[arg(long, default_value_t = 10)]
    starts: usize,
    /// Seconds of typing, and of reading, at each size.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Without weechat.
    #[arg(long)]
    alone: bool,
}

/// Measures and prints.
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    println!("machine: {}", load());
    println!("{:<56} {:<52} aim", "chat-tui", "measured");
    let data = tempfile::tempdir()?;
    let home = tempfile::tempdir()?;
    let server = Server::chat(bin, data.path())?;
    let crowd = Crowd::connect(&server.url).await?;
    let tui = |size| Terminal::start(chat_tui(bin, &server.url, home.path()), size);
    let terminal = tui(SMALL)?;
    terminal.wait("to be online", PATIENCE, |screen| screen.contents().contains("online")).await?;
    tell("resident at the start", &proc::memory(terminal.pid()?)?, "");
    let mut next = fill(&terminal, &crowd, options).await?;
    for size in [SMALL, WIDE] {
        terminal.resize(size)?;
        typing(&terminal, &crowd, size, &mut next, options).await?;
        reading(&terminal, &crowd, size, &mut next, options).await?;
    }
    terminal.resize(SMALL)?;
    settle().await;
    idle("idle: threads put on a core in 10 s", terminal.pid()?, "0 but the heartbeat").await?;
    arrivals(&terminal, &crowd, &mut next, options).await?;
    terminal.press("\x11")?;
    terminal.ended(PATIENCE).await?;
    let kept = fill_cache(home.path())?;
    tell("messages in the client's cache", &format!("{kept} in {ROOMS} rooms"), "100000");
    for size in [SMALL, WIDE] {
        first_frames(&server, tui, size, options).await?;
    }
    let terminal = tui(SMALL)?;
    terminal.wait("to be online", PATIENCE, |screen| screen.contents().contains("online")).await?;
    settle().await;
    tell("resident with all that was in the cache", &proc::memory(terminal.pid()?)?, "< 60 MB");
    drop(terminal);
    drop(server);
    if !options.alone {
        weechat::run(options).await?;
    }
    println!("machine: {}", load());
    Ok(())
}

fn chat_tui(bin: &Path, url: &str, home: &Path) -> CommandBuilder {
    let program = std::path::absolute(bin.join("chat-tui")).unwrap_or_else(|_| bin.join("chat-tui"));
    let mut command = CommandBuilder::new(program);
    command.args(["--server", url, "--room", "lobby", "--name", "reader"]);
    environment(&mut command, home);
    command
}

/// A terminal of today, and nothing of the user's own settings.
fn environment(command: &mut CommandBuilder, home: &Path) {
    command.env_clear();
    for (name, value) in
        [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8"), ("USER", "reader"), ("TZ", "UTC")]
    {
        command.env(name, value);
    }
    for keep in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(keep) {
            command.env(keep, value);
        }
    }
    command.env("HOME", home);
    command.cwd(home);
}

/// Brings the room to its length while it is in view; the next number.
async fn fill(terminal: &Terminal, crowd: &Crowd, options: &Options) -> Result<u64> {
    let (pid, last) = (terminal.pid()?, options.messages);
    let shown = Shown::on(terminal);
    let cpu = proc::cpu(pid)?;
    let (took, keys) = tokio::join!(crowd.send(1..last + 1, None, &shown), type_while(terminal, PROMPT, &shown, last));
    let (took, keys) = (took?, keys?);
    let cpu = proc::cpu(pid)?.saturating_sub(cpu);
    tell(
        &format!("{last} messages as fast as server and client go"),
        &format!("{:.1} s, {:.1} s of the client's CPU", took.as_secs_f64(), cpu.as_secs_f64()),
        "",
    );
    tell("  key to frame meanwhile", &spread(&keys), "");
    tell(&format!("  resident with {last} messages"), &proc::memory(pid)?, "< 60 MB");
    // To the oldest and back: that all are there is seen, not believed.
    terminal.press("\x1b")?;
    terminal.wait("Browse", PATIENCE, |screen| !screen.contents().contains("Enter send")).await?;
    terminal.press("g")?;
    // The server's own first notes may stand above.
    terminal.wait("the first messages", PATIENCE, |screen| numbers(screen).iter().any(|n| *n < 50)).await?;
    terminal.press("G")?;
    terminal.press("i")?;
    terminal.wait("the last messages", PATIENCE, move |screen| numbers(screen).contains(&last)).await?;
    terminal.wait("the line", PATIENCE, |screen| screen.contents().contains("Enter send")).await?;
    Ok(last + 1)
}

/// Types until `last` is shown.
async fn type_while(terminal: &Terminal, prompt: &str, shown: &Shown, last: u64) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    while shown.get() < last {
        let until = Instant::now() + Duration::from_secs(1);
        all.extend(type_letters(terminal, prompt, FLOOD_GAP, (usize::MAX, until)).await?);
    }
    all.sort_unstable();
    Ok(all)
}

/// Key to frame while messages come fast.
async fn typing(terminal: &Terminal, crowd: &Crowd, size: Size, next: &mut u64, options: &Options) -> Result<()> {
    let pid = terminal.pid()?;
    let shown = Shown::on(terminal);
    let range = *next..*next + u64::from(RATE) * options.seconds;
    *next = range.end;
    let (cpu, begun) = (proc::cpu(pid)?, Instant::now());
    let until = begun + Duration::from_secs(options.seconds);
    let (sent, keys) = tokio::join!(
        crowd.send(range, Some(Duration::from_secs(1) / RATE), &shown),
        type_letters(terminal, PROMPT, KEY_GAP, (usize::MAX, until))
    );
    sent?;
    let share = proc::cpu(pid)?.saturating_sub(cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    tell(
        &format!("key to frame, {RATE} messages a second, {}×{}", size.0, size.1),
        &format!("{}, {:.0} % of a core", spread(&keys?), share * 100.0),
        "p99 < 16 ms",
    );
    Ok(())
}

/// From the wire to the screen, at the rate of a lively room.
async fn reading(terminal: &Terminal, crowd: &Crowd, size: Size, next: &mut u64, options: &Options) -> Result<()> {
    let range = *next..*next + u64::from(CALM_RATE) * options.seconds;
    *next = range.end;
    let observed = crowd.observe(range.end - 1).await?;
    let seen: Arc<Mutex<HashMap<u64, Instant>>> = Arc::default();
    let (on, first, last) = (Arc::clone(&seen), range.start, range.end - 1);
    terminal.watch(move |screen, at| {
        let mut seen = on.lock().unwrap_or_else(PoisonError::into_inner);
        for n in numbers(screen).into_iter().filter(|n| *n >= first) {
            seen.entry(n).or_insert(at);
        }
        seen.contains_key(&last)
    });
    let shown = Shown::on(terminal);
    let mut sent = HashMap::new();
    for n in range.clone() {
        sent.insert(n, crowd.say(n).await?);
        tokio::time::sleep(Duration::from_secs(1) / CALM_RATE).await;
    }
    shown.reaches(last).await?;
    let heard = observed.await??;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let from = |start: &HashMap<u64, Instant>| {
        let took = |n| Some(seen.get(&n)?.saturating_duration_since(*start.get(&n)?));
        let mut took: Vec<Duration> = range.clone().filter_map(took).collect();
        took.sort_unstable();
        took
    };
    let (wire, whole) = (from(&heard), from(&sent));
    ensure!(wire.len() * 10 > sent.len() * 9, "only {} of {} messages were seen", wire.len(), sent.len());
    tell(&format!("network to screen, {CALM_RATE} a second, {}×{}", size.0, size.1), &spread(&wire), "p99 < 50 ms");
    tell("  from the sender's key through the server's disk", &spread(&whole), "");
    Ok(())
}

/// Much more than is kept.
async fn arrivals(terminal: &Terminal, crowd: &Crowd, next: &mut u64, options: &Options) -> Result<()> {
    if options.arrivals == 0 {
        return Ok(());
    }
    let shown = Shown::on(terminal);
    let range = *next..*next + options.arrivals;
    *next = range.end;
    let took = crowd.send(range, None, &shown).await?;
    tell(
        &format!("resident after {} more messages", options.arrivals),
        &format!("{}, in {:.0} s", proc::memory(terminal.pid()?)?, took.as_secs_f64()),
        "< 60 MB",
    );
    Ok(())
}

/// Fills the client's cache with as much as it ever holds: as many rooms as it keeps, each with the view of the one that
/// it has seen. How many messages are in it.
fn fill_cache(home: &Path) -> Result<i64> {
    let file = home.join(".local/state/chat-tui/state.sqlite3");
    let db = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("the client's cache {}", file.display()))?;
    db.query_row("SELECT id FROM seen WHERE room = 'lobby'", [], |r| r.get::<_, i64>(0)).context("no cached room")?;
    for n in 1..ROOMS {
        db.execute(
            "INSERT INTO seen (owner, room, summary, epoch, first, head, saved_at)
             SELECT owner, ?1, json_set(summary, '$.room', ?1), epoch, first, head, saved_at
             FROM seen WHERE room = 'lobby'",
            [format!("other-{n}")],
        )?;
    }
    db.execute(
        "INSERT INTO page SELECT seen.id, copied.messages FROM seen, page AS copied JOIN seen AS lobby USING (id)
         WHERE lobby.room = 'lobby' AND seen.room <> 'lobby'",
        [],
    )?;
    Ok(db.query_row("SELECT sum(json_array_length(messages)) FROM page", [], |r| r.get(0))?)
}

/// From the start of the process to the first message it shows. The server stands still meanwhile, so that nothing but
/// the cache can have shown it.
async fn first_frames(
    server: &Server,
    tui: impl Fn(Size) -> Result<Terminal>,
    size: Size,
    options: &Options,
) -> Result<()> {
    let mut took = Vec::new();
    server.signal("STOP")?;
    for _ in 0..options.starts {
        let terminal = tui(size)?;
        let at = terminal.wait("a message", PATIENCE, |screen| !numbers(screen).is_empty()).await;
        took.push(at.map(|at| at.saturating_duration_since(terminal.started)));
    }
    server.signal("CONT")?;
    let mut took = took.into_iter().collect::<Result<Vec<_>>>()?;
    took.sort_unstable();
    tell(
        &format!("first frame from the cache, {} starts, {}×{}", options.starts, size.0, size.1),
        &format!("median {:.1} ms, max {:.1} ms", ms(percentile(&took, 0.5)), ms(percentile(&took, 1.0))),
        "< 100 ms",
    );
    Ok(())
}

/// Lets what was begun come to an end.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(6)).await;
}

/// Which threads were put on a core, and how often, while nothing happened.
async fn idle(what: &str, pid: u32, aim: &str) -> Result<()> {
    let (before, cpu) = (proc::switches(pid)?, proc::cpu(pid)?);
    tokio::time::sleep(IDLE).await;
    let (after, cpu) = (proc::switches(pid)?, proc::cpu(pid)?.saturating_sub(cpu));
    let mut who = Vec::new();
    let mut all = 0;
    for (id, (name, times)) in &after {
        let times = times - before.get(id).map_or(0, |(_, before)| *before);
        if times > 0 {
            who.push(format!("{name} {times}"));
            all += times;
        }
    }
    let ended = before.keys().filter(|id| !after.contains_key(id)).count();
    let ended = if ended > 0 { format!(", {ended} ended") } else { String::new() };
    let who = if who.is_empty() { String::new() } else { format!(" ({}{ended})", who.join(", ")) };
    tell(what, &format!("{all} times{who}, {:.1} ms of CPU", ms(cpu)), aim);
    Ok(())
}

/// A line of the table.
fn tell(what: &str, figure: &str, aim: &str) {
    println!("{what:<56} {figure:<52} {aim}");
}

/// Median, 99 of 100, and the worst.
fn spread(sorted: &[Duration]) -> String {
    let at = |share| ms(percentile(sorted, share));
    format!("p50 {:.1}, p99 {:.1}, max {:.1} ms (n = {})", at(0.5), at(0.99), at(1.0), sorted.len())
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// How busy the machine is.
fn load() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} cores, load {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
