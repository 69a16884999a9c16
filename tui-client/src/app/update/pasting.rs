//! Pastes: they stand in the line at once and never send; from some lines on it is asked whether they are code.

use super::compose;
use crate::app::{App, Effect, Mode, Overlay, Pasted, parts, settings};
use crate::keymap::{Action, Context};

/// From this many lines on a paste may be meant as code.
const MANY: usize = 5;

pub(super) fn paste(app: &mut App, text: &str, fx: &mut Vec<Effect>) {
    match &mut app.overlay {
        Some(Overlay::Picker(picker)) => {
            picker.insert(text.lines().next().unwrap_or_default());
            return super::overlay::typed(app);
        }
        Some(Overlay::Settings(view)) => {
            if settings::paste(view, text) {
                return;
            }
            app.overlay = None;
        }
        // A question is no place for a text; it would be lost.
        Some(Overlay::Confirm { .. }) => app.overlay = None,
        None => {}
    }
    app.mode = Mode::Compose;
    app.pasted = None;
    let Some(room) = app.room_mut() else { return };
    let from = room.editor.cursor();
    let whole = room.editor.insert(text, false);
    let range = from..room.editor.cursor().max(from);
    let (before, pasted) = (&room.editor.text()[..from], &room.editor.text()[range.clone()]);
    let lines = pasted.trim_end_matches('\n').matches('\n').count() + 1;
    let fences = |text: &str| text.lines().filter(|l| l.trim_start().starts_with("```")).count();
    // Within a code block it is code already, and what has blocks of its own is a text around them.
    if lines >= MANY && fences(before).is_multiple_of(2) && fences(pasted) == 0 {
        app.pasted = Some(Pasted { room: room.id, range, lines, changes: room.editor.changes() });
    }
    if !whole {
        let most = crate::app::editor::MAX_BYTES / 1024;
        app.complain(format!("only {most} kB of the paste fit; `chat-tui send --split -f FILE` sends a whole file"));
    }
    compose::changed(app, fx);
}

/// Answers the question about the paste; true if the key is used up. Every other key keeps the paste as it is and does
/// what it always does.
pub(super) fn answer(app: &mut App, action: Option<Action>, fx: &mut Vec<Effect>) -> bool {
    let Some(pasted) = app.pasted.take() else { return false };
    let Some(room) = app.room_mut().filter(|r| r.id == pasted.room && r.editor.changes() == pasted.changes) else {
        return false;
    };
    let range = pasted.range;
    match action {
        Some(Action::Complete) => {
            let text = room.editor.text();
            let (before, after) = (&text[..range.start], &text[range.end..]);
            let lead = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            let trail = if after.is_empty() || after.starts_with('\n') { "" } else { "\n" };
            let block = parts::code(text[range.clone()].trim_end_matches('\n'), "");
            room.editor.replace(range, &format!("{lead}{block}{trail}"));
            compose::changed(app, fx);
        }
        Some(Action::Send) => {
            let key = app.keymap.hint(Context::Compose, Action::Send);
            app.say(format!("kept as text; {key} sends it"));
        }
        Some(Action::Browse) => {
            room.editor.replace(range, "");
            compose::changed(app, fx);
            let key = app.keymap.hint(Context::Compose, Action::Undo);
            app.say(format!("taken out; {key} brings it back"));
        }
        _ => return false,
    }
    true
}
