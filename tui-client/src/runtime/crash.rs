//! A panic is a bug of ours: it ends the process wherever it happens, with the terminal given back, a sentence for the
//! user, a file for who looks into it, and exit code 70. Threads of the Socket.IO library are left alone: there the
//! line only breaks.

use std::backtrace::Backtrace;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::path::PathBuf;

use chat_common::text::visible;

use super::terminal;
use crate::config::Paths;

/// EX_SOFTWARE of sysexits.
const BUG: i32 = 70;

/// From now on a panic ends the process in order.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|n| n.starts_with(crate::net::LINK_THREAD)) {
            return;
        }
        let screen = terminal::give_back();
        let what = info.payload_as_str().unwrap_or("no words");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let (what, place) = (visible(what), visible(&place));
        // There is nowhere left to say that this failed.
        let _ = writeln!(
            io::stderr(),
            "chat-tui: this is a bug in chat-tui, sorry: {what} ({place})\n{}{}",
            if screen { "chat-tui: what you typed up to a second ago and what waits to be sent is kept\n" } else { "" },
            match keep(info) {
                Ok(file) => format!("chat-tui: please report it with {}", file.display()),
                Err(error) => format!("chat-tui: please report it (no details could be kept: {error})"),
            }
        );
        std::process::exit(BUG);
    }));
}

/// Writes where it happened. Not the panic's words: they may quote what somebody wrote.
fn keep(info: &PanicHookInfo<'_>) -> io::Result<PathBuf> {
    let paths = Paths::from_env(|name| std::env::var_os(name)).ok_or_else(|| io::Error::other("there is no home"))?;
    std::fs::create_dir_all(&paths.state)?;
    let path = paths.state.join("crash.txt");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    writeln!(
        file,
        "chat-tui {} on {} {}, {}\n{}\n{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        jiff::Timestamp::now(),
        info.location().map(ToString::to_string).unwrap_or_default(),
        Backtrace::force_capture()
    )?;
    Ok(path)
}

/// Panics if `CHAT_TUI_PANIC` names this place, so that tests can see what then happens. Never in a release.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
pub fn provoke(place: &str) {
    if std::env::var_os("CHAT_TUI_PANIC").is_some_and(|wanted| wanted == place) {
        panic!("provoked\u{1b}[2J at {place}");
    }
}

/// Does nothing in a release.
#[cfg(not(debug_assertions))]
pub fn provoke(_place: &str) {}
