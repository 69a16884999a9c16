//! The terminal: taken at the start, given back whole at every end, also on panic, signal and suspension.

use std::cell::RefCell;
use std::io::{self, BufWriter, Stdout, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Frame;

use super::columns;
use super::hyperlink::Linking;
use crate::ui::Links;

/// Whether the terminal is taken now; a panic must not touch one that is not.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Asks for presses and the wheel alone, told in decimal: a mouse that only moves would wake the program, and fill the
/// line over SSH.
const TAKE_MOUSE: &str = "\u{1b}[?1000h\u{1b}[?1006h";

/// The taken terminal. Dropping it gives the terminal back.
pub(super) struct Terminal {
    terminal: ratatui::Terminal<Linking<BufWriter<Stdout>>>,
    /// The addresses of the frame that is drawn.
    links: Rc<RefCell<Links>>,
    /// The mouse may be taken.
    mouse: bool,
    /// It is taken.
    taken: bool,
}

impl Terminal {
    /// Takes the terminal.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        let links = Rc::<RefCell<Links>>::default();
        let backend = Linking::new(BufWriter::with_capacity(64 * 1024, io::stdout()), Rc::clone(&links));
        let screen = Self { terminal: ratatui::Terminal::new(backend)?, links, mouse, taken: mouse };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        // Without wrapping a row that the terminal takes for longer than it is ends at the edge, not in the next row.
        execute!(io::stdout(), EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, EnableFocusChange)?;
        if self.taken {
            execute!(io::stdout(), Print(TAKE_MOUSE))?;
        }
        Ok(())
    }

    /// Takes the mouse, if the settings allow it, or leaves it to the terminal.
    pub(super) fn mouse(&mut self, take: bool) -> io::Result<()> {
        let take = take && self.mouse;
        if std::mem::replace(&mut self.taken, take) == take {
            return Ok(());
        }
        let out = self.terminal.backend_mut();
        if take { execute!(out, Print(TAKE_MOUSE)) } else { execute!(out, DisableMouseCapture) }
    }

    /// Whether the settings let the mouse be taken; it is with the next frame.
    pub(super) fn allow_mouse(&mut self, allowed: bool) {
        self.mouse = allowed;
    }

    /// Gives the terminal back for a while.
    pub(super) fn leave(&mut self) {
        give_back();
    }

    /// Takes it again and draws everything anew.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        self.enter()?;
        self.redraw()
    }

    /// Everything is drawn anew with the next frame. Not by `Terminal::clear`: that asks the terminal where its
    /// cursor is, and the answer would go to the reader of the keys.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Draws a frame in one go, so that it never shows half done; `picture` gives the addresses in it.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>) -> Links) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let links = &self.links;
        let drawn = self.terminal.draw(|frame| {
            *links.borrow_mut() = picture(frame);
            columns::guard(frame.buffer_mut());
        });
        let drawn = drawn.map(drop);
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Sends a sequence that moves nothing on the screen: the bell, a copied text.
    pub(super) fn send(&mut self, sequence: &str) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(sequence.as_bytes())?;
        Write::flush(out)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back; true if it was taken. Failures are left alone: there is nobody to tell.
pub(super) fn give_back() -> bool {
    let taken = TAKEN.swap(false, Ordering::SeqCst);
    if taken {
        let left = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            EnableLineWrap,
            LeaveAlternateScreen,
            Show
        );
        let raw = disable_raw_mode();
        drop((left, raw));
    }
    taken
}

/// The sequence that puts a text on the clipboard, also over SSH (OSC 52).
pub(super) fn clipboard(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", base64(text.as_bytes()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().enumerate().fold(0u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(three >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_copied_text_cannot_end_the_sequence() {
        let sequence = clipboard("\u{7}\u{1b}\\x");
        assert_eq!(sequence.matches('\u{7}').count(), 1);
        assert_eq!(sequence.matches('\u{1b}').count(), 1);
    }
}
