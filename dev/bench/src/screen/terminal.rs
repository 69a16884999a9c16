//! A program in a terminal of our own: a pty, an emulator that keeps its screen, and the moment at which each change of
//! it was read. What is looked for is looked for in the reading thread, so that no wait of ours is counted.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::oneshot;
use vt100::{Parser, Screen};

/// Columns and rows.
pub type Size = (u16, u16);

/// Looks at the screen after each read; true: it has seen enough.
type Watch = Box<dyn FnMut(&Screen, Instant) -> bool + Send>;

struct Seen {
    parser: Parser,
    watches: Vec<Watch>,
    /// When the screen changed last.
    at: Instant,
}

/// A program and its terminal. Dropped: killed.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    input: Arc<Mutex<Box<dyn Write + Send>>>,
    seen: Arc<Mutex<Seen>>,
    /// Just before the program was started.
    pub started: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pty_size((cols, rows): Size) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

impl Terminal {
    /// Starts `command`.
    pub fn start(command: CommandBuilder, size: Size) -> Result<Self> {
        let pair = native_pty_system().openpty(pty_size(size))?;
        let mut output = pair.master.try_clone_reader()?;
        let input = Arc::new(Mutex::new(pair.master.take_writer()?));
        let seen = Seen { parser: Parser::new(size.1, size.0, 0), watches: Vec::new(), at: Instant::now() };
        let seen = Arc::new(Mutex::new(seen));
        let (keep, answers) = (Arc::clone(&seen), Arc::clone(&input));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n) = output.read(&mut buffer) {
                if n == 0 {
                    return;
                }
                let at = Instant::now();
                answer(&buffer[..n], &answers);
                let mut seen = lock(&keep);
                seen.parser.process(&buffer[..n]);
                seen.at = at;
                seen.look();
            }
        });
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).map_err(|e| anyhow!("the program does not start: {e}"))?;
        Ok(Self { child, master: pair.master, input, seen, started })
    }

    /// The program's process.
    pub fn pid(&self) -> Result<u32> {
        self.child.process_id().context("the program has ended")
    }

    /// Types; the moment just before.
    pub fn press(&self, keys: &str) -> Result<Instant> {
        let mut input = lock(&self.input);
        let at = Instant::now();
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).context("the terminal takes no key")?;
        Ok(at)
    }

    /// Has every picture from now on looked at, this one too.
    pub fn watch(&self, look: impl FnMut(&Screen, Instant) -> bool + Send + 'static) {
        let mut seen = lock(&self.seen);
        seen.watches.push(Box::new(look));
        seen.look();
    }

    /// When the screen fitted first; counted from now on.
    pub fn when(&self, mut fits: impl FnMut(&Screen) -> bool + Send + 'static) -> oneshot::Receiver<Instant> {
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        self.watch(move |screen, at| {
            if !fits(screen) {
                return false;
            }
            if let Some(tell) = tell.take() {
                // Nobody waits any more: as good as told.
                let _ = tell.send(at);
            }
            true
        });
        told
    }

    /// Waits until the screen fits.
    pub async fn wait(
        &self,
        what: &str,
        within: Duration,
        fits: impl FnMut(&Screen) -> bool + Send + 'static,
    ) -> Result<Instant> {
        self.told(what, within, self.when(fits)).await
    }

    /// Waits for what [`Self::when`] promised.
    pub async fn told(&self, what: &str, within: Duration, when: oneshot::Receiver<Instant>) -> Result<Instant> {
        match tokio::time::timeout(within, when).await {
            Ok(at) => at.context("the terminal has ended"),
            Err(_) => bail!("not within {within:?}: {what}. The screen:\n{}", self.text()),
        }
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        lock(&self.seen).parser.screen().contents()
    }

    /// Another size.
    pub fn resize(&self, size: Size) -> Result<()> {
        // The emulator first: what is drawn for the new size must not meet the old one.
        lock(&self.seen).parser.screen_mut().set_size(size.1, size.0);
        self.master.resize(pty_size(size))
    }

    /// Waits for the program's own end.
    pub async fn ended(mut self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("the program does not end. The screen:\n{}", self.text());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Seen {
    fn look(&mut self) {
        let (screen, at) = (self.parser.screen(), self.at);
        self.watches.retain_mut(|look| !look(screen, at));
    }
}

/// Answers what programs ask terminals at the start, as a real one does: its ground, what it is, where its cursor is.
fn answer(bytes: &[u8], input: &Mutex<Box<dyn Write + Send>>) {
    let asked = |question: &[u8]| bytes.windows(question.len()).any(|w| w == question);
    let mut answers = String::new();
    if asked(b"\x1b]11;?") {
        answers.push_str("\x1b]11;rgb:1010/1010/1010\x1b\\");
    }
    if asked(b"\x1b[c") {
        answers.push_str("\x1b[?62;22c");
    }
    if asked(b"\x1b[6n") {
        answers.push_str("\x1b[1;1R");
    }
    if !answers.is_empty() {
        let mut input = lock(input);
        let _gone = input.write_all(answers.as_bytes()).and_then(|()| input.flush());
    }
}

/// The rows of the screen, from the lowest up.
pub fn rows(screen: &Screen) -> Vec<String> {
    let mut rows: Vec<String> = screen.rows(0, screen.size().1).collect();
    rows.reverse();
    rows
}

/// The numbers of our messages (`m0000042 …`) in view.
pub fn numbers(screen: &Screen) -> Vec<u64> {
    let number = |row: &String| {
        let mut rest = row.as_str();
        while let Some(at) = rest.find('m') {
            rest = &rest[at + 1..];
            let digits = rest.get(..DIGITS).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
            if let Some(n) = digits.and_then(|d| d.parse().ok()) {
                return Some(n);
            }
        }
        None
    };
    rows(screen).iter().filter_map(number).collect()
}

/// Digits of a message's number.
const DIGITS: usize = 7;

/// The text of a message: short enough for one row of 80 columns.
pub fn text(n: u64) -> String {
    format!("m{n:07} the build is green again, who reads the log?")
}
