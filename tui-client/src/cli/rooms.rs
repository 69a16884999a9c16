//! `rooms`: public rooms and one's own.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use chat_common::event::room::List;
use chat_common::model::{RoomKind, RoomSummary};
use chat_common::text::visible_line;

use super::args::RoomsArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;
use crate::api::Client;

/// Rooms told at most; a server with more, or one that never ends, is cut and said to be.
const MOST: usize = 5_000;

/// Prints them; on a terminal with a heading, which a script does not get.
pub async fn run(context: Context, args: RoomsArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let asked = args.query.is_some();
    let list = List { query: args.query, after: None, limit: Some(200) };
    let mut heading = !context.json && !context.quiet && std::io::stdout().is_terminal();
    let told = pages(&client, list, |room| {
        if std::mem::take(&mut heading) {
            output::line(&row("ROOM", "KIND", "HERE/OF", "UNREAD", "TOPIC"))?;
        }
        print(&context, &room)
    })
    .await?;
    if told == 0 {
        let text = if asked { "no room has that in its name or topic" } else { "there are no rooms yet" };
        output::nothing(text, context.quiet);
    }
    Ok(if told == 0 { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}

/// Every room of a list, page by page; gives how many there were.
pub(super) async fn pages(
    client: &Client,
    mut list: List,
    mut each: impl FnMut(RoomSummary) -> Result<(), CliError>,
) -> Result<usize, CliError> {
    let mut told = 0;
    loop {
        let page = client.rooms(&list).await?;
        told += page.rooms.len();
        let empty = page.rooms.is_empty();
        page.rooms.into_iter().try_for_each(&mut each)?;
        if page.next.is_none() || page.next == list.after || empty {
            return Ok(told);
        }
        if told >= MOST {
            output::complain("there are more rooms; narrow the list by a part of a name");
            return Ok(told);
        }
        list.after = page.next;
    }
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
    let here = format!("{}/{}", room.present, room.members);
    output::line(&row(&name, kind, &here, &unread, &visible_line(&room.topic)))?;
    Ok(())
}

fn row(name: &str, kind: &str, here: &str, unread: &str, topic: &str) -> String {
    format!("{name:<24} {kind:<8} {here:>7} {unread:>6}  {topic}").trim_end().to_owned()
}
