//! The full screen.

use std::process::ExitCode;

use super::context::Context;
use super::error::CliError;

/// Starts it.
pub fn run(context: Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let _ = context.net(&client);
    let _ = context.cache(&client)?;
    Ok(ExitCode::SUCCESS)
}
