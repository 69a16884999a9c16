//! The full screen: gives `runtime` what the settings say.

use std::process::ExitCode;

use chat_common::RoomRef;

use super::context::Context;
use super::error::{CliError, Exit};
use crate::runtime::{self, RunOptions};

/// Runs it until it is left.
pub fn run(context: Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let rooms: Vec<RoomRef> = context.rooms.clone();
    let keys = context.screen.keys.iter().map(|(action, k)| (action.clone(), k.keys.clone())).collect();
    let options = RunOptions {
        net: context.net(&client),
        cache: context.cache(&client)?,
        rooms,
        theme: context.screen.theme.clone(),
        keys,
        mouse: context.screen.mouse.unwrap_or(true),
        bell: context.screen.notify.bell.unwrap_or(true),
    };
    let runtime = super::runtime()?;
    runtime.block_on(runtime::run(options)).map_err(|e| CliError::new(Exit::Config, "screen", format!("{e:#}")))
}
