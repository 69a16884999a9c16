//! Following: the line's events as lines, each room from its place on.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chat_common::model::Message;
use chat_common::{Clock, Epoch, ErrorCode, RoomName, RoomRef, Seq, SystemClock, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;

use super::super::args::TailArgs;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::message::{Line, Type};
use super::cursor::Cursor;
use super::filter::Filter;
use super::print::Printer;
use super::{earlier, lines};
use crate::api::Client;
use crate::cache::Cache;
use crate::guest;
use crate::net::{self, LineState, NetEvent, NetHandle, Position};

/// The farewell.
const GOODBYE: Duration = Duration::from_secs(1);

/// A room that is followed.
struct Followed {
    /// As asked for, and as it is shown.
    asked: RoomRef,
    epoch: Epoch,
    /// The last entry told or passed over.
    seen: Seq,
    seen_at: Option<Timestamp>,
    /// Without following: up to here.
    until: Option<Seq>,
}

struct Follower<'a> {
    context: &'a Context,
    args: &'a TailArgs,
    follow: bool,
    client: Client,
    printer: Printer<'a>,
    filter: Filter,
    cursor: Option<Cursor>,
    rooms: BTreeMap<RoomName, Followed>,
    /// Rooms that are not joined yet.
    missing: usize,
    /// That the line is up; told when every room is followed.
    online: Option<Line>,
    epoch: Epoch,
}

/// What an event leads to.
enum Next {
    Go,
    /// So many were wanted, or all is told.
    Stop,
}

/// Follows until enough is told, or for ever.
pub async fn run(context: &Context, args: &TailArgs, follow: bool) -> Result<ExitCode, CliError> {
    let server = context.server.to_string();
    let cursor = args.cursor.as_deref().map(|path| Cursor::open(path, &server)).transpose()?;
    let client = context.client()?;
    let (handle, events) = net::spawn(context.net(&client), Arc::new(Cache::in_memory("")?));
    let mut follower = Follower {
        context,
        args,
        follow,
        client,
        printer: Printer::new(context, args),
        filter: Filter::new(args, None),
        cursor,
        rooms: BTreeMap::new(),
        missing: context.rooms.len(),
        online: None,
        epoch: Epoch::default(),
    };
    let result = follower.run(&handle, events).await;
    handle.shutdown(GOODBYE).await;
    result.map(|()| follower.printer.code())
}

impl Follower<'_> {
    async fn run(&mut self, handle: &NetHandle, mut events: mpsc::Receiver<NetEvent>) -> Result<(), CliError> {
        for room in &self.context.rooms {
            self.ask_for(handle, room.clone())?;
        }
        while let Some(event) = events.recv().await {
            if let NetEvent::OpenFailed { room, error } = &event
                && error.code == ErrorCode::NotFound
                && let Some(guest) = guest::conversation(room)
            {
                self.ask_for(handle, guest)?;
                continue;
            }
            if let Next::Stop = self.event(event).await? {
                return Ok(());
            }
        }
        Err(CliError::new(Exit::Bug, "internal", "the line ended by itself"))
    }

    fn ask_for(&self, handle: &NetHandle, room: RoomRef) -> Result<(), CliError> {
        let from = self.cursor.as_ref().and_then(|c| c.get(&room.to_string()));
        handle.follow(room, from).map_err(|e| CliError::new(Exit::Temporary, "unavailable", e.to_string()))
    }

    async fn event(&mut self, event: NetEvent) -> Result<Next, CliError> {
        match event {
            NetEvent::Line(state) => return self.line(state).await,
            NetEvent::Ready(ready) => {
                self.filter.identify(ready.user.id);
                self.epoch = ready.epoch;
            }
            NetEvent::Joined { asked, room, .. } => {
                if !self.rooms.contains_key(&room.room) {
                    self.missing = self.missing.saturating_sub(1);
                    let from = self.cursor.as_ref().and_then(|c| c.get(&asked.to_string()));
                    self.rooms.insert(
                        room.room,
                        Followed {
                            asked,
                            epoch: from.as_ref().map_or_else(|| self.epoch.clone(), |p| p.epoch.clone()),
                            seen: from.as_ref().map_or(Seq::ZERO, |p| p.seq),
                            seen_at: from.and_then(|p| p.at),
                            until: (!self.follow).then_some(room.head),
                        },
                    );
                }
                if self.missing == 0
                    && let Some(line) = self.online.take()
                    && let Next::Stop = self.tell(&line).await?
                {
                    return Ok(Next::Stop);
                }
                return Ok(self.finished());
            }
            NetEvent::OpenFailed { room, error } => {
                let mut e = CliError::from(error);
                e.message = format!("{room}: {}", e.message);
                return Err(e);
            }
            NetEvent::Reset { room, epoch, messages, head, .. } => {
                return self.reset(&room, epoch, messages, head).await;
            }
            NetEvent::Entry(entry) => {
                let Some(room) = self.rooms.get_mut(&entry.room) else { return Ok(Next::Go) };
                (room.seen, room.seen_at) = (entry.seq, Some(entry.at));
                let line = Line::entry(&entry, room.asked.to_string());
                let next = self.tell(&line).await?;
                self.remember(&entry.room)?;
                return Ok(if let Next::Stop = next { next } else { self.finished() });
            }
            NetEvent::Gap { room, after, next, epoch_changed } => {
                return self.gap(&room, after, next, epoch_changed).await;
            }
            NetEvent::Repairing { room, on: false } => {
                // What was passed over without a word (told before under other numbers) counts as told.
                if let Some(r) = self.rooms.get_mut(&room)
                    && let Some(until) = r.until
                {
                    r.seen = r.seen.max(until);
                }
                return Ok(self.finished());
            }
            NetEvent::Hint(hint) => {
                let rooms = &self.rooms;
                let shown = |name: &RoomName| rooms.get(name).map_or(name.to_string(), |r| r.asked.to_string());
                if self.follow
                    && let Some(line) = Line::hint(&hint, shown)
                {
                    return self.tell(&line).await;
                }
            }
            NetEvent::Gone { room } => {
                if let Some(gone) = self.rooms.remove(&room) {
                    let text = format!("{}: you are no longer a member, or the room was deleted", gone.asked);
                    return Err(CliError::new(Exit::NotAllowed, "gone", text));
                }
            }
            _ => {}
        }
        Ok(Next::Go)
    }

    async fn line(&mut self, state: LineState) -> Result<Next, CliError> {
        let mut line = Line::bare(Type::Connection);
        line.at = Some(SystemClock.now());
        match state {
            LineState::Refused { error } => return Err(error.into()),
            LineState::Waiting { reason, .. } if !self.follow => {
                return Err(CliError::new(Exit::Unreachable, "unreachable", reason));
            }
            LineState::Waiting { until, attempt, reason } => {
                line.more.insert("state".to_owned(), json!("waiting"));
                line.more.insert("attempt".to_owned(), json!(attempt));
                line.more.insert("until".to_owned(), json!(until));
                line.more.insert("reason".to_owned(), json!(reason));
                line.note = format!("{reason}; trying again");
            }
            LineState::Online { rtt_ms: None, transport } if self.context.json => {
                line.more.insert("state".to_owned(), json!("online"));
                line.more.insert("transport".to_owned(), json!(transport));
                // Who reads it relies on it: from then on nothing that is said is passed over.
                if self.missing > 0 {
                    self.online = Some(line);
                    return Ok(Next::Go);
                }
            }
            _ => return Ok(Next::Go),
        }
        self.tell(&line).await
    }

    /// The beginning of a room without a place: its last lines.
    async fn reset(
        &mut self,
        name: &RoomName,
        epoch: Epoch,
        messages: Vec<Message>,
        head: Seq,
    ) -> Result<Next, CliError> {
        let Some(asked) = self.rooms.get(name).map(|r| r.asked.clone()) else { return Ok(Next::Go) };
        let number = lines(self.args);
        let here: Vec<Line> = messages.iter().map(|m| Line::message(m, asked.to_string())).collect();
        let here: Vec<Line> = here.into_iter().filter(|l| self.filter.wants(l)).collect();
        let mut all = vec![];
        if here.len() < number
            && let Some(first) = messages.first()
        {
            all = earlier(&self.client, &asked, Some(first.seq), self.args, &self.filter).await?;
        }
        all.extend(here);
        all.drain(..all.len().saturating_sub(number));
        for line in all {
            if let Next::Stop = self.tell(&line).await? {
                self.at(name, epoch, head, messages.last().map(|m| m.at));
                self.remember(name)?;
                return Ok(Next::Stop);
            }
        }
        self.at(name, epoch, head, messages.last().map(|m| m.at));
        self.remember(name)?;
        Ok(self.finished())
    }

    async fn gap(&mut self, name: &RoomName, after: Seq, next: Seq, epoch_changed: bool) -> Result<Next, CliError> {
        let Some(room) = self.rooms.get_mut(name) else { return Ok(Next::Go) };
        if epoch_changed {
            room.epoch = self.epoch.clone();
        }
        room.seen = next.prev();
        let mut line = Line::bare(Type::Gap);
        line.room = Some(room.asked.to_string());
        line.at = Some(SystemClock.now());
        let reason = if epoch_changed { "epoch" } else { "trimmed" };
        line.more.insert("after".to_owned(), json!(after));
        line.more.insert("next".to_owned(), json!(next));
        line.more.insert("reason".to_owned(), json!(reason));
        line.note = if epoch_changed {
            "gap: the server's store was replaced; the numbers begin anew".to_owned()
        } else {
            format!("gap: the server no longer keeps {} to {}", after.next(), next.prev())
        };
        self.tell(&line).await?;
        self.remember(name)?;
        Ok(self.finished())
    }

    async fn tell(&mut self, line: &Line) -> Result<Next, CliError> {
        if !self.filter.wants(line) {
            return Ok(Next::Go);
        }
        Ok(if self.printer.print(line).await? { Next::Stop } else { Next::Go })
    }

    fn at(&mut self, name: &RoomName, epoch: Epoch, seq: Seq, at: Option<Timestamp>) {
        if let Some(room) = self.rooms.get_mut(name) {
            (room.epoch, room.seen) = (epoch, seq);
            room.seen_at = at.or(room.seen_at);
        }
    }

    fn remember(&mut self, name: &RoomName) -> Result<(), CliError> {
        if let (Some(cursor), Some(room)) = (&mut self.cursor, self.rooms.get(name)) {
            let position = Position { epoch: room.epoch.clone(), seq: room.seen, at: room.seen_at };
            cursor.set(&room.asked.to_string(), position)?;
        }
        Ok(())
    }

    /// Without following: whether every room is told up to where it stood.
    fn finished(&self) -> Next {
        // A place under another epoch is not told yet: its gap and what follows are still to come.
        let done = |r: &Followed| r.epoch == self.epoch && r.until.is_some_and(|until| r.seen >= until);
        if !self.follow && self.missing == 0 && self.rooms.values().all(done) { Next::Stop } else { Next::Go }
    }
}
