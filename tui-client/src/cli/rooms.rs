//! `rooms`: public rooms and one's own.

use std::process::ExitCode;

use chat_common::event::room::List;
use chat_common::model::{RoomKind, RoomSummary};
use chat_common::text::visible_line;

use super::args::RoomsArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;

/// Rooms told at most; a server with more, or one that never ends, is cut and said to be.
const MOST: usize = 5_000;

/// Prints them.
pub async fn run(context: Context, args: RoomsArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let mut list = List { query: args.query, after: None, limit: Some(200) };
    let mut told = 0;
    loop {
        let page = client.rooms(&list).await?;
        for room in &page.rooms {
            print(&context, room)?;
        }
        told += page.rooms.len();
        if page.next.is_none() || page.next == list.after || page.rooms.is_empty() {
            break;
        }
        if told >= MOST {
            output::complain("there are more rooms; narrow the list by a part of a name");
            break;
        }
        list.after = page.next;
    }
    if told == 0 {
        let text =
            if list.query.is_some() { "no room has that in its name or topic" } else { "there are no rooms yet" };
        output::nothing(text, context.quiet);
    }
    Ok(if told == 0 { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}

fn print(context: &Context, room: &RoomSummary) -> Result<(), CliError> {
    if context.json {
        output::json(room)?;
        return Ok(());
    }
    let name = match &room.peer {
        Some(peer) => format!("@{}", peer.name),
        None => room.room.to_string(),
    };
    let kind = match (room.kind, room.role) {
        (RoomKind::Public, None) => "public",
        (RoomKind::Public, Some(_)) => "joined",
        (RoomKind::Private, _) => "private",
        (RoomKind::Direct, _) => "direct",
    };
    let unread = match (room.unread, room.mentions) {
        (0, _) => String::new(),
        (n, 0) => n.to_string(),
        (n, _) => format!("{n}!"),
    };
    let line = format!(
        "{name:<24} {kind:<8} {:>5} {unread:>6}  {}",
        format!("{}/{}", room.present, room.members),
        visible_line(&room.topic)
    );
    output::line(line.trim_end())?;
    Ok(())
}
