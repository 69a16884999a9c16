//! `search`: messages that hold words, newest first.

use std::collections::HashMap;
use std::process::ExitCode;

use chat_common::event::history::{Has, Search};
use chat_common::event::room::List;

use super::args::SearchArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use super::message::Line;
use super::output;
use super::rooms::pages;

/// Prints what is found; exit 1 if that is nothing.
pub async fn run(context: Context, args: SearchArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let filtered = args.from.is_some() || args.links || args.mentions || args.since.is_some() || args.until.is_some();
    if args.words.is_empty() && !filtered {
        return Err(CliError::usage("say what to search for: words, or a filter as --from"));
    }
    let mut search = Search {
        query: args.words.join(" "),
        // Everywhere, unless a room is named for this search.
        room: if context.rooms_given { Some(context.room()?.clone()) } else { None },
        from: args.from,
        since: args.since,
        until: args.until,
        has: args.links.then_some(Has::Link),
        mention: args.mentions.then_some(true),
        after: None,
        limit: None,
    };
    let (mut left, colored, mut found) = (args.number, context.colored(), false);
    // A conversation's own name says nothing; it is called after the other one.
    let (mut names, mut asked) = (HashMap::new(), context.json);
    while left > 0 {
        search.limit = u32::try_from(left.min(200)).ok();
        let page = client.search(&search).await?;
        if page.messages.is_empty() {
            break;
        }
        if !asked && page.messages.iter().any(|m| m.room.is_direct()) {
            asked = true;
            pages(&client, List { query: None, after: None, limit: Some(200) }, |room| {
                names.extend(room.peer.map(|peer| (room.room, format!("@{}", peer.name))));
                Ok(())
            })
            .await?;
        }
        for m in page.messages.iter().take(left) {
            found = true;
            let line = Line::message(m, names.get(&m.room).cloned().unwrap_or_else(|| m.room.to_string()));
            if context.json {
                output::json(&line.json())?;
            } else {
                output::line(&line.text(true, colored))?;
            }
        }
        left = left.saturating_sub(page.messages.len());
        // A cursor that does not move would be asked for for ever.
        if page.next.is_none() || page.next == search.after {
            break;
        }
        search.after = page.next;
    }
    if !found {
        output::nothing("no message was found", context.quiet);
    }
    Ok(if found { ExitCode::SUCCESS } else { Exit::NoMatch.into() })
}
