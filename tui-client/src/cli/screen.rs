//! The full screen: gives `runtime` what the settings say, after the form of the first start where nothing is set yet.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use super::args::Global;
use super::context::{Context, env};
use super::error::{CliError, Exit};
use crate::api::guest_name;
use crate::credentials::Credentials;
use crate::runtime::form::{FormOptions, Outcome};
use crate::runtime::{self, Look, RunOptions};

/// Runs it until it is left.
pub fn run(global: Global, name: Option<&str>, plain: bool) -> Result<ExitCode, CliError> {
    let context = Context::new(global.clone(), name)?;
    let plain = plain || context.loaded.file.screen.plain == Some(true);
    if !plain && (!std::io::stdin().is_terminal() || !std::io::stdout().is_terminal()) {
        return Err(CliError::usage("the full screen needs a terminal")
            .hint("without one there are --plain and the commands send, tail, history and others: chat-tui --help"));
    }
    check(&context)?;
    let runtime = super::runtime()?;
    let mut suited = None;
    let context = match !plain && is_first(&global, name, &context) {
        false => context,
        true => {
            let options = form(&context);
            suited = Some(options.suited);
            match runtime.block_on(runtime::form::ask(options)).map_err(|e| failed(&e))? {
                Outcome::Written => Context::new(global, name)?,
                Outcome::Skipped => context,
                Outcome::Left(code) => return Ok(ExitCode::from(code)),
            }
        }
    };
    let client = context.client()?;
    let options = RunOptions {
        net: context.net(&client),
        cache: context.cache(&client)?,
        client,
        rooms: context.rooms,
        loaded: context.loaded,
        source: context.config,
        plain,
        suited,
    };
    runtime.block_on(runtime::run(options)).map_err(|e| failed(&e))
}

fn failed(error: &anyhow::Error) -> CliError {
    let exit = match () {
        () if error.is::<runtime::Broken>() => Exit::Bug,
        () if error.is::<std::io::Error>() => Exit::Io,
        () => Exit::Config,
    };
    CliError::new(exit, "screen", format!("{error:#}"))
}

/// Whether nobody has said anything yet: no file, no session, nothing on the command line or in the environment.
fn is_first(global: &Global, name: Option<&str>, context: &Context) -> bool {
    let silent = name.is_none()
        && global.server.is_none()
        && global.room.is_empty()
        && global.profile.is_none()
        && global.config.is_none()
        && global.token_file.is_none()
        && env("CHAT_TOKEN").is_none()
        && env("CREDENTIALS_DIRECTORY").is_none()
        && env("TERM").is_none_or(|t| t != "dumb");
    let files = context.config.files.iter().map(|(path, _)| path.as_path());
    silent && !files.chain([context.paths.credentials_file().as_path()]).any(Path::exists)
}

fn form(context: &Context) -> FormOptions {
    FormOptions {
        name: guest_name(env("USER").or_else(|| env("LOGNAME")).as_deref()),
        file: context.paths.config_file(),
        shown: runtime::shown(&context.paths.config_file()),
        credentials: Credentials::at(context.paths.credentials_file()),
        profile: context.profile.clone(),
        timeout: context.timeout,
        ca_pem: context.ca_pem(),
        suited: runtime::suited(false),
    }
}

/// Whether the settings of the screen mean something; a mistake is told with its place.
pub fn check(context: &Context) -> Result<(), CliError> {
    let folder = context.config.own().and_then(Path::parent).unwrap_or(Path::new(""));
    let look = Look::read(&context.loaded.file.screen, folder);
    look.map(drop).map_err(|e| CliError::new(Exit::Config, "config", e))
}
