//! The full screen: gives `runtime` what the settings say.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use super::context::Context;
use super::error::{CliError, Exit};
use crate::keymap::Keymap;
use crate::notify::Rules;
use crate::runtime::{self, RunOptions};
use crate::theme::{NAMES, Theme};

/// Runs it until it is left.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    let plain = context.screen.plain == Some(true);
    if !plain && (!std::io::stdin().is_terminal() || !std::io::stdout().is_terminal()) {
        return Err(CliError::usage("the full screen needs a terminal")
            .hint("without one there are --plain and the commands send, tail, history and others: chat-tui --help"));
    }
    check(context)?;
    let client = context.client()?;
    let options = RunOptions {
        net: context.net(&client),
        cache: context.cache(&client)?,
        rooms: context.rooms.clone(),
        screen: context.screen.clone(),
    };
    let runtime = super::runtime()?;
    runtime.block_on(runtime::run(options)).map_err(|e| {
        let exit = match () {
            () if e.is::<runtime::Broken>() => Exit::Bug,
            () if e.is::<std::io::Error>() => Exit::Io,
            () => Exit::Config,
        };
        CliError::new(exit, "screen", format!("{e:#}"))
    })
}

/// Whether the settings of the screen mean something; a mistake is told with its place.
pub fn check(context: &Context) -> Result<(), CliError> {
    let wrong = |text: String| CliError::new(Exit::Config, "config", text);
    let name = context.screen.keymap.as_deref().unwrap_or("default");
    let mut keymap = Keymap::named(name).map_err(|e| wrong(format!("screen.keymap: {e}")))?;
    keymap.rebind_all(context.screen.bindings()).map_err(|e| wrong(e.to_string()))?;
    Rules::read(&context.screen.notify).map_err(|e| wrong(e.to_string()))?;
    if let Some(theme) = context.screen.theme.as_deref().filter(|t| !NAMES.contains(t)) {
        let text = std::fs::read_to_string(theme).map_err(|e| {
            wrong(format!("the theme {theme:?} is neither built in ({}) nor a file: {e}", NAMES.join(", ")))
        })?;
        Theme::read(&text).map_err(|e| wrong(format!("{theme}: {e}")))?;
    }
    Ok(())
}
