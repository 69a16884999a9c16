//! A terminal of one's own: the program in a pty, its screen kept by an emulator, every byte it wrote kept as well.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::{program, wait};

/// What the terminal shows, and what was written to it.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    /// How much had been written when.
    pieces: Vec<(Instant, usize)>,
}

/// The screen at one moment.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Line by line, without the white space at their ends.
    pub text: String,
    /// Whether the alternate screen is shown.
    pub alternate: bool,
    /// Whether the cursor is hidden.
    pub cursor_hidden: bool,
}

/// A program in a terminal. Dropped: killed.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    input: Arc<Mutex<Box<dyn Write + Send>>>,
    seen: Arc<Mutex<Seen>>,
    started: Instant,
    home: tempfile::TempDir,
}

fn fresh_home() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("chat-e2e-home-").tempdir().expect("a home for the client")
}

impl Terminal {
    /// `chat-tui` with these arguments at 80×24, with a home of its own.
    pub fn chat_tui(args: &[&str]) -> Self {
        Self::chat_tui_sized(24, 80, args, None)
    }

    /// As [`Self::chat_tui`] with a size, and on a home that an earlier run left ([`Self::into_home`]).
    pub fn chat_tui_sized(rows: u16, cols: u16, args: &[&str], home: Option<tempfile::TempDir>) -> Self {
        let home = home.unwrap_or_else(fresh_home);
        let environment = program::environment(home.path());
        Self::start(program::path("chat-tui"), args, &environment, (rows, cols), home)
    }

    /// As [`Self::chat_tui`], with more in its environment.
    pub fn chat_tui_with(args: &[&str], more: &[(&str, &str)]) -> Self {
        let home = fresh_home();
        let mut environment = program::environment(home.path());
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self::start(program::path("chat-tui"), args, &environment, (24, 80), home)
    }

    /// Any program in a terminal of this many rows and columns, with no environment but this one, in its home.
    pub fn start(
        program: impl AsRef<OsStr>,
        args: &[&str],
        environment: &[(String, String)],
        (rows, cols): (u16, u16),
        home: tempfile::TempDir,
    ) -> Self {
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(home.path());
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pty");
        let child = pair.slave.spawn_command(command).expect("chat-tui starts");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("a reader of the pty");
        let input = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer of the pty")));
        let answers = Arc::clone(&input);
        let started = Instant::now();
        let parser = vt100::Parser::new(rows, cols, 0);
        let seen = Arc::new(Mutex::new(Seen { parser, bytes: Vec::new(), pieces: Vec::new() }));
        let keep = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = output.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                let asked = {
                    let mut seen = keep.lock().expect("no reader panics");
                    seen.parser.process(&buffer[..n]);
                    seen.bytes.extend_from_slice(&buffer[..n]);
                    let length = seen.bytes.len();
                    seen.pieces.push((Instant::now(), length));
                    let (row, column) = seen.parser.screen().cursor_position();
                    buffer[..n].windows(4).any(|w| w == b"\x1b[6n").then_some((row + 1, column + 1))
                };
                // As a real terminal does, it tells where the cursor is.
                if let Some((row, column)) = asked {
                    let mut input = answers.lock().expect("no writer panics");
                    let _gone = write!(input, "\x1b[{row};{column}R").and_then(|()| input.flush());
                }
            }
        });
        Self { child, master: pair.master, input, seen, started, home }
    }

    /// What is shown now.
    pub fn screen(&self) -> Screen {
        let seen = self.seen.lock().expect("no reader panics");
        let screen = seen.parser.screen();
        let text = screen.contents().lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n");
        Screen { text, alternate: screen.alternate_screen(), cursor_hidden: screen.hide_cursor() }
    }

    /// Waits until nothing is written for a while, and gives the screen.
    pub async fn settled(&self) -> Screen {
        let mut before = self.bytes().len();
        let mut quiet = std::time::Instant::now();
        wait::until("the screen settles", || {
            let now = self.bytes().len();
            if now != before {
                (before, quiet) = (now, std::time::Instant::now());
            }
            (quiet.elapsed() > std::time::Duration::from_millis(300)).then(|| self.screen())
        })
        .await
    }

    /// What the terminal does with keys and output, as `stty -a` tells it.
    pub fn line_discipline(&self) -> String {
        let name = self.master.tty_name().expect("a pty has a name");
        let told =
            std::process::Command::new("stty").arg("-a").arg("-F").arg(name).output().expect("stty of coreutils");
        String::from_utf8_lossy(&told.stdout).replace('\n', " ")
    }

    /// Its home.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Every byte that was written to the terminal.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().expect("no reader panics").bytes.clone()
    }

    /// What was written, piece by piece, and how long after the start.
    pub fn recording(&self) -> Vec<(Duration, Vec<u8>)> {
        let seen = self.seen.lock().expect("no reader panics");
        let begins = std::iter::once(0).chain(seen.pieces.iter().map(|(_, end)| *end));
        let piece = |((at, end), begin): (&(Instant, usize), usize)| {
            (at.duration_since(self.started), seen.bytes[begin..*end].to_vec())
        };
        seen.pieces.iter().zip(begins).map(piece).collect()
    }

    /// Looks at the emulator's own screen, colours and all.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen.lock().expect("no reader panics").parser.screen())
    }

    /// Waits until the screen shows `text` and gives the screen; panics with what it shows instead.
    pub async fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.text.contains(text)).await.text
    }

    /// Waits until the screen fits.
    pub async fn wait_until(&self, what: &str, fits: impl Fn(&Screen) -> bool) -> Screen {
        let start = std::time::Instant::now();
        loop {
            let screen = self.screen();
            if fits(&screen) {
                return screen;
            }
            assert!(
                start.elapsed() < wait::PATIENCE,
                "not within {:?} on the screen: {what}. It shows:\n{}",
                wait::PATIENCE,
                screen.text
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Types; `\r` is Enter, `\x1b` is Esc.
    pub fn keys(&mut self, keys: &str) {
        let mut input = self.input.lock().expect("no writer panics");
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).expect("the terminal takes keys");
    }

    /// Changes the terminal's size.
    pub fn resize(&mut self, rows: u16, cols: u16) {
        // The screen first: what is drawn for the new size must not meet the old one.
        self.seen.lock().expect("no reader panics").parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a pty can be resized");
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        crate::server::signal(self.child.process_id().expect("it runs"), name);
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        program::resident_kib(self.child.process_id().expect("it runs"))
    }

    /// Waits for its end: the exit code.
    pub async fn ended(&mut self) -> u32 {
        wait::until("the program in the terminal ends", || self.child.try_wait().expect("our own child"))
            .await
            .exit_code()
    }

    /// Ends it (SIGKILL) and gives its home, for the next start.
    pub fn into_home(mut self) -> tempfile::TempDir {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
        let empty = tempfile::tempdir().expect("a folder");
        std::mem::replace(&mut self.home, empty)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the screen:\n{}\n---", self.screen().text);
        }
    }
}
