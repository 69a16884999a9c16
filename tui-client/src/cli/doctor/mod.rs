//! `doctor`: looks at everything that has to be right, one line each, and says the way out where something is not.

mod terminal;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use chat_common::text::visible_line;
use serde::Serialize;

use super::args::Global;
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;
use crate::cache::Cache;
use crate::net::{self, LineState, NetEvent};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Right.
    Ok,
    /// It works, with less.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the report; of `--json`, one object.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn new(check: &'static str, state: State, said: impl Into<String>) -> Self {
        Self { check, state, said: said.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn failed(check: &'static str, error: &CliError) -> Self {
        Self { check, state: State::Fail, said: error.message.clone(), hint: error.hint.clone() }
    }
}

/// Looks and tells; ends with the exit code of the first thing that does not work.
pub async fn run(global: Global, name: Option<&str>) -> Result<ExitCode, CliError> {
    let json = global.json;
    let context = match Context::new(global, name).and_then(|c| super::screen::check(&c).map(|()| c)) {
        Ok(context) => context,
        Err(error) => {
            let hint = "chat-tui config edit opens the file, chat-tui config default shows one that is right";
            let error = if error.hint.is_some() { error } else { error.hint(hint) };
            tell(json, &Check::failed("configuration", &error))?;
            return Ok(error.exit.into());
        }
    };
    let file = context.paths.config_file();
    let said = if file.exists() { file.display().to_string() } else { "none; the defaults hold".to_owned() };
    tell(json, &Check::new("configuration", State::Ok, said))?;
    let mut first = None;
    let (files, login) = (files(&context), login(&context).await);
    let up = login.1.is_none();
    for (check, exit) in [files, login] {
        tell(json, &check)?;
        first = first.or(exit);
    }
    // Without a login there is no line; what is wrong is said already.
    if up {
        let (check, exit) = line(&context).await;
        tell(json, &check)?;
        first = first.or(exit);
    }
    for check in terminal::checks() {
        tell(json, &check)?;
    }
    Ok(first.map_or(ExitCode::SUCCESS, ExitCode::from))
}

fn tell(json: bool, check: &Check) -> Result<(), CliError> {
    if json {
        return Ok(output::json(check)?);
    }
    let mark = match check.state {
        State::Ok => "ok  ",
        State::Warn => "warn",
        State::Fail => "FAIL",
    };
    output::line(&format!("{mark}  {:<13} {}", check.check, visible_line(&check.said)))?;
    if let Some(hint) = &check.hint {
        output::line(&format!("{:21}→ {}", "", visible_line(hint)))?;
    }
    Ok(())
}

/// Outbox and drafts can be written.
fn files(context: &Context) -> (Check, Option<Exit>) {
    let path = context.paths.cache_file();
    match context.client().and_then(|client| context.cache(&client)) {
        Ok(_) => (Check::new("files", State::Ok, format!("outbox and drafts in {}", path.display())), None),
        Err(error) => {
            let hint = format!("make {} writable for this user, or set XDG_STATE_HOME", path.display());
            (Check::failed("files", &error).hint(hint), Some(error.exit))
        }
    }
}

/// The server answers, and takes us for somebody.
async fn login(context: &Context) -> (Check, Option<Exit>) {
    let begin = Instant::now();
    let me = match context.client() {
        Ok(client) => client.me().await.map_err(CliError::from),
        Err(error) => Err(error),
    };
    match me {
        Ok(me) => {
            let ms = begin.elapsed().as_millis();
            (Check::new("login", State::Ok, format!("{} at {} ({ms} ms)", me.user.name, context.server)), None)
        }
        Err(error) => {
            let hint = match error.exit {
                Exit::Unreachable | Exit::HostUnknown => "is the server running there? --server URL names another one",
                Exit::NotAllowed => "chat-tui login NAME, or register NAME --invite CODE where guests are not let in",
                Exit::Protocol => "is that a chat-server? check address and versions",
                _ => "try again in a moment",
            };
            let check = Check::failed("login", &error);
            let hint = check.hint.clone().unwrap_or_else(|| hint.to_owned());
            (check.hint(hint), Some(error.exit))
        }
    }
}

/// The live line comes up.
async fn line(context: &Context) -> (Check, Option<Exit>) {
    let work = async {
        let client = context.client()?;
        let (handle, mut events) = net::spawn(context.net(&client), Arc::new(Cache::in_memory("")?));
        let begin = Instant::now();
        let mut found = Err(CliError::new(Exit::Bug, "internal", "the line ended by itself"));
        while let Some(event) = events.recv().await {
            match event {
                NetEvent::Line(LineState::Online { transport, .. }) => {
                    let transport = serde_json::to_value(transport).unwrap_or_default();
                    let by = transport.as_str().unwrap_or("?").to_owned();
                    found = Ok(format!("up by {by} after {} ms", begin.elapsed().as_millis()));
                    break;
                }
                NetEvent::Line(LineState::Refused { error }) => {
                    found = Err(error.into());
                    break;
                }
                NetEvent::Line(LineState::Waiting { reason, .. }) => {
                    found = Err(CliError::new(Exit::Unreachable, "unreachable", reason));
                    break;
                }
                _ => {}
            }
        }
        drop(events);
        handle.shutdown(context.timeout).await;
        found
    };
    let result = match tokio::time::timeout(context.timeout, work).await {
        Ok(result) => result,
        Err(_) => Err(CliError::new(Exit::Temporary, "timeout", format!("not up after {:?}", context.timeout))),
    };
    match result {
        Ok(said) => (Check::new("line", State::Ok, said), None),
        Err(error) => {
            let hint = "a proxy between may not let WebSocket through: try --transport polling";
            (Check::failed("line", &error).hint(hint), Some(error.exit))
        }
    }
}
