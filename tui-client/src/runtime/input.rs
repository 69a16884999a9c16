//! What the terminal tells, as messages.

use crossterm::event::{
    Event, EventStream, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::Msg;
use crate::keymap::{Key, KeyCode};
use crate::ui;

/// Lines the wheel moves.
const WHEEL: i32 = 3;

/// Events waiting to be taken; full: the terminal's own buffer waits.
const WAITING: usize = 256;

/// The terminal's events, read by a task of its own: a stream that is polled without being awaited loses its wake-up.
pub(super) struct Keys {
    events: mpsc::Receiver<Event>,
    reader: Option<JoinHandle<()>>,
}

/// Begins to read lines instead, each as a paste. The thread is left alone at the end: nothing can stop a read, and
/// the process does not wait for it.
pub(super) fn lines() -> Keys {
    let (send, events) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if send.blocking_send(Event::Paste(line)).is_err() {
                return;
            }
        }
    });
    Keys { events, reader: None }
}

/// Begins to read the terminal.
pub(super) fn listen() -> Keys {
    let (send, events) = mpsc::channel(WAITING);
    let reader = tokio::spawn(async move {
        let mut stream = EventStream::new();
        while let Some(Ok(event)) = stream.next().await {
            if send.send(event).await.is_err() {
                return;
            }
        }
    });
    Keys { events, reader: Some(reader) }
}

impl Keys {
    /// The next event; `None` when the terminal is gone. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// An event that is there already.
    pub(super) fn waiting(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Leaves the terminal to another reader.
    pub(super) async fn stop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
            // The stream is gone when the task has ended, however it ended.
            drop(reader.await);
        }
    }
}

/// What came in.
pub(super) enum Input {
    /// For `update`.
    Msg(Msg),
    /// The size is another: draw.
    Resized,
    /// Nothing for us.
    Nothing,
}

/// Reads an event; clicks need to know what was drawn where.
pub(super) fn read(event: Event, drawn: &ui::Cache) -> Input {
    match event {
        Event::Key(e) if e.kind != KeyEventKind::Release => key(e).map_or(Input::Nothing, |k| Input::Msg(Msg::Key(k))),
        Event::Paste(text) => Input::Msg(Msg::Paste(text)),
        Event::FocusGained => Input::Msg(Msg::Focus(true)),
        Event::FocusLost => Input::Msg(Msg::Focus(false)),
        Event::Resize(..) => Input::Resized,
        Event::Mouse(e) => mouse(e, drawn.hits()),
        Event::Key(_) => Input::Nothing,
    }
}

fn mouse(e: MouseEvent, hits: &ui::Hits) -> Input {
    // With Shift held the mouse is the terminal's own, also where it tells of it.
    if e.modifiers.contains(KeyModifiers::SHIFT) {
        return Input::Nothing;
    }
    let msg = match e.kind {
        MouseEventKind::ScrollUp => Some(Msg::Scroll(hits.zone_at(e.column, e.row), -WHEEL)),
        MouseEventKind::ScrollDown => Some(Msg::Scroll(hits.zone_at(e.column, e.row), WHEEL)),
        MouseEventKind::Down(MouseButton::Left) => hits.at(e.column, e.row).map(Msg::Click),
        _ => None,
    };
    msg.map_or(Input::Nothing, Input::Msg)
}

fn key(e: KeyEvent) -> Option<Key> {
    let code = match e.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => KeyCode::BackTab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::F(n) => KeyCode::F(n),
        _ => return None,
    };
    let has = |m| e.modifiers.contains(m);
    let key =
        Key { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT), shift: has(KeyModifiers::SHIFT) };
    Some(key.normal())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: Code, modifiers: KeyModifiers) -> String {
        key(KeyEvent::new(code, modifiers)).map_or_else(String::new, |k| k.to_string())
    }

    #[test]
    fn keys_are_named_as_in_the_keymap() {
        assert_eq!(shown(Code::Char('k'), KeyModifiers::CONTROL), "Ctrl+K");
        assert_eq!(shown(Code::Char('G'), KeyModifiers::SHIFT), "G");
        assert_eq!(shown(Code::Enter, KeyModifiers::ALT), "Alt+Enter");
        assert_eq!(shown(Code::BackTab, KeyModifiers::SHIFT), "Shift+Tab");
        assert_eq!(shown(Code::CapsLock, KeyModifiers::NONE), "");
    }

    #[test]
    fn with_shift_the_mouse_is_the_terminals() {
        let mut hits = ui::Hits::default();
        let area = ratatui::layout::Rect { x: 2, y: 1, width: 4, height: 1 };
        hits.add(area, crate::app::Target::Newest);
        let press = |modifiers, column| {
            let kind = MouseEventKind::Down(MouseButton::Left);
            matches!(mouse(MouseEvent { kind, column, row: 1, modifiers }, &hits), Input::Msg(Msg::Click(_)))
        };
        assert!(press(KeyModifiers::NONE, 3));
        assert!(!press(KeyModifiers::NONE, 6));
        assert!(!press(KeyModifiers::SHIFT, 3));
    }
}
