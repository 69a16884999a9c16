//! `whoami`: who the server takes one for.

use std::process::ExitCode;

use chat_common::rest::Me;
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::error::CliError;
use super::output;

/// What `--json` says.
#[derive(Serialize)]
struct Myself<'a> {
    ok: bool,
    server: String,
    profile: &'a str,
    #[serde(flatten)]
    me: &'a Me,
}

/// Prints it.
pub async fn run(context: Context) -> Result<ExitCode, CliError> {
    let me = context.client()?.me().await?;
    if context.json {
        let server = context.server.to_string();
        output::json(&Myself { ok: true, server, profile: &context.profile, me: &me })?;
    } else {
        let kind = json!(me.user.kind);
        output::line(&format!("{} ({}) at {}", me.user.name, kind.as_str().unwrap_or_default(), context.server))?;
    }
    Ok(ExitCode::SUCCESS)
}
