//! `config`: where the file lies, what holds, whether it is right, and an example.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::args::{ConfigArgs, ConfigWhat, Global};
use super::context::{self, Context};
use super::error::CliError;
use super::output;
use crate::config;

/// What `config show --json` says.
#[derive(Serialize)]
struct Shown<'a> {
    server: String,
    profile: &'a str,
    rooms: Vec<String>,
    timeout_ms: u64,
    credentials: PathBuf,
    state: PathBuf,
}

/// Does it.
pub fn run(args: &ConfigArgs, global: &Global) -> Result<ExitCode, CliError> {
    match args.what {
        ConfigWhat::Path => {
            let path = match &global.config {
                Some(path) => path.clone(),
                None => context::paths()?.config_file(),
            };
            output::line(&path.display().to_string())?;
        }
        ConfigWhat::Default => output::line(config::EXAMPLE.trim_end())?,
        ConfigWhat::Check => {
            super::screen::check(&Context::new(global.clone(), None)?)?;
            if !global.quiet {
                output::line("the configuration is right")?;
            }
        }
        ConfigWhat::Show => {
            let context = Context::new(global.clone(), None)?;
            let rooms: Vec<String> = context.rooms.iter().map(ToString::to_string).collect();
            if context.json {
                output::json(&Shown {
                    server: context.server.to_string(),
                    profile: &context.profile,
                    rooms,
                    timeout_ms: u64::try_from(context.timeout.as_millis()).unwrap_or(u64::MAX),
                    credentials: context.paths.credentials_file(),
                    state: context.paths.cache_file(),
                })?;
            } else {
                output::line(&format!("server   {}", context.server))?;
                output::line(&format!("profile  {}", context.profile))?;
                output::line(&format!("rooms    {}", rooms.join(" ")))?;
                output::line(&format!("timeout  {:?}", context.timeout))?;
                output::line(&format!("config   {}", context.paths.config_file().display()))?;
                output::line(&format!("sessions {}", context.paths.credentials_file().display()))?;
                output::line(&format!("outbox   {}", context.paths.cache_file().display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
