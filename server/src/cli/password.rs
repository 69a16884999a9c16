//! Where a command gets a password from: a file, a pipe, a person. Never from an argument, which others can see.

use std::io::{IsTerminal, Read, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Bytes read at most; a longer one is refused by the rules for passwords.
const MOST: u64 = 4_096;

/// The password; `None`: one is to be made.
pub fn get(file: Option<&str>, name: &str) -> anyhow::Result<Option<String>> {
    let text = match file {
        Some("-") => read(std::io::stdin().lock()).context("cannot read the password from standard input")?,
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| format!("cannot read the password file {path}"))?;
            read(file).with_context(|| format!("cannot read the password file {path}"))?
        }
        None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => return prompt(name),
        None => return Ok(None),
    };
    if text.is_empty() {
        bail!("the password is empty; put it on the first line");
    }
    Ok(Some(text))
}

/// The first line, without its end.
fn read(from: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn prompt(name: &str) -> anyhow::Result<Option<String>> {
    let first = hidden(&format!("password for {name} (empty: make one): "))?;
    if first.is_empty() {
        return Ok(None);
    }
    if hidden("again: ")? != first {
        bail!("the two passwords are not the same");
    }
    Ok(Some(first))
}

/// Asks without showing what is typed.
fn hidden(question: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    eprint!("{question}");
    std::io::stderr().flush()?;
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let mut line = String::new();
    let got = stdin.read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    got?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "correct horse\r\nsecond line\n").unwrap();
        assert_eq!(get(path.to_str(), "ana").unwrap().as_deref(), Some("correct horse"));
        std::fs::write(&path, "\n").unwrap();
        assert!(get(path.to_str(), "ana").unwrap_err().to_string().contains("empty"));
        assert!(get(Some("/nowhere/p"), "ana").unwrap_err().to_string().contains("/nowhere/p"));
    }
}
