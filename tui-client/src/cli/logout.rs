//! `logout`: ends the session on the server and on disk.

use std::process::ExitCode;

use serde_json::json;

use super::context::Context;
use super::error::{CliError, Exit};
use super::output;

/// Ends it; exit 1 if there is none.
pub async fn run(context: Context) -> Result<ExitCode, CliError> {
    let user = context.client()?.session().end().await?;
    match user {
        Some(user) => {
            if context.json {
                output::json(&json!({ "ok": true, "user": user }))?;
            } else if !context.quiet {
                output::line(&format!("{} is logged out of {}", user.name, context.server))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            output::complain(&format!("nobody is logged in at {}", context.server));
            Ok(Exit::NoMatch.into())
        }
    }
}
