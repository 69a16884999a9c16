//! How far a long command has come, on standard error: one line that is written over on a terminal, else a line for
//! every step.

use std::io::{IsTerminal, Stderr, Write, stderr};
use std::time::{Duration, Instant};

/// A terminal's line is written anew no more often than this.
const BEAT: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: u64 = 30;

/// The line of one command. Dropped, it leaves the cursor on a line of its own.
#[derive(Debug)]
pub struct Bar {
    out: Stderr,
    unit: &'static str,
    terminal: bool,
    step: Option<&'static str>,
    told: Option<Instant>,
}

impl Bar {
    /// The line of a command that counts so.
    pub fn of(unit: &'static str) -> Self {
        let out = stderr();
        Self { terminal: out.is_terminal(), out, unit, step: None, told: None }
    }

    /// `done` of `total`, and which step it is.
    pub fn show(&mut self, step: &'static str, done: u64, total: u64) {
        let new = self.step != Some(step);
        let due = self.told.is_none_or(|told| told.elapsed() >= BEAT);
        let shown = new || (self.terminal && due);
        if !shown {
            return;
        }
        self.step = Some(step);
        self.told = Some(Instant::now());
        let line = line(step, done, total, self.unit);
        // Who does not want to see it has closed standard error.
        let _unread = if self.terminal { write!(self.out, "\r{line}\x1b[K") } else { writeln!(self.out, "{line}") };
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.terminal && self.step.is_some() {
            let _unread = writeln!(self.out);
        }
    }
}

fn line(step: &str, done: u64, total: u64, unit: &str) -> String {
    let part = |whole: u64| done.min(total).saturating_mul(whole).checked_div(total).unwrap_or(whole);
    let full = usize::try_from(part(CELLS)).unwrap_or_default();
    let empty = usize::try_from(CELLS).unwrap_or_default().saturating_sub(full);
    format!("[{}{}] {:>3}% {done} of {total} {unit}, {step}", "#".repeat(full), ".".repeat(empty), part(100))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_says_how_far() {
        assert_eq!(line("users", 0, 4, "rows"), format!("[{}]   0% 0 of 4 rows, users", ".".repeat(30)));
        assert_eq!(
            line("rooms", 2, 4, "rows"),
            format!("[{}{}]  50% 2 of 4 rows, rooms", "#".repeat(15), ".".repeat(15))
        );
        assert_eq!(line("hooks", 4, 4, "rows"), format!("[{}] 100% 4 of 4 rows, hooks", "#".repeat(30)));
        assert!(line("hooks", 0, 0, "rows").contains("100%"));
    }
}
