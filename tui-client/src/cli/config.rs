//! `config`: where the file lies, what holds, whether it is right, and an example.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::args::{ConfigArgs, ConfigWhat, Global};
use super::context::{self, Context};
use super::error::{CliError, Exit};
use super::output;
use crate::config;
use crate::settings::TABLE;

/// What `config show --json` says.
#[derive(Serialize)]
struct Shown<'a> {
    server: String,
    profile: &'a str,
    rooms: Vec<String>,
    timeout_ms: u64,
    credentials: PathBuf,
    state: PathBuf,
    settings: BTreeMap<&'static str, Value>,
}

/// One setting: what holds, and where it comes from.
#[derive(Serialize)]
struct Value {
    value: Option<String>,
    from: String,
}

/// Opens the file, made of the example's lines as comments where there is none, and checks what was written.
fn edit(global: &Global) -> Result<(), CliError> {
    let path = match &global.config {
        Some(path) => path.clone(),
        None => context::paths()?.config_file(),
    };
    if !path.exists() {
        config::create(&path, &config::template()).map_err(|e| CliError::io(path.display(), &e))?;
    }
    let set = ["VISUAL", "EDITOR"].into_iter().filter_map(|k| std::env::var(k).ok());
    let editor = set.into_iter().find(|v| !v.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = std::process::Command::new(program).args(words).arg(&path).status().map_err(|e| {
        CliError::new(Exit::NoInput, "editor", format!("the editor {program} cannot be started: {e}"))
            .hint("set VISUAL or EDITOR to one that is installed")
    })?;
    if !status.success() {
        return Err(CliError::new(Exit::Io, "editor", format!("the editor {program} ended with {status}")));
    }
    let checked = Context::new(global.clone(), None).and_then(|context| super::screen::check(&context));
    checked.map_err(|e| if e.hint.is_some() { e } else { e.hint("chat-tui config edit opens it again") })?;
    if !global.quiet {
        output::line(&format!("{} is right", path.display()))?;
    }
    Ok(())
}

fn settings(context: &Context) -> BTreeMap<&'static str, Value> {
    let one = |held: crate::settings::Held| Value { value: held.value, from: held.origin.to_string() };
    TABLE.iter().map(|setting| (setting.key, one(context.loaded.values.get(setting)))).collect()
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
        ConfigWhat::Edit => edit(global)?,
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
                    settings: settings(&context),
                })?;
            } else {
                output::line(&format!("server   {}", context.server))?;
                output::line(&format!("profile  {}", context.profile))?;
                output::line(&format!("rooms    {}", rooms.join(" ")))?;
                output::line(&format!("timeout  {:?}", context.timeout))?;
                output::line(&format!("config   {}", context.paths.config_file().display()))?;
                output::line(&format!("sessions {}", context.paths.credentials_file().display()))?;
                output::line(&format!("outbox   {}", context.paths.cache_file().display()))?;
                output::line("")?;
                for setting in TABLE {
                    let held = context.loaded.values.get(setting);
                    let value = held.value.unwrap_or_else(|| setting.unset.to_owned());
                    let line = format!("{:<10} {value:<28} {}", setting.key, held.origin);
                    output::line(&chat_common::text::visible_line(&line))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
