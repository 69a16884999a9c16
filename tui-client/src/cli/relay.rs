//! `relay push` and `relay listen`: the two clients of the earlier system. Their server may be that system itself.

use std::process::ExitCode;

use chat_common::text::visible_line;
use serde::Serialize;
use serde_json::Value;

use super::args::{RelayCommand, RelayListenArgs, RelayPushArgs};
use super::context::Context;
use super::error::{CliError, Exit};
use super::{output, runtime};
use crate::net::{Heard, listen};

/// `push --json`
#[derive(Serialize)]
struct Taken {
    ok: bool,
}

/// `listen --json`
#[derive(Serialize)]
struct Pushed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a Value,
}

/// Runs either.
pub fn run(context: &Context, command: RelayCommand) -> Result<ExitCode, CliError> {
    match command {
        RelayCommand::Push(args) => runtime()?.block_on(push(context, args)),
        RelayCommand::Listen(args) => runtime()?.block_on(async {
            match context.timeout_given {
                None => follow(context, &args).await,
                Some(time) => match tokio::time::timeout(time, follow(context, &args)).await {
                    Ok(done) => done,
                    // As many as were asked for did not come.
                    Err(_) => Ok(args.count.map_or(ExitCode::SUCCESS, |_| Exit::NoMatch.into())),
                },
            }
        }),
    }
}

async fn push(context: &Context, args: RelayPushArgs) -> Result<ExitCode, CliError> {
    let message = if args.as_json {
        let wrong = |e| CliError::new(Exit::Data, "invalid", format!("MESSAGE is not JSON: {e}"));
        serde_json::from_str(&args.message).map_err(wrong)?
    } else {
        Value::String(args.message)
    };
    let token = args.token.as_deref().map(str::trim).filter(|t| !t.is_empty());
    if token.is_some_and(|t| !t.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(CliError::usage("the relay's token holds characters that no token has"));
    }
    context.api()?.push(token, &message).await.map_err(|e| {
        let error = CliError::from(e);
        if error.exit == Exit::NotAllowed { error.hint("give the relay's token in CHAT_RELAY_TOKEN") } else { error }
    })?;
    if context.json {
        output::json(&Taken { ok: true })?;
    } else if !context.quiet {
        output::line("ok")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn follow(context: &Context, args: &RelayListenArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let mut heard = listen(&context.net(&client));
    let (mut told, mut lost) = (0, false);
    while args.count.is_none_or(|count| told < count) {
        match heard.recv().await {
            Some(Heard::Pushed(message)) => {
                if context.json {
                    output::json(&Pushed { kind: "EmitData", message: &message })?;
                } else {
                    output::line(&shown(&message))?;
                }
                told += 1;
            }
            Some(Heard::Connected) => {
                if !context.quiet && (lost || output::is_terminal()) {
                    output::complain(&format!("listening on {}", context.server));
                }
                lost = false;
            }
            Some(Heard::Lost(reason, wait)) => {
                // Once for an outage, not for every try.
                if !context.quiet && !lost {
                    output::complain(&format!("{reason}; trying again, first in {:.1} s", wait.as_secs_f32()));
                }
                lost = true;
            }
            Some(Heard::Refused(why)) => {
                let none = why.contains("Invalid namespace");
                let said = if none { "this server has no relay".to_owned() } else { why };
                let error = CliError::new(Exit::Protocol, "unsupported", said);
                return Err(if none { error.hint("it is started with chat-server --relay") } else { error });
            }
            None => return Err(CliError::new(Exit::Bug, "internal", "the line ended by itself")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line, whatever was pushed: a text as it is, everything else as JSON, with nothing in it that drives a terminal.
fn shown(message: &Value) -> String {
    match message {
        Value::String(text) => visible_line(text),
        other => visible_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_push_is_one_line_that_drives_no_terminal() {
        for (message, line) in
            [(json!("xin chào"), "xin chào"), (json!(null), "null"), (json!({"a": [1, "x"]}), r#"{"a":[1,"x"]}"#)]
        {
            assert_eq!(shown(&message), line);
        }
        let hostile = shown(&json!("a\u{1b}]52;c;x\u{7}\nb\r\u{9b}2J\u{202e}"));
        assert!(!hostile.chars().any(|c| c == '\n' || chat_common::text::is_unsafe(c)), "{hostile:?}");
    }
}
