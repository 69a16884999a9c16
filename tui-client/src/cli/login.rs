//! `login`: opens a session that all programs of the profile share.

use std::process::ExitCode;

use chat_common::rest::{Login, Session};
use serde_json::json;

use super::args::LoginArgs;
use super::context::Context;
use super::error::CliError;
use super::{output, password};

/// Logs in.
pub async fn run(context: Context, args: LoginArgs) -> Result<ExitCode, CliError> {
    let password = password::ask(args.password_file.as_deref(), &args.account, false)?;
    let session = context.api()?.login(&Login { name: args.account, password }).await?;
    keep(&context, session).await
}

/// Keeps a fresh session and says who one is now.
pub async fn keep(context: &Context, session: Session) -> Result<ExitCode, CliError> {
    let user = session.user.clone();
    context.client()?.session().keep(session).await?;
    if context.json {
        output::json(&json!({ "ok": true, "user": user, "server": context.server.to_string() }))?;
    } else if !context.quiet {
        output::line(&format!("logged in as {} at {}", user.name, context.server))?;
    }
    Ok(ExitCode::SUCCESS)
}
