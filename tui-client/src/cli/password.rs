//! Passwords: from a file or a pipe, or asked for on the terminal without being shown.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal;

use super::context::read_line;
use super::error::{CliError, Exit};

/// The terminal as it was, whatever happens.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        // There is no other way to give it back.
        let _ = terminal::disable_raw_mode();
        let _ = writeln!(std::io::stderr());
    }
}

/// A password for `account`; a new one is asked for twice.
pub fn ask(file: Option<&Path>, account: &str, new: bool) -> Result<String, CliError> {
    if let Some(path) = file {
        return read_line(path, "password");
    }
    if !std::io::stdin().is_terminal() {
        return read_line(Path::new("-"), "password").map_err(|e| {
            e.hint("there is no terminal to ask for the password on: pipe it in, or name a file with --password-file")
        });
    }
    let account = chat_common::text::visible_line(account);
    let password = prompt(&format!("password of {account}: "))?;
    if new && prompt("the same again: ")? != password {
        return Err(CliError::new(Exit::Data, "invalid", "the two passwords are not the same"));
    }
    Ok(password)
}

fn prompt(text: &str) -> Result<String, CliError> {
    eprint!("{text}");
    std::io::stderr().flush()?;
    terminal::enable_raw_mode()?;
    let _raw = Raw;
    let mut typed = String::new();
    loop {
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Ok(typed),
            KeyCode::Char('c' | 'd') if control => {
                return Err(CliError::new(Exit::Usage, "cancelled", "cancelled"));
            }
            KeyCode::Char('u') if control => typed.clear(),
            KeyCode::Char(c) if !control => typed.push(c),
            KeyCode::Backspace => drop(typed.pop()),
            _ => {}
        }
    }
}
