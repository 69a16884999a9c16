//! `send`: takes a text, gets it stored, and says so. The message's key is made once, so that every repeat is safe.
//!
//! [`input`] finds the text and cuts it up, [`deliver`] gets one message stored.

mod deliver;
pub(super) mod input;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use chat_common::text::{TextError, clean};
use chat_common::{ClientId, Limits, RoomRef, Seq, Timestamp};
use clap::CommandFactory as _;
use serde::Serialize;

use super::args::{Cli, OnEmpty, SendArgs};
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;
use crate::cache::{Outgoing, new_client_id};
use deliver::{Deliverer, Outcome};
use input::Texts;

/// What `--json` says of a message that is stored.
#[derive(Serialize)]
struct Stored<'a> {
    ok: bool,
    room: &'a RoomRef,
    seq: Seq,
    at: Timestamp,
    key: &'a ClientId,
    duplicate: bool,
    attempts: u32,
    ms: u64,
}

/// Of one that waits in the outbox.
#[derive(Serialize)]
struct Queued<'a> {
    ok: bool,
    queued: bool,
    room: &'a RoomRef,
    key: &'a ClientId,
    reason: &'a str,
}

/// Of one that is not sent.
#[derive(Serialize)]
struct Dry<'a> {
    ok: bool,
    dry_run: bool,
    room: &'a RoomRef,
    key: &'a ClientId,
    text: &'a str,
    reply_to: Option<Seq>,
}

/// Sends.
pub fn run(context: &Context, args: &SendArgs) -> Result<ExitCode, CliError> {
    let nothing_given = args.message.is_none() && args.words.is_empty() && args.file.is_none();
    if nothing_given && std::io::stdin().is_terminal() {
        let mut command = Cli::command();
        if let Some(send) = command.find_subcommand_mut("send") {
            output::complain("there is nothing to send: give a message, -m TEXT, -f FILE, or pipe it in");
            output::complain(&send.render_usage().to_string());
        }
        return Ok(Exit::Usage.into());
    }
    let room = context.room()?.clone();
    let texts = Texts::open(args)?;
    super::runtime()?.block_on(all(context, args, &room, texts))
}

/// Sends every message that the input gives, in order; the first failure ends it.
async fn all(context: &Context, args: &SendArgs, room: &RoomRef, mut texts: Texts) -> Result<ExitCode, CliError> {
    let limit = Limits::default().text_bytes;
    let mut keys = Keys { first: args.key.clone(), used: 0 };
    let mut deliverer = Deliverer::new(context, args)?;
    let mut any = false;
    while let Some(text) = texts.next().await? {
        for part in input::parts(text, args, limit) {
            if part.trim().is_empty() {
                continue;
            }
            any = true;
            let message = Outgoing { room: room.clone(), text: part, client_id: keys.next()?, reply_to: args.reply_to };
            check(&message, limit)?;
            if args.dry_run {
                say_dry(context, &message)?;
                continue;
            }
            let outcome = deliverer.deliver(&message).await?;
            say(context, args, room, &message, &outcome)?;
        }
    }
    deliverer.end().await;
    if any || args.on_empty == OnEmpty::Skip {
        return Ok(ExitCode::SUCCESS);
    }
    Err(CliError::new(Exit::Data, "empty", "the text is empty").hint("--on-empty skip makes that no mistake"))
}

/// The first key as given, further ones with a number; or each one fresh.
struct Keys {
    first: Option<ClientId>,
    used: u32,
}

impl Keys {
    fn next(&mut self) -> Result<ClientId, CliError> {
        self.used += 1;
        match &self.first {
            None => Ok(new_client_id()),
            Some(key) if self.used == 1 => Ok(key.clone()),
            Some(key) => ClientId::parse(&format!("{key}-{}", self.used))
                .map_err(|e| CliError::usage(format!("--key is too long for several messages: {e}"))),
        }
    }
}

/// What the server would refuse is refused here, with a better sentence.
fn check(message: &Outgoing, limit: usize) -> Result<(), CliError> {
    match clean(&message.text, limit) {
        Ok(_) => Ok(()),
        Err(e @ TextError::TooLong { .. }) => {
            Err(CliError::new(Exit::Data, "too_large", e.to_string()).hint("--split sends it as several messages"))
        }
        Err(e) => Err(CliError::new(Exit::Data, "invalid", e.to_string())),
    }
}

fn say_dry(context: &Context, message: &Outgoing) -> Result<(), CliError> {
    if context.json {
        let (room, key) = (&message.room, &message.client_id);
        output::json(&Dry { ok: true, dry_run: true, room, key, text: &message.text, reply_to: message.reply_to })?;
    } else {
        output::line(&format!("would send to {}: {}", name(&message.room), output::indented(&message.text)))?;
    }
    Ok(())
}

fn name(room: &RoomRef) -> String {
    match room {
        RoomRef::Room(room) => format!("#{room}"),
        RoomRef::Direct(user) => format!("@{user}"),
    }
}

fn say(
    context: &Context,
    args: &SendArgs,
    room: &RoomRef,
    message: &Outgoing,
    outcome: &Outcome,
) -> Result<(), CliError> {
    if args.tee {
        output::line(&chat_common::text::visible(&message.text))?;
    }
    let spoken = output::is_terminal() && !context.quiet && !args.tee;
    match outcome {
        Outcome::Stored { room, posted, attempts, ms } => {
            if context.json {
                output::json(&Stored {
                    ok: true,
                    room,
                    seq: posted.seq,
                    at: posted.at,
                    key: &message.client_id,
                    duplicate: posted.duplicate,
                    attempts: *attempts,
                    ms: *ms,
                })?;
            } else if spoken {
                output::line(&format!("sent {} {}", name(room), posted.seq))?;
            }
        }
        Outcome::Queued { reason } => {
            if context.json {
                output::json(&Queued { ok: true, queued: true, room, key: &message.client_id, reason })?;
            } else if !context.quiet {
                output::line(&format!("queued {} ({})", name(room), chat_common::text::visible_line(reason)))?;
            }
        }
    }
    Ok(())
}
