//! `history`: messages of a room, oldest first.

use std::process::ExitCode;

use chat_common::event::history::Get;
use chat_common::model::Message;
use chat_common::{RoomRef, Seq};

use super::args::HistoryArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::message::Line;
use super::output;
use crate::api::Client;

/// Messages in one request.
const PAGE: usize = 200;
/// Messages looked through for those that a filter keeps.
const SCANNED: usize = 50_000;
/// Messages held for one answer; beyond, page by `--before`.
const MOST: usize = 10_000;

/// Prints them.
pub async fn run(context: Context, args: HistoryArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let room = context.room()?;
    let number = args.number.min(MOST);
    let messages = match (args.after, args.around) {
        (Some(after), _) => newer(&client, room, after, number).await?,
        (_, Some(around)) => {
            let limit = u32::try_from(number.min(PAGE)).ok();
            let get = Get { room: room.clone(), before: None, after: None, around: Some(around), limit };
            client.history(&get).await?.messages
        }
        _ => older(&client, room, args.before, number, |_| true, None).await?,
    };
    print(&context, room, &messages)?;
    if messages.is_empty() {
        output::nothing("there are no messages there", context.quiet);
    }
    Ok(if messages.is_empty() { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}

/// Writes messages as asked for.
pub fn print(context: &Context, room: &RoomRef, messages: &[Message]) -> Result<(), CliError> {
    let colored = context.colored();
    for m in messages {
        let line = Line::message(m, room.to_string());
        if context.json {
            output::json(&line.json())?;
        } else {
            output::line(&line.text(false, colored))?;
        }
    }
    Ok(())
}

/// The last `number` messages before `before` while `wanted` holds, going back page by page; ascending. With `keep`,
/// those of them that it keeps.
pub async fn older(
    client: &Client,
    room: &RoomRef,
    before: Option<Seq>,
    number: usize,
    wanted: impl Fn(&Message) -> bool,
    keep: Option<&(dyn Fn(&Message) -> bool + Sync)>,
) -> Result<Vec<Message>, CliError> {
    let (mut all, mut before, mut scanned) = (Vec::<Message>::new(), before, 0);
    while all.len() < number && scanned < SCANNED {
        let page = if keep.is_some() { PAGE } else { (number - all.len()).min(PAGE) };
        let limit = u32::try_from(page).ok();
        let get = Get { room: room.clone(), before, after: None, around: None, limit };
        let mut page = client.history(&get).await?;
        let (asked, more) = (before, page.has_more);
        // A page that does not lead back would be asked for for ever.
        page.messages.retain(|m| asked.is_none_or(|b| m.seq < b));
        let Some(first) = page.messages.first().map(|m| m.seq) else { break };
        before = Some(first);
        let end = !page.messages.first().is_some_and(&wanted);
        scanned += page.messages.len();
        page.messages.retain(|m| wanted(m) && keep.is_none_or(|keep| keep(m)));
        page.messages.append(&mut all);
        all = page.messages;
        if end || !more {
            break;
        }
    }
    all.drain(..all.len().saturating_sub(number));
    Ok(all)
}

async fn newer(client: &Client, room: &RoomRef, after: Seq, number: usize) -> Result<Vec<Message>, CliError> {
    let (mut all, mut after) = (Vec::<Message>::new(), after);
    while all.len() < number {
        let limit = u32::try_from((number - all.len()).min(PAGE)).ok();
        let get = Get { room: room.clone(), before: None, after: Some(after), around: None, limit };
        let mut page = client.history(&get).await?;
        page.messages.retain(|m| m.seq > after);
        let Some(last) = page.messages.last().map(|m| m.seq) else { break };
        after = last;
        all.append(&mut page.messages);
        if !page.has_more {
            break;
        }
    }
    all.truncate(number);
    Ok(all)
}
