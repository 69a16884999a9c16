//! What the terminal can do: size, letters, colours, widths, clipboard, notifications.

use std::io::{IsTerminal as _, Write as _};

use super::{Check, State};

/// Samples whose width terminals disagree about, and the columns that the full screen counts with.
const SAMPLES: [(&str, &str); 5] = [
    ("é", "an accent"),
    ("字", "a wide letter"),
    ("👍", "an emoji"),
    ("👩‍🚀", "a joined emoji"),
    ("ｱ", "a narrow katakana"),
];

/// Everything about the terminal.
pub(super) fn checks() -> Vec<Check> {
    let interactive = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let mut all = vec![size(interactive), letters(), colours()];
    if interactive {
        all.push(widths());
    }
    all.push(clipboard());
    all.push(notification());
    all
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn size(interactive: bool) -> Check {
    if !interactive {
        return Check::new("terminal", State::Warn, "this is no terminal, so the full screen could not be shown here")
            .hint("run chat-tui doctor by hand in the terminal that is meant");
    }
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns < 40 || rows < 12 => {
            Check::new("terminal", State::Warn, format!("{columns}×{rows}, which is small"))
                .hint("from 40×12 on everything can be reached; 80×24 is comfortable")
        }
        Ok((columns, rows)) => Check::new("terminal", State::Ok, format!("{} {columns}×{rows}", env("TERM"))),
        Err(error) => Check::new("terminal", State::Fail, error.to_string()).hint("is TERM set rightly?"),
    }
}

fn letters() -> Check {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(env).find(|v| !v.is_empty()).unwrap_or_default();
    let upper = set.to_ascii_uppercase();
    if upper.contains("UTF-8") || upper.contains("UTF8") {
        Check::new("letters", State::Ok, set)
    } else {
        let said = if set.is_empty() { "no locale is set".to_owned() } else { format!("the locale is {set}") };
        Check::new("letters", State::Warn, format!("{said}: frames may look broken"))
            .hint("export LANG=C.UTF-8, or set ascii = true under [screen]")
    }
}

fn colours() -> Check {
    let (term, more) = (env("TERM"), env("COLORTERM"));
    if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        Check::new("colours", State::Ok, "none, as NO_COLOR asks; nothing is told by colour alone")
    } else if more == "truecolor" || more == "24bit" {
        Check::new("colours", State::Ok, "16 million")
    } else if term.contains("256color") {
        Check::new("colours", State::Ok, "256")
    } else {
        Check::new("colours", State::Ok, "16")
            .hint("if the terminal has more: TERM=xterm-256color, COLORTERM=truecolor")
    }
}

/// Writes each sample at the line's beginning and asks the terminal where the cursor is.
fn widths() -> Check {
    let wrong = match measure() {
        Ok(wrong) => wrong,
        Err(error) => {
            return Check::new(
                "widths",
                State::Warn,
                format!("the terminal does not say where its cursor is ({error})"),
            )
            .hint("columns may be off beside wide letters; another terminal does better");
        }
    };
    if wrong.is_empty() {
        return Check::new("widths", State::Ok, "wide letters and emoji are as wide as expected");
    }
    Check::new("widths", State::Warn, format!("of another width than expected: {}", wrong.join(", ")))
        .hint("lines with them may be off by a column; update the terminal, or its setting for ambiguous widths")
}

fn measure() -> std::io::Result<Vec<String>> {
    crossterm::terminal::enable_raw_mode()?;
    let measured = (|| {
        let mut wrong = Vec::new();
        let mut out = std::io::stdout();
        for (sample, what) in SAMPLES {
            write!(out, "\r{sample}")?;
            out.flush()?;
            let (column, _) = crossterm::cursor::position()?;
            let expected = unicode_width::UnicodeWidthStr::width(sample);
            if usize::from(column) != expected {
                wrong.push(format!("{what} ({column} instead of {expected})"));
            }
        }
        Ok(wrong)
    })();
    // The samples go before anything else is written, whatever came out.
    let _erased = write!(std::io::stdout(), "\r\u{1b}[K").and_then(|()| std::io::stdout().flush());
    crossterm::terminal::disable_raw_mode()?;
    measured
}

fn clipboard() -> Check {
    if std::env::var_os("TMUX").is_some() {
        return Check::new("clipboard", State::Ok, "by OSC 52, through tmux")
            .hint("tmux passes it on with: set -g set-clipboard on");
    }
    // Apple's terminal and those built on VTE before 0.76.
    let old_vte = env("VTE_VERSION").parse::<u32>().is_ok_and(|v| v < 7_600);
    let none = env("TERM_PROGRAM") == "Apple_Terminal" || old_vte;
    if none {
        return Check::new("clipboard", State::Warn, "this terminal may not know OSC 52")
            .hint("F9 shows the bare text to be copied with the mouse");
    }
    Check::new("clipboard", State::Ok, "by OSC 52, over SSH too; F9 shows the bare text where that does not work")
}

fn notification() -> Check {
    let term = env("TERM");
    if term.is_empty() || term == "dumb" || term == "linux" {
        return Check::new("notification", State::Warn, "the bell alone").hint("a graphical terminal shows more");
    }
    let how = if term.starts_with("rxvt") || term.starts_with("foot") { "OSC 777" } else { "OSC 9" };
    let check = Check::new("notification", State::Ok, format!("bell and {how}"));
    if std::env::var_os("TMUX").is_some() {
        return check.hint("tmux passes it on with: set -g allow-passthrough on");
    }
    check
}
