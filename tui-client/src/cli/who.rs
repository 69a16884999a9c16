//! `who`: who is present in a room.

use std::process::ExitCode;

use chat_common::text::visible_line;
use serde_json::json;

use super::context::Context;
use super::error::{CliError, Exit};
use super::output;

/// Prints them by name; exit 1 if nobody is there.
pub async fn run(context: Context) -> Result<ExitCode, CliError> {
    let present = context.client()?.presence(context.room()?).await?.present;
    for p in &present {
        let status = json!(p.status);
        if context.json {
            output::json(&json!({
                "v": 1, "user": p.user.name, "id": p.user.id, "display_name": p.user.display_name,
                "kind": p.user.kind, "status": status, "text": p.text, "since": p.since,
            }))?;
        } else {
            let text = visible_line(p.text.as_deref().unwrap_or_default());
            let line = format!("{:<24} {:<8} {text}", p.user.name.as_str(), status.as_str().unwrap_or_default());
            output::line(line.trim_end())?;
        }
    }
    Ok(if present.is_empty() { Exit::NoMatch.into() } else { ExitCode::SUCCESS })
}
