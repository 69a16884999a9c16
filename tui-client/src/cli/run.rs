//! `run`: runs a command, lets its output through, posts how it ended, and ends with the command's own code.

use std::io::{Read, Write};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::args::{RunArgs, SendArgs, When};
use super::context::Context;
use super::error::CliError;
use super::output;
use super::send;
use crate::app::parts::code;

/// Of the output, at most so much of its end is kept, bytes.
const KEPT: usize = 64 * 1024;
/// Of that, at most so much is posted, bytes: it stays below a message's limit with everything around it.
const POSTED: usize = 6_000;
/// Shells' code for a command that is not there.
const NOT_FOUND: u8 = 127;
/// Shells' code for one that cannot be run.
const NOT_RUN: u8 = 126;

/// Runs it.
pub fn run(mut context: Context, args: &RunArgs) -> Result<ExitCode, CliError> {
    // Checked first: the command is not to be run when nobody can be told.
    context.room()?;
    let (program, arguments) = match args.command.split_first() {
        Some(split) => split,
        None => return Err(CliError::usage("which command? chat-tui run -- COMMAND ARGUMENTS")),
    };
    let begin = Instant::now();
    let child = Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let (status, end) = match child {
        Ok(mut child) => {
            let end = Arc::new(Mutex::new(Vec::new()));
            let readers = [
                child.stdout.take().map(|from| copy(from, std::io::stdout(), Arc::clone(&end))),
                child.stderr.take().map(|from| copy(from, std::io::stderr(), Arc::clone(&end))),
            ];
            let status = child.wait().map_err(|e| CliError::io(program, &e))?;
            for reader in readers.into_iter().flatten() {
                // What a thread has read is kept whatever became of it.
                let _ended = reader.join();
            }
            let end = std::mem::take(&mut *end.lock().unwrap_or_else(PoisonError::into_inner));
            (Ok(status), end)
        }
        Err(error) => {
            output::complain(&format!("{program}: {error}"));
            (Err(error), Vec::new())
        }
    };
    let (own_code, well) = result(&status);
    if match args.on {
        When::Always => true,
        When::Failure => !well,
        When::Success => well,
    } {
        let text = report(args, &status, begin.elapsed(), &end);
        let message =
            SendArgs { message: Some(text), queue: true, retry: 2, key: args.key.clone(), ..SendArgs::default() };
        // The command's own output stands alone on the standard output.
        (context.quiet, context.json) = (true, false);
        if let Err(error) = send::run(&context, &message) {
            output::complain(&format!("the result was not posted: {}", error.message));
        }
    }
    Ok(own_code.into())
}

/// Lets a stream through as it comes, and keeps its end.
fn copy(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    end: Arc<Mutex<Vec<u8>>>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            // Nobody may be reading; the command goes on, and its result is posted.
            let _unread = to.write_all(&buffer[..n]).and_then(|()| to.flush());
            let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
            end.extend_from_slice(&buffer[..n]);
            let surplus = end.len().saturating_sub(KEPT);
            end.drain(..surplus);
        }
    })
}

/// The code to end with, and whether all went well.
fn result(status: &std::io::Result<ExitStatus>) -> (u8, bool) {
    match status {
        Ok(status) => {
            let code = status.code().map(|c| u8::try_from(c & 0xff).unwrap_or(1));
            (code.unwrap_or_else(|| signal(status).map_or(1, |s| 128 + s)), status.success())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (NOT_FOUND, false),
        Err(_) => (NOT_RUN, false),
    }
}

#[cfg(unix)]
fn signal(status: &ExitStatus) -> Option<u8> {
    std::os::unix::process::ExitStatusExt::signal(status).and_then(|s| u8::try_from(s).ok())
}

#[cfg(not(unix))]
fn signal(_: &ExitStatus) -> Option<u8> {
    None
}

/// The message: what was run, how it ended, how long it took, and the end of its output.
fn report(args: &RunArgs, status: &std::io::Result<ExitStatus>, took: Duration, end: &[u8]) -> String {
    let what = args.title.clone().unwrap_or_else(|| {
        let line = chat_common::text::visible_line(&args.command.join(" "));
        format!("`{}`", cut(&line, 200).replace('`', "'"))
    });
    let (mark, how) = match status {
        Ok(status) if status.success() => ("✓", "is done".to_owned()),
        Ok(status) => match (status.code(), signal(status)) {
            (Some(code), _) => ("✗", format!("ended with {code}")),
            (None, Some(signal)) => ("✗", format!("was ended by signal {signal}")),
            (None, None) => ("✗", "ended".to_owned()),
        },
        Err(error) => ("✗", format!("could not be run: {error}")),
    };
    let head = format!("{mark} {what} {how} after {}", span(took));
    let lines = args.output.unwrap_or(if matches!(status, Ok(s) if s.success()) { 0 } else { 20 });
    let tail = last_lines(&plain(&String::from_utf8_lossy(end)), lines);
    if tail.is_empty() { head } else { format!("{head}\n{}", code(&tail, "")) }
}

/// Without what moves the cursor or colours: an escape sequence is dropped, another control character shown.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\u{1b}', Some('[')) => {
                chars.next();
                while chars.next_if(|c| !('\u{40}'..='\u{7e}').contains(c)).is_some() {}
                chars.next();
            }
            ('\u{1b}', Some(']')) => {
                while chars.next_if(|c| *c != '\u{7}' && *c != '\u{1b}').is_some() {}
                chars.next();
                chars.next_if_eq(&'\\');
            }
            ('\u{1b}', _) => {
                chars.next();
            }
            // A line that was written over: only its last state is kept.
            ('\r', Some('\n') | None) => {}
            ('\r', _) => out.truncate(out.rfind('\n').map_or(0, |at| at + 1)),
            _ => out.push(c),
        }
    }
    chat_common::text::visible(&out).into_owned()
}

/// The last lines, as far as they fit.
fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    let mut kept = Vec::new();
    let mut bytes = 0;
    for line in all.iter().rev().take(lines) {
        bytes += line.len() + 1;
        if bytes > POSTED {
            kept.push("…");
            break;
        }
        kept.push(line);
    }
    kept.reverse();
    kept.join("\n")
}

/// At most so many bytes, cut at a character.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`
fn span(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}x\u{1b}]8;;u\u{1b}\\y"), "red xy");
        assert_eq!(plain("10%\r50%\r100%\ndone\r\n"), "100%\ndone\n");
        assert!(!plain("a\u{9b}2J\u{202e}b").chars().any(chat_common::text::is_unsafe));
    }

    #[test]
    fn only_the_end_is_posted() {
        let long: String = (0..100).map(|n| format!("line {n}\n")).collect();
        assert_eq!(last_lines(&long, 2), "line 98\nline 99");
        assert_eq!(last_lines(&long, 0), "");
        let wide = format!("{}\nlast", "x".repeat(POSTED));
        assert_eq!(last_lines(&wide, 5), "…\nlast");
    }

    #[test]
    fn spans_read_well() {
        for (ms, said) in [(400, "0.4 s"), (12_000, "12 s"), (185_000, "3 min 5 s"), (7_440_000, "2 h 4 min")] {
            assert_eq!(span(Duration::from_millis(ms)), said);
        }
    }
}
