//! `register`: makes an account and logs in.

use std::process::ExitCode;

use chat_common::rest::Register;

use super::args::RegisterArgs;
use super::context::Context;
use super::error::CliError;
use super::{login, password};

/// Makes it.
pub async fn run(context: Context, args: RegisterArgs) -> Result<ExitCode, CliError> {
    chat_common::UserName::account(&args.account).map_err(|e| CliError::usage(format!("{:?}: {e}", args.account)))?;
    let password = password::ask(args.password_file.as_deref(), &args.account, true)?;
    let request = Register { name: args.account, password, invite: args.invite };
    let session = context.api()?.register(&request).await?;
    login::keep(&context, session).await
}
