//! Writing lines: JSON, text, a template, or into a program.

use std::process::{ExitCode, Stdio};

use tokio::io::AsyncWriteExt as _;

use super::super::args::TailArgs;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::message::{Line, Type};
use super::super::output;

/// Writes lines and counts them.
#[derive(Debug)]
pub struct Printer<'a> {
    context: &'a Context,
    args: &'a TailArgs,
    colored: bool,
    with_room: bool,
    told: usize,
}

impl<'a> Printer<'a> {
    /// As the options say.
    pub fn new(context: &'a Context, args: &'a TailArgs) -> Self {
        Self { context, args, colored: context.colored(), with_room: context.rooms.len() > 1, told: 0 }
    }

    /// Writes one line and flushes it; true when so many were wanted and no more.
    pub async fn print(&mut self, line: &Line) -> Result<bool, CliError> {
        let aside = matches!(line.kind, Type::Gap | Type::Connection);
        if self.args.silent {
            // Only counted.
        } else if self.context.json {
            output::json(&line.json())?;
        } else if line.kind == Type::Connection {
            if !self.context.quiet {
                output::complain(&line.note);
            }
            return Ok(false);
        } else if let (Some(template), false) = (&self.args.format, aside) {
            output::line(&line.format(template))?;
        } else {
            output::line(&line.text(self.with_room, self.colored))?;
        }
        if let (Some(command), false) = (&self.args.exec, aside) {
            exec(&command.0, &output::json_text(&line.json())?).await?;
        }
        if !aside {
            self.told += 1;
        }
        Ok(self.args.count.is_some_and(|count| self.told >= count))
    }

    /// 0 if anything was told, 1 if not and something was looked for.
    pub fn code(&self) -> ExitCode {
        let looked = self.args.grep.is_some() || self.args.mentions || !self.args.from.is_empty();
        if self.told == 0 && (looked || self.args.count.is_some()) { Exit::NoMatch.into() } else { ExitCode::SUCCESS }
    }
}

/// Runs a program with one line of JSON on its standard input, and waits for it: the next line is not read before, so
/// a slow program slows the reading down rather than pile up.
async fn exec(words: &[String], json: &str) -> Result<(), CliError> {
    let [program, arguments @ ..] = words else { return Ok(()) };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| CliError::new(Exit::NoInput, "exec", format!("--exec {program}: {e}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read its input.
        let _ = stdin.write_all(format!("{json}\n").as_bytes()).await;
    }
    let status = child.wait().await.map_err(|e| CliError::io(program, &e))?;
    if !status.success() {
        output::complain(&format!("--exec {program} ended with {status}"));
    }
    Ok(())
}
