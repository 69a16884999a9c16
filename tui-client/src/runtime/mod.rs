//! The full screen at work: the loop that takes keys, the network and time to `app::update`, does its effects, and
//! draws when something changed. It decides nothing itself.

mod columns;
#[cfg(test)]
mod columns_tests;
mod compose;
mod configured;
mod convert;
pub mod crash;
mod effects;
pub mod form;
#[doc(hidden)]
pub mod fuzzing;
mod hooks;
mod hyperlink;
mod input;
mod look;
mod opener;
mod plain;
mod reload;
mod signals;
mod store;
mod terminal;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chat_common::{Clock, Epoch, RoomName, RoomRef, Seq, SystemClock};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::api::Client;
use crate::app::{self, App, Effect, Msg, Zone};
use crate::cache::Cache;
use crate::config::{Loaded, Source};
use crate::keymap::{Key, KeyCode};
use crate::net::{self, NetEvent, NetHandle, NetOptions, Outgoing};
use crate::notify::Notifier;
use crate::theme::{self, Theme};
use crate::ui;

use self::configured::Holds;
pub use self::configured::shown;
use self::input::Input;
pub use self::look::Look;
use self::reload::Reload;
use self::signals::{Signals, Wish};
use self::store::Write;
use self::terminal::Terminal;

/// Frames that show what the network told are at least this far apart.
const FRAME: Duration = Duration::from_millis(16);
/// A frame that answers a key comes this long after the one before it at the earliest: whoever types does not wait for
/// the rhythm of a flood, and keys that come faster than anybody types share a frame.
const ANSWER: Duration = Duration::from_millis(4);
/// Events are taken for so long at most before keys are looked for and the screen is shown, however many wait.
const TAKE: Duration = Duration::from_millis(4);
/// Messages of one's own that wait because the line's queue is full; beyond it they are refused.
const MOST_UNSENT: usize = 1_000;
/// A full queue to the line is tried again after this.
const UNSENT_AGAIN: Duration = Duration::from_millis(100);
/// At the end the line gets this long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Messages of a room kept on disk.
const KEPT: usize = 500;

/// How the full screen is started.
#[derive(Debug)]
pub struct RunOptions {
    /// How the server is reached.
    pub net: NetOptions,
    /// The server's REST interface, for what does not go over the line.
    pub client: Client,
    /// Views, drafts, outbox.
    pub cache: Arc<Cache>,
    /// The rooms to open; the last gets the focus.
    pub rooms: Vec<RoomRef>,
    /// What the settings say.
    pub loaded: Loaded,
    /// Where they come from, to be followed.
    pub source: Source,
    /// Line by line was asked for on the command line.
    pub plain: bool,
    /// The look that suits the terminal, where it was found out already.
    pub suited: Option<&'static str>,
}

/// Runs the full screen until it is left.
pub async fn run(options: RunOptions) -> anyhow::Result<ExitCode> {
    let folder = configured::folder(&options.source);
    let look = Look::read(&options.loaded.file.screen, &folder).map_err(anyhow::Error::msg)?;
    let term = std::env::var("TERM").unwrap_or_default();
    let plain = options.plain || options.loaded.file.screen.plain.unwrap_or(term == "dumb");
    let asked = options.suited.is_some() || look.theme.is_none();
    let suited = options.suited.unwrap_or_else(|| suited(look.theme.is_some() || plain));
    let (name, theme) = configured::theme(&look, suited)?;
    let mut seed = [0u8; 16];
    getrandom::fill(&mut seed).context("no randomness from the system")?;
    let (mut app, effects) = App::new(app::Start {
        rooms: options.rooms.clone(),
        seed: u128::from_le_bytes(seed),
        tz: jiff::tz::TimeZone::system(),
        keymap: look.keymap.clone(),
        theme: name,
        now: SystemClock.now(),
    });
    let started = options.loaded.clone();
    let holds = Holds { started, loaded: options.loaded, suited, asked, term, plain, error: None };
    let begin = holds.configured(&look, &options.source, app::settings::By::Start);
    app::update(&mut app, Msg::Configured(Box::new(begin)), SystemClock.now());
    // Where one types line by line nothing can stand in the line already.
    let wanted = |msg: &Msg| !(plain && matches!(msg, Msg::Draft { .. }));
    for msg in store::first(&options.cache, &options.rooms).into_iter().filter(wanted) {
        app::update(&mut app, msg, SystemClock.now());
    }
    let signals = Signals::watch().context("signals cannot be watched")?;
    let face = if plain {
        Face::Plain(plain::Printer::default())
    } else {
        Face::Full(Box::new(Terminal::take(look.mouse).context("the terminal cannot be used")?))
    };
    let keys = if plain { input::lines() } else { input::listen() };
    let (net, events) = net::spawn(options.net, Arc::clone(&options.cache));
    let (writes, writer) = store::worker(Arc::clone(&options.cache));
    let (loaded_send, loaded) = mpsc::channel(16);
    let told = loaded_send.clone();
    let (cache, wanted) = (Arc::clone(&options.cache), options.rooms);
    let (shown, first_frame) = oneshot::channel();
    let loader = tokio::task::spawn_blocking(move || {
        // An error: the program ends before it has shown anything.
        if first_frame.blocking_recv().is_ok() {
            store::rest(&cache, &wanted, &loaded_send);
        }
    });
    let mut runtime = Runtime {
        app,
        theme,
        drawn: ui::Cache::default(),
        face,
        signals,
        keys,
        net,
        events,
        loaded,
        told,
        client: options.client,
        shown: Some(shown),
        writes,
        notifier: Notifier::new(holds.rules(look.rules), &holds.term),
        config: Reload::follow(options.source.clone()),
        source: options.source,
        holds,
        epochs: HashMap::new(),
        unsent: VecDeque::new(),
        later: VecDeque::new(),
        wheel: None,
        dirty: true,
        pressed: false,
        end: None,
    };
    runtime.act(effects).await;
    let outcome = runtime.work().await;
    let Runtime { face, net, writes, unsent, config, .. } = runtime;
    drop(face);
    drop(writes);
    loader.abort();
    config.finish().await;
    net.shutdown(GOODBYE).await;
    // What the line's full queue did not take is sent by the next start.
    for message in unsent {
        if let Err(error) = options.cache.push(&message, SystemClock.now(), false) {
            tracing::warn!(%error, "a message could not be kept");
        }
    }
    writer.await.context("the cache could not be written")?;
    outcome.map(ExitCode::from)
}

/// Asks the terminal for the colour of its ground (OSC 11), before its keys are read. One that does not know the
/// question says so at once by answering the one that follows it.
fn ground_is_light(unneeded: bool) -> Option<bool> {
    use terminal_colorsaurus::{QueryOptions, background_color};
    if unneeded {
        return None;
    }
    let ground = background_color(QueryOptions::default());
    let known = ground.inspect_err(|error| tracing::debug!(%error, "the ground is unknown"));
    known.ok().map(|ground| ground.perceived_lightness() > 0.5)
}

/// The look that suits the terminal, which is asked about its ground only where that is needed.
pub(crate) fn suited(known: bool) -> &'static str {
    theme::suited(|k| std::env::var(k).ok(), || ground_is_light(known))
}

/// Where it is shown.
enum Face {
    /// Drawn.
    Full(Box<Terminal>),
    /// Told line by line.
    Plain(plain::Printer),
}

struct Runtime {
    app: App,
    theme: Theme,
    drawn: ui::Cache,
    face: Face,
    signals: Signals,
    keys: input::Keys,
    net: NetHandle,
    events: mpsc::Receiver<NetEvent>,
    loaded: mpsc::Receiver<Msg>,
    /// Where tasks tell what came of them.
    told: mpsc::Sender<Msg>,
    client: Client,
    /// Told once, after the first frame: only then is more read than it shows.
    shown: Option<oneshot::Sender<()>>,
    writes: mpsc::Sender<Write>,
    notifier: Notifier,
    config: Reload,
    source: Source,
    holds: Holds,
    /// The lineage of each room's numbers and its oldest entry, for what is kept on disk.
    epochs: HashMap<RoomName, (Epoch, Seq)>,
    unsent: VecDeque<Outgoing>,
    /// Messages of our own making, for the next turn of the loop.
    later: VecDeque<Msg>,
    /// Lines the wheel was turned since the last frame, and over what.
    wheel: Option<(Zone, i32)>,
    dirty: bool,
    /// A key waits for the frame that answers it.
    pressed: bool,
    end: Option<u8>,
}

impl Runtime {
    /// The loop; gives the exit code.
    async fn work(&mut self) -> anyhow::Result<u8> {
        let mut last_frame: Option<Instant> = None;
        loop {
            if let Some(code) = self.end {
                return Ok(code);
            }
            while let Some(msg) = self.later.pop_front() {
                self.tell(msg).await;
            }
            let frame_due = last_frame.map(|t| t + if self.pressed { ANSWER } else { FRAME });
            if self.dirty && frame_due.is_none_or(|t| t <= Instant::now()) {
                self.pressed = false;
                self.frame().await?;
                last_frame = Some(Instant::now());
                if let Some(shown) = self.shown.take() {
                    // Nobody listens: there is nothing more to read.
                    let _ = shown.send(());
                }
                continue;
            }
            let wake = self.wake(frame_due);
            tokio::select! {
                key = self.keys.next() => match key {
                    Some(event) => self.input(event).await,
                    None if matches!(self.face, Face::Plain(_)) => self.finish(0).await,
                    // The terminal is gone: as if the line had been hung up.
                    None => self.finish(129).await,
                },
                event = self.events.recv() => match event {
                    Some(event) => self.network(event).await,
                    None => return Err(Broken("the network half has ended").into()),
                },
                Some(msg) = self.loaded.recv() => self.tell(msg).await,
                told = self.config.next() => self.configured(told).await,
                wish = self.signals.next() => match wish {
                    Wish::End(code) => self.finish(code).await,
                    Wish::Suspend => self.suspend().await?,
                },
                () = sleep(wake) => {
                    self.send_unsent();
                    self.ring_later();
                    self.tell(Msg::Tick).await;
                }
            }
            if self.drain().await {
                // The reader of the keys and the line live on this thread too.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes what waits already, so that one frame shows it all; true if more waits.
    async fn drain(&mut self) -> bool {
        let until = Instant::now() + TAKE;
        while self.end.is_none() {
            if let Some(event) = self.keys.waiting() {
                self.input(event).await;
                continue;
            }
            if self.pressed || Instant::now() >= until {
                return true;
            }
            match self.events.try_recv() {
                Ok(event) => self.network(event).await,
                Err(_) => return false,
            }
        }
        false
    }

    /// When something is due: a frame, a time of the state, a full queue.
    fn wake(&self, frame_due: Option<Instant>) -> Option<Instant> {
        let now = Instant::now();
        let due = self.app.next_wake().map(|t| now + t.since(SystemClock.now()));
        let frame = frame_due.filter(|_| self.dirty);
        let unsent = (!self.unsent.is_empty()).then(|| now + UNSENT_AGAIN);
        let bell = self.notifier.wake().map(|t| now + t.since(SystemClock.now()));
        due.into_iter().chain(frame).chain(unsent).chain(bell).min()
    }

    async fn frame(&mut self) -> anyhow::Result<()> {
        let mut seen = app::Drawn { at_end: true, ..app::Drawn::default() };
        let (app, theme, cache) = (&self.app, &self.theme, &mut self.drawn);
        match &mut self.face {
            Face::Full(screen) => {
                screen.mouse(!app.bare).context("the terminal cannot be used")?;
                screen
                    .draw(|frame| {
                        seen = ui::draw(app, theme, cache, frame);
                        cache.links().clone()
                    })
                    .context("the terminal cannot be drawn on")?;
            }
            Face::Plain(printer) => {
                let news = printer.news(app);
                if !news.is_empty() {
                    // What is printed is read: another picture than before.
                    seen.height = app.drawn.height.wrapping_add(1);
                    let mut out = std::io::stdout().lock();
                    news.iter().try_for_each(|line| writeln!(out, "{line}")).context("cannot write")?;
                }
                if plain::Printer::is_told(app) {
                    self.later.push_back(Msg::Key(Key::plain(KeyCode::Esc)));
                }
            }
        }
        self.dirty = false;
        self.wheel = None;
        if seen != self.app.drawn {
            let before = seen_changes(&self.app);
            self.tell(Msg::Drawn(seen)).await;
            self.dirty = before != seen_changes(&self.app);
        }
        Ok(())
    }

    async fn input(&mut self, event: crossterm::event::Event) {
        if let (Face::Plain(_), crossterm::event::Event::Paste(line)) = (&self.face, &event) {
            let line = line.clone();
            return self.line(line).await;
        }
        if let crossterm::event::Event::Key(_) = event {
            crash::provoke("key");
        }
        // Where the system does not tell of changes, whoever comes back from an editor brings them.
        if !watch::TOLD && matches!(event, crossterm::event::Event::FocusGained) {
            self.config.look();
        }
        match input::read(event, &self.drawn) {
            Input::Msg(Msg::Scroll(zone, lines)) => {
                // Counted from what the last frame showed: faster turns than frames must not be lost.
                let before = self.wheel.filter(|(z, _)| *z == zone && zone != Zone::List).map_or(0, |(_, n)| n);
                let lines = before.saturating_add(lines);
                self.wheel = Some((zone, lines));
                self.tell(Msg::Scroll(zone, lines)).await;
            }
            Input::Msg(msg) => self.tell(msg).await,
            Input::Resized => {
                // Several sizes may have passed, and the terminal may have cut what stood outside one of them.
                self.dirty = true;
                self.redraw();
            }
            Input::Nothing => return,
        }
        self.pressed = true;
    }

    /// A line typed where lines are all there is.
    async fn line(&mut self, line: String) {
        if let Some(app::Overlay::Confirm { .. }) = self.app.overlay {
            let key = if plain::is_yes(&line) { KeyCode::Char('y') } else { KeyCode::Esc };
            self.tell(Msg::Key(Key::plain(key))).await;
            return self.app.drop_line();
        }
        if self.app.overlay.is_some() {
            self.tell(Msg::Key(Key::plain(KeyCode::Esc))).await;
        }
        self.tell(Msg::Paste(line)).await;
        self.tell(Msg::Key(Key::plain(KeyCode::Enter))).await;
        // What was refused has been said why; the next line begins anew. What is asked about stands until the answer.
        if self.app.overlay.is_none() {
            self.app.drop_line();
        }
    }

    fn redraw(&mut self) {
        if let Face::Full(screen) = &mut self.face
            && let Err(error) = screen.redraw()
        {
            tracing::warn!(%error, "the screen could not be cleared");
        }
    }

    async fn network(&mut self, event: NetEvent) {
        match &event {
            NetEvent::Reset { room, epoch, first, .. } => {
                self.epochs.insert(room.clone(), (epoch.clone(), *first));
            }
            NetEvent::Gone { room } => {
                self.epochs.remove(room);
                self.write(Write::Forget(room.clone())).await;
            }
            _ => {}
        }
        if let Some(event) = convert::event(event) {
            self.tell(Msg::Net(event)).await;
        }
    }

    async fn tell(&mut self, msg: Msg) {
        let effects = app::update(&mut self.app, msg, SystemClock.now());
        self.dirty = true;
        self.act(effects).await;
    }

    async fn write(&self, write: Write) {
        if self.writes.send(write).await.is_err() {
            tracing::warn!("the cache's worker has ended");
        }
    }

    async fn finish(&mut self, code: u8) {
        let effects = app::update(&mut self.app, Msg::Quit, SystemClock.now());
        self.act(effects).await;
        self.end = Some(code);
    }

    async fn act(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.effect(effect).await;
        }
    }
}

/// Something of ours has ended that must not.
#[derive(Debug, thiserror::Error)]
#[error("{0}; please report this")]
pub struct Broken(&'static str);

/// What was seen changes the picture only in these.
fn seen_changes(app: &App) -> impl PartialEq + use<> {
    let room = app.room().map(|r| (r.below, r.unread));
    (room, app.thread.as_ref().map(|t| t.below), app.drawn.at_end, app.drawn.rows.is_empty())
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
