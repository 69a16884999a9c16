//! `tail`: the last lines of rooms, then what comes.
//!
//! Without following it is REST alone. Following, the line gives each entry once and in order; [`filter`] says which are
//! wanted, [`mod@print`] writes them, [`cursor`] remembers the place.

mod cursor;
mod filter;
mod follow;
mod print;

use std::process::ExitCode;

use chat_common::{RoomRef, UserId};

use super::args::TailArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::history;
use super::message::Line;
use super::output;
use filter::Filter;
use print::Printer;

/// Lines at the beginning unless said otherwise.
const LINES: usize = 10;
/// Lines at the beginning with `--since` and no number.
const SINCE: usize = 10_000;

/// Prints, and follows.
pub fn run(context: &Context, args: &TailArgs) -> Result<ExitCode, CliError> {
    let follow = args.follow || (!args.no_follow && output::is_terminal() && args.until.is_none());
    let runtime = super::runtime()?;
    if follow || args.cursor.is_some() {
        let limit = context.timeout_given.filter(|_| follow);
        runtime.block_on(async {
            let work = follow::run(context, args, follow);
            match limit {
                None => work.await,
                // Nothing wanted came within the time.
                Some(limit) => match tokio::time::timeout(limit, work).await {
                    Ok(result) => result,
                    Err(_) => Ok(Exit::NoMatch.into()),
                },
            }
        })
    } else {
        runtime.block_on(past(context, args))
    }
}

/// How many lines to begin with.
fn lines(args: &TailArgs) -> usize {
    args.number.unwrap_or(if args.since.is_some() { SINCE } else { LINES })
}

/// What is there, and no more.
async fn past(context: &Context, args: &TailArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let me: Option<UserId> = if args.mentions || args.no_self { Some(client.me().await?.user.id) } else { None };
    let filter = Filter::new(args, me);
    let mut printer = Printer::new(context, args);
    for room in &context.rooms {
        for line in earlier(&client, room, None, args, &filter).await? {
            if printer.print(&line).await? {
                return Ok(printer.code());
            }
        }
    }
    Ok(printer.code())
}

/// The last wanted messages before a place, ascending.
async fn earlier(
    client: &crate::api::Client,
    room: &RoomRef,
    before: Option<chat_common::Seq>,
    args: &TailArgs,
    filter: &Filter,
) -> Result<Vec<Line>, CliError> {
    let number = lines(args);
    if number == 0 {
        return Ok(vec![]);
    }
    let young = |m: &chat_common::model::Message| args.since.is_none_or(|since| m.at >= since);
    let wanted = |m: &chat_common::model::Message| filter.wants(&Line::message(m, room.to_string()));
    let keep: Option<&(dyn Fn(&chat_common::model::Message) -> bool + Sync)> =
        if filter.is_active() { Some(&wanted) } else { None };
    let messages = history::older(client, room, before, number, young, keep).await?;
    Ok(messages.iter().map(|m| Line::message(m, room.to_string())).collect())
}
