//! What the state wants done: the network half, the cache's worker, the terminal, the user's editor.

use std::io::Write as _;

use anyhow::Context;
use chat_common::{Clock, RoomName, SystemClock};

use super::store::Write;
use super::{Face, KEPT, MOST_UNSENT, Runtime, compose, convert, hooks, input, opener, signals, terminal};
use crate::app::{Effect, Event, Msg};
use crate::cache::View;
use crate::net::Outgoing;

impl Runtime {
    pub(super) async fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { room, text, client_id, reply_to } => {
                self.unsent.push_back(Outgoing { room, text, client_id, reply_to });
                self.send_unsent();
            }
            Effect::Retry(id) => self.full(self.net.retry(id).is_err()),
            Effect::Discard(id) => self.full(self.net.discard(id).is_err()),
            Effect::Ask { tag, ask } => {
                if let Err(full) = self.net.request(tag, convert::request(*ask)) {
                    let error = chat_common::ErrorBody::new(chat_common::ErrorCode::Unavailable, full.to_string());
                    let answer = Msg::Net(Event::Answer { tag, result: Err(error) });
                    self.later.push_back(answer);
                }
            }
            Effect::Hook { tag, room, ask } => {
                tokio::spawn(hooks::ask(self.client.clone(), tag, room, ask, self.told.clone()));
            }
            Effect::Open(room) => self.full(self.net.open(room).is_err()),
            Effect::Close(room) => {
                self.full(self.net.close(room.clone()).is_err());
                self.write(Write::Forget(room)).await;
            }
            Effect::ReconnectNow => self.net.reconnect_now(),
            Effect::SaveDraft { .. } if matches!(self.face, Face::Plain(_)) => {}
            Effect::SaveDraft { room, text } => self.write(Write::Draft(room, text)).await,
            Effect::SaveView(room) => {
                if let Some(view) = self.view(&room) {
                    self.write(Write::View(Box::new(view))).await;
                }
            }
            Effect::Copy(text) => self.terminal(&terminal::clipboard(&text)),
            Effect::OpenLink(url) if opener::open(&url) => self.app.inform(format!("opening {url}")),
            Effect::OpenLink(url) => {
                self.terminal(&terminal::clipboard(&url));
                self.app.inform(format!("copied {url}"));
            }
            Effect::Alert(alert) => {
                if let Some(sequence) = self.notifier.ring(&alert, SystemClock.now(), minute(&self.app.tz)) {
                    self.terminal(&sequence);
                }
            }
            Effect::Edit(text) => self.edit(&text).await,
            Effect::Redraw => self.redraw(),
            Effect::Suspend => {
                if let Err(error) = self.suspend().await {
                    tracing::warn!(%error, "could not be suspended");
                }
            }
            Effect::NotifyRoom { room, level } => {
                if !self.config.set_room(room, level) {
                    self.app.warn("too many settings are being written; try again in a moment");
                }
            }
            Effect::Set(setting, value) => {
                if !self.config.set(setting, value) {
                    self.app.warn("too many settings are being written; try again in a moment");
                }
            }
            Effect::Quit => self.end = Some(0),
        }
    }

    /// Rings for what came while a room had just rung, unless it was read meanwhile.
    pub(super) fn ring_later(&mut self) {
        let now = SystemClock.now();
        if self.notifier.wake().is_none_or(|at| at > now) {
            return;
        }
        let app = &self.app;
        let unread = |name: &RoomName| app.rooms.iter().any(|r| r.name() == Some(name) && r.unread > 0);
        for sequence in self.notifier.due(now, minute(&app.tz), unread) {
            self.terminal(&sequence);
        }
    }

    /// A command that the line's full queue did not take is not repeated; the user is told.
    fn full(&mut self, full: bool) {
        if full {
            self.app.warn("too much is waiting for the line; try again in a moment");
        }
    }

    fn terminal(&mut self, sequence: &str) {
        let sent = match &mut self.face {
            Face::Full(screen) => screen.send(sequence),
            Face::Plain(_) => {
                let mut out = std::io::stdout().lock();
                out.write_all(sequence.as_bytes()).and_then(|()| out.flush())
            }
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "the terminal took no sequence");
        }
    }

    /// Hands messages to the line in order, as many as it takes.
    pub(super) fn send_unsent(&mut self) {
        while let Some(message) = self.unsent.front() {
            if self.net.send(message.clone()).is_err() {
                break;
            }
            self.unsent.pop_front();
        }
        if self.unsent.len() > MOST_UNSENT {
            self.full(true);
        }
    }

    /// What is kept of a room on disk.
    fn view(&self, name: &RoomName) -> Option<View> {
        let room = self.app.rooms.iter().find(|r| r.name() == Some(name))?;
        let (epoch, first) = self.epochs.get(name)?.clone();
        let mut summary = room.summary.clone()?;
        (summary.read, summary.unread, summary.mentions) = (room.read, room.unread, room.mentions);
        let messages = room.timeline.latest(KEPT);
        Some(View { room: name.clone(), summary: Some(summary), epoch, first, head: room.timeline.head, messages })
    }

    pub(super) async fn suspend(&mut self) -> anyhow::Result<()> {
        if let Face::Full(screen) = &mut self.face {
            screen.leave();
        }
        signals::stop().context("the process cannot be stopped")?;
        // Here the shell has woken it again.
        if let Face::Full(screen) = &mut self.face {
            screen.take_again().context("the terminal cannot be used")?;
        }
        self.app.focused = true;
        self.dirty = true;
        Ok(())
    }

    /// Runs the user's editor; the network is heard meanwhile.
    async fn edit(&mut self, text: &str) {
        let Face::Full(screen) = &mut self.face else { return };
        // Two readers of one terminal would steal each other's keys.
        self.keys.stop().await;
        screen.leave();
        let outcome = run_editor(text).await;
        self.keys = input::listen();
        if let Err(error) = screen.take_again() {
            tracing::warn!(%error, "the terminal could not be taken again");
        }
        self.dirty = true;
        match outcome {
            Ok(text) => self.later.push_back(Msg::Edited(text)),
            Err(error) => self.app.warn(format!("the editor did not work: {error}; set VISUAL or EDITOR")),
        }
    }
}

async fn run_editor(text: &str) -> anyhow::Result<String> {
    let draft = compose::Draft::new(text)?;
    let status = draft.editor().status().await?;
    anyhow::ensure!(status.success(), "it ended with {status}");
    Ok(draft.text()?)
}

/// The minute of the local day.
fn minute(tz: &jiff::tz::TimeZone) -> u16 {
    let now = jiff::Timestamp::now().to_zoned(tz.clone());
    u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).unwrap_or(0)
}
