//! `unread`: rooms in which something waits, those with mentions first; for prompts and status bars.

use std::process::ExitCode;

use chat_common::event::room::List;
use chat_common::model::RoomSummary;
use serde_json::json;

use super::args::UnreadArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;
use super::rooms::pages;

/// Prints them; exit 1 when nothing waits.
pub async fn run(context: Context, args: UnreadArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let mut waiting: Vec<RoomSummary> = Vec::new();
    pages(&client, List { query: None, after: None, limit: Some(200) }, |room| {
        let wanted = !context.rooms_given || context.rooms.iter().any(|asked| room.is_meant(asked));
        if room.role.is_some() && room.unread > 0 && wanted && (!args.mentions || room.mentions > 0) {
            waiting.push(room);
        }
        Ok(())
    })
    .await?;
    waiting.sort_by_key(|room| std::cmp::Reverse((room.mentions > 0, room.unread)));
    let (unread, mentions) = waiting.iter().fold((0, 0), |(u, m), room| (u + room.unread, m + room.mentions));
    if args.total {
        if context.json {
            output::json(&json!({ "ok": true, "unread": unread, "mentions": mentions, "rooms": waiting.len() }))?;
        } else {
            output::line(&(if args.mentions { mentions } else { unread }).to_string())?;
        }
    } else {
        for room in &waiting {
            print(&context, room)?;
        }
        if waiting.is_empty() {
            output::nothing("everything is read", context.quiet);
        }
    }
    Ok(if waiting.is_empty() { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}

fn print(context: &Context, room: &RoomSummary) -> Result<(), CliError> {
    if context.json {
        return Ok(output::json(room)?);
    }
    let name = match &room.peer {
        Some(peer) => format!("@{}", peer.name),
        None => format!("#{}", room.room),
    };
    let mentions = if room.mentions > 0 { format!("  {} for you", room.mentions) } else { String::new() };
    Ok(output::line(&format!("{name:<24} {:>4}{mentions}", room.unread))?)
}
