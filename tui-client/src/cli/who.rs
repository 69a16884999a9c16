//! `who`: who is present in a room.

use std::process::ExitCode;

use chat_common::model::{Status, User, UserKind};
use chat_common::text::visible_line;
use chat_common::{Timestamp, UserId, UserName};
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::error::{CliError, Exit};
use super::output;

/// One of them with `--json`.
#[derive(Serialize)]
struct Present<'a> {
    user: &'a UserName,
    id: UserId,
    display_name: &'a str,
    kind: UserKind,
    status: Status,
    text: Option<&'a str>,
    since: Timestamp,
}

/// Prints them by name; exit 1 if nobody is there.
pub async fn run(context: Context) -> Result<ExitCode, CliError> {
    let present = context.client()?.presence(context.room()?).await?.present;
    for p in &present {
        if context.json {
            let User { id, name, display_name, kind } = &p.user;
            let (text, since) = (p.text.as_deref(), p.since);
            output::json(&Present { user: name, id: *id, display_name, kind: *kind, status: p.status, text, since })?;
        } else {
            let status = json!(p.status);
            let text = visible_line(p.text.as_deref().unwrap_or_default());
            let line = format!("{:<24} {:<8} {text}", p.user.name.as_str(), status.as_str().unwrap_or_default());
            output::line(line.trim_end())?;
        }
    }
    if present.is_empty() {
        output::nothing("nobody is there now", context.quiet);
    }
    Ok(if present.is_empty() { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}
