//! Getting one message stored: over REST or over the socket, again where that is safe, into the outbox where asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_common::event::message;
use chat_common::rest::{PostMessage, Posted};
use chat_common::{Clock, ErrorBody, ErrorCode, RoomName, RoomRef, SystemClock};
use tokio::sync::mpsc;

use super::super::args::{SendArgs, Via};
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use crate::api::{ApiError, Client};
use crate::cache::{Cache, OutboxRow, Outgoing, RowState};
use crate::guest;
use crate::net::{self, AnyReply, AnyRequest, LineState, NetEvent, NetHandle};

/// The longest that a server can make one wait for the next try.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The farewell on the socket.
const GOODBYE: Duration = Duration::from_secs(1);

/// What became of a message.
#[derive(Debug)]
pub enum Outcome {
    /// The server has it.
    Stored {
        /// Where, as people name it: perhaps the guest of the name that was given.
        room: RoomRef,
        /// What the server said.
        posted: Posted,
        /// How often it was sent.
        attempts: u32,
        /// How long it took, milliseconds.
        ms: u64,
    },
    /// It is in the outbox.
    Queued {
        /// Why.
        reason: String,
    },
}

/// Delivers messages of one command.
pub struct Deliverer<'a> {
    context: &'a Context,
    args: &'a SendArgs,
    client: Client,
    line: Option<(NetHandle, mpsc::Receiver<NetEvent>)>,
    tag: u64,
    /// Something is in the outbox and cannot go out: what follows has to go behind it.
    behind: Option<String>,
    flushed: bool,
}

/// Only these say that the same request may succeed in a moment.
fn again(e: &CliError) -> bool {
    e.is_retryable()
}

impl<'a> Deliverer<'a> {
    /// Nothing is sent yet.
    pub fn new(context: &'a Context, args: &'a SendArgs) -> Result<Self, CliError> {
        let client = context.client()?;
        Ok(Self { context, args, client, line: None, tag: 0, behind: None, flushed: false })
    }

    /// Gets one message stored, or into the outbox.
    pub async fn deliver(&mut self, message: &Outgoing) -> Result<Outcome, CliError> {
        self.flush().await?;
        if let (true, Some(reason)) = (self.args.queue, self.behind.clone()) {
            return self.queue(message, reason);
        }
        let begin = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.once(message).await {
                Ok((room, posted)) => {
                    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                    return Ok(Outcome::Stored { room, posted, attempts, ms });
                }
                Err(e) => e,
            };
            if attempts <= self.args.retry && again(&error) {
                tokio::time::sleep(pause(&error, attempts)).await;
                continue;
            }
            if self.args.queue && (again(&error) || error.exit == Exit::HostUnknown) {
                return self.queue(message, error.message);
            }
            let mut error = error;
            if error.exit == Exit::Temporary {
                error.hint = Some(format!("repeat with --key {}; a duplicate is dropped", message.client_id));
            }
            error.key = Some(message.client_id.to_string());
            return Err(error);
        }
    }

    /// Says goodbye on the socket, if there is one.
    pub async fn end(self) {
        if let Some((handle, events)) = self.line {
            drop(events);
            handle.shutdown(GOODBYE).await;
        }
    }

    /// One try; where a person is not found, with the guest of that name.
    async fn once(&mut self, message: &Outgoing) -> Result<(RoomRef, Posted), CliError> {
        let error = match self.to(message).await {
            Err(error) if error.exit == Exit::NotFound => error,
            other => return other.map(|posted| (message.room.clone(), posted)),
        };
        // What an answer is to tells whom it is for: there is nothing to guess, the message may be what is not found.
        let guest = guest::conversation(&message.room).filter(|_| message.reply_to.is_none());
        let Some(room) = guest else { return Err(error) };
        let again = Outgoing { room: room.clone(), ..message.clone() };
        match self.to(&again).await {
            Err(second) if second.exit == Exit::NotFound => Err(error),
            other => other.map(|posted| (room, posted)),
        }
    }

    async fn to(&mut self, message: &Outgoing) -> Result<Posted, CliError> {
        match self.args.via {
            Via::Rest => Ok(self.post(message).await?),
            Via::Socket => self.emit(message).await,
        }
    }

    async fn post(&self, message: &Outgoing) -> Result<Posted, ApiError> {
        let body = PostMessage {
            text: message.text.clone(),
            client_id: Some(message.client_id.clone()),
            reply_to: message.reply_to,
        };
        self.client.post(&message.room, &body).await
    }

    async fn emit(&mut self, message: &Outgoing) -> Result<Posted, CliError> {
        let limit = self.context.timeout;
        match tokio::time::timeout(limit, self.emit_unlimited(message)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("no answer from {} in {limit:?}", self.context.server);
                Err(CliError::new(Exit::Temporary, "timeout", text))
            }
        }
    }

    async fn emit_unlimited(&mut self, message: &Outgoing) -> Result<Posted, CliError> {
        self.tag += 1;
        let tag = self.tag;
        let request = || {
            AnyRequest::Send(message::Send {
                room: message.room.clone(),
                text: message.text.clone(),
                client_id: message.client_id.clone(),
                reply_to: message.reply_to,
            })
        };
        let full = |_| CliError::from(ErrorBody::new(ErrorCode::Unavailable, net::Full.to_string()));
        let new = self.line.is_none();
        let (handle, events) = match &mut self.line {
            Some(line) => line,
            None => self.line.insert(net::spawn(self.context.net(&self.client), Arc::new(Cache::in_memory("")?))),
        };
        if !new {
            handle.request(tag, request()).map_err(full)?;
        }
        while let Some(event) = events.recv().await {
            match event {
                NetEvent::Ready(_) if new => handle.request(tag, request()).map_err(full)?,
                NetEvent::Line(LineState::Refused { error }) => return Err(error.into()),
                NetEvent::Line(LineState::Waiting { reason, .. }) if new => {
                    return Err(CliError::new(Exit::Unreachable, "unreachable", reason));
                }
                NetEvent::Reply { tag: answered, result } if answered == tag => {
                    return match result? {
                        AnyReply::Sent(sent) => Ok(Posted {
                            room: room_name(&message.room)?,
                            seq: sent.seq,
                            at: sent.at,
                            duplicate: sent.duplicate,
                        }),
                        _ => Err(CliError::new(Exit::Protocol, "protocol", "the answer is another request's")),
                    };
                }
                _ => {}
            }
        }
        Err(CliError::new(Exit::Bug, "internal", "the line ended by itself"))
    }

    /// Puts a message into the outbox, where the full screen or the next `send --queue` finds it.
    fn queue(&mut self, message: &Outgoing, reason: String) -> Result<Outcome, CliError> {
        let cache = self.context.cache(&self.client)?;
        if cache.push(message, SystemClock.now(), false)?.is_none() {
            return Err(CliError::new(Exit::CannotCreate, "full", "the outbox is full"));
        }
        self.behind = Some(reason.clone());
        Ok(Outcome::Queued { reason })
    }

    /// Sends what waits in the outbox already, in order: what comes now must not overtake it. What somebody typed on
    /// the full screen long ago stays: it is asked about there.
    async fn flush(&mut self) -> Result<(), CliError> {
        if std::mem::replace(&mut self.flushed, true) || !self.context.paths.cache_file().exists() {
            return Ok(());
        }
        let (cache, now) = (self.context.cache(&self.client)?, SystemClock.now());
        if !cache.claimable(now)? {
            return Ok(());
        }
        let young = |r: &OutboxRow| r.patient || now.since(r.written_at) <= net::STALE;
        for row in cache.claim(now)?.into_iter().filter(|r| r.state == RowState::Queued && young(r)) {
            if let Err(reason) = self.flush_row(&cache, row).await? {
                self.behind = Some(reason);
                break;
            }
        }
        cache.release()?;
        Ok(())
    }

    async fn flush_row(&self, cache: &Cache, row: OutboxRow) -> Result<Result<(), String>, CliError> {
        match self.post(&row.message).await {
            Ok(_) => cache.remove(row.position)?,
            Err(ApiError::Refused { body }) if !body.code.is_retryable() => {
                cache.mark(row.position, &RowState::Refused(body), SystemClock.now())?;
            }
            Err(e) => return Ok(Err(e.to_string())),
        }
        Ok(Ok(()))
    }
}

/// How long to wait before the next try.
fn pause(error: &CliError, attempts: u32) -> Duration {
    let own = Duration::from_millis(250).saturating_mul(1 << attempts.min(6));
    error.retry_after_ms.map_or(own, Duration::from_millis).min(LONGEST_WAIT)
}

/// The room of an answer that names none.
fn room_name(room: &RoomRef) -> Result<RoomName, CliError> {
    match room {
        RoomRef::Room(name) => Ok(name.clone()),
        // Only shown as it was asked for.
        RoomRef::Direct(_) => RoomName::parse("dm-").map_err(|e| CliError::usage(e.to_string())),
    }
}
