//! Does what the machine says: links, tokens, disk, and telling the screen. Decides nothing.
//!
//! Three queues lead in, all bounded: commands (full: the caller is told), links (full: the link gives up and the
//! resume brings what it would have told), and tokens (one at a time). One leads out; while it is full nothing more is
//! read, so the server sees a slow reader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_common::{Clock, SystemClock};
use tokio::sync::mpsc;

use super::state::{Action, Event, Now, State};
use super::transport::{Link, LinkEvent, Transport};
use super::{COMMANDS, Command, EVENTS, NetEvent, NetHandle, NetOptions, Outgoing};
use crate::cache::{Cache, OutboxRow, RowState};
use crate::credentials::{Access, TokenError};

/// Packets of a link waiting to be read.
const PACKETS: usize = 4_096;

struct Supervisor {
    options: NetOptions,
    transport: Arc<dyn Transport>,
    cache: Arc<Cache>,
    state: State,
    start: Instant,
    link: Option<Box<dyn Link>>,
    links: mpsc::Sender<(u64, LinkEvent)>,
    tokens: mpsc::Sender<Result<Access, TokenError>>,
    tell: mpsc::Sender<NetEvent>,
    /// Rows that could not be written to disk are numbered downwards from here.
    unwritten: i64,
}

/// The receiver of events is gone.
struct Unheard;

pub(super) fn spawn(
    options: NetOptions,
    transport: Arc<dyn Transport>,
    cache: Arc<Cache>,
) -> (NetHandle, mpsc::Receiver<NetEvent>) {
    let (commands, wishes) = mpsc::channel(COMMANDS);
    let (tell, events) = mpsc::channel(EVENTS);
    let (links, packets) = mpsc::channel(PACKETS);
    let (tokens, answers) = mpsc::channel(1);
    let seed = crate::cache::random_bits();
    let supervisor = Supervisor {
        state: State::new(options.transport, seed),
        options,
        transport,
        cache,
        start: Instant::now(),
        link: None,
        links,
        tokens,
        tell,
        unwritten: 0,
    };
    tokio::spawn(supervisor.run(wishes, packets, answers));
    (NetHandle { commands }, events)
}

impl Supervisor {
    async fn run(
        mut self,
        mut wishes: mpsc::Receiver<Command>,
        mut packets: mpsc::Receiver<(u64, LinkEvent)>,
        mut answers: mpsc::Receiver<Result<Access, TokenError>>,
    ) {
        let mut done = None;
        let mut event = Some(Event::Tick);
        loop {
            if let Some(event) = event.take()
                && self.step(event).await.is_err()
            {
                break;
            }
            let wake = self.state.wake_at(self.start.elapsed()).unwrap_or(Duration::from_secs(3600));
            let wake = tokio::time::Instant::from_std(self.start + wake);
            event = tokio::select! {
                wish = wishes.recv() => match wish {
                    None => break,
                    Some(Command::Shutdown(tell)) => {
                        done = Some(tell);
                        break;
                    }
                    Some(command) => self.command(command).await,
                },
                Some((conn, event)) = packets.recv() => Some(Event::Link { conn, event }),
                Some(result) = answers.recv() => Some(Event::Token(result)),
                () = tokio::time::sleep_until(wake) => Some(Event::Tick),
                () = self.tell.closed() => break,
            };
        }
        self.link = None;
        self.on_disk((), |cache| cache.release()).await;
        if let Some(done) = done {
            // Nobody waiting any more is as good.
            let _ = done.send(());
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.start.elapsed(), wall: SystemClock.now() }
    }

    async fn command(&mut self, command: Command) -> Option<Event> {
        Some(match command {
            Command::Send(message) => Event::Rows(vec![self.write(message).await]),
            Command::Retry(id) => Event::Retry(id),
            Command::Discard(id) => Event::Discard(id),
            Command::Request { tag, request } => Event::Request { tag, request },
            Command::Open(room) => Event::Open { room, full: false, from: None },
            Command::Follow { room, from } => Event::Open { room, full: true, from },
            Command::Close(room) => Event::Close(room),
            Command::ReconnectNow => Event::ReconnectNow,
            Command::Shutdown(_) => return None,
        })
    }

    /// Writes a message to the outbox. Where the disk will not have it, it is sent from memory all the same: losing it
    /// for sure would be worse than losing it perhaps.
    async fn write(&mut self, message: Outgoing) -> OutboxRow {
        let now = SystemClock.now();
        let copy = message.clone();
        let row = self.on_disk(None, move |cache| cache.push(&copy, now, true)).await;
        row.unwrap_or_else(|| {
            self.unwritten -= 1;
            OutboxRow { position: self.unwritten, message, written_at: now, state: RowState::Queued, patient: false }
        })
    }

    async fn step(&mut self, event: Event) -> Result<(), Unheard> {
        let mut event = Some(event);
        while let Some(e) = event.take() {
            let now = self.now();
            for action in self.state.step(e, now) {
                if let Some(rows) = self.act(action).await? {
                    event = Some(Event::Rows(rows));
                }
            }
        }
        Ok(())
    }

    async fn act(&mut self, action: Action) -> Result<Option<Vec<OutboxRow>>, Unheard> {
        match action {
            Action::Tell(event) => self.tell.send(event).await.map_err(|_| Unheard)?,
            Action::Emit { name, payload } => {
                // A link that is over says so by itself.
                let sent = self.link.as_mut().is_some_and(|link| link.emit(&name, payload));
                tracing::trace!(name, sent, "emit");
            }
            Action::Drop => self.link = None,
            Action::Connect { conn, kind, token } => {
                self.link = None;
                self.link = Some(self.transport.connect(conn, kind, &token, self.links.clone()));
            }
            Action::Token { not } => {
                let (source, answer) = (Arc::clone(&self.options.tokens), self.tokens.clone());
                tokio::spawn(async move {
                    let result = source.access(not.as_deref()).await;
                    // The line is gone: so is the wish.
                    let _ = answer.send(result).await;
                });
            }
            Action::Identified(user) => {
                let owner = Cache::owner(&self.options.server.to_string(), user);
                self.on_disk((), move |cache| cache.identify(&owner)).await;
            }
            Action::Claim => {
                let now = SystemClock.now();
                let rows = self.on_disk(vec![], move |cache| cache.claim(now)).await;
                return Ok((!rows.is_empty()).then_some(rows));
            }
            Action::Remove(position) => self.on_disk((), move |cache| cache.remove(position)).await,
            Action::Mark(position, state) => {
                let now = SystemClock.now();
                self.on_disk((), move |cache| cache.mark(position, &state, now)).await;
            }
        }
        Ok(None)
    }

    /// Does something blocking with the file; a failure is logged and answered by `otherwise`, since the line goes on
    /// without a disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        otherwise: T,
        job: impl FnOnce(&Cache) -> Result<T, crate::cache::CacheError> + Send + 'static,
    ) -> T {
        let cache = Arc::clone(&self.cache);
        match tokio::task::spawn_blocking(move || job(&cache)).await {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => {
                tracing::warn!(%error, "outbox");
                otherwise
            }
            Err(error) => {
                tracing::error!(%error, "outbox");
                otherwise
            }
        }
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
