//! `whoami`: who the server takes one for.

use std::process::ExitCode;

use serde_json::json;

use super::context::Context;
use super::error::CliError;
use super::output;

/// Prints it.
pub async fn run(context: Context) -> Result<ExitCode, CliError> {
    let me = context.client()?.me().await?;
    if context.json {
        output::json(&json!({
            "v": 1, "ok": true, "server": context.server.to_string(), "profile": context.profile,
            "user": me.user, "role": me.role, "scopes": me.scopes,
        }))?;
    } else {
        let kind = json!(me.user.kind);
        output::line(&format!("{} ({}) at {}", me.user.name, kind.as_str().unwrap_or_default(), context.server))?;
    }
    Ok(ExitCode::SUCCESS)
}
