//! One line of text in a form or a view: the editor with its keys, without line breaks.

use super::editor::Editor;
use super::update::edit;
use crate::keymap::{Action, Key};

/// The longest text of a field, characters.
const MOST: usize = 400;

/// One line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Field {
    editor: Editor,
}

impl Field {
    /// A field with a text, the cursor at its end.
    pub fn new(text: &str) -> Self {
        let mut field = Self::default();
        field.insert(text);
        field
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.editor.text()
    }

    /// The cursor's place, in bytes.
    pub fn cursor(&self) -> usize {
        self.editor.cursor()
    }

    /// Puts text in at the cursor: its first line, as much as a field takes.
    pub fn insert(&mut self, text: &str) {
        let room = MOST.saturating_sub(self.text().chars().count());
        let line = text.lines().next().unwrap_or_default();
        let line: String = line.chars().filter(|c| !c.is_control()).take(room).collect();
        self.editor.insert(&line, false);
    }

    /// Edits by a key, `action` being what it does while writing; false if it is none for one line of text.
    pub fn press(&mut self, key: Key, action: Option<Action>) -> bool {
        use Action as A;
        match action {
            None => match key.typed() {
                Some(c) if self.text().chars().count() < MOST => {
                    self.editor.insert(c.encode_utf8(&mut [0; 4]), true);
                }
                Some(_) => {}
                None => return false,
            },
            Some(
                action @ (A::Left
                | A::Right
                | A::WordLeft
                | A::WordRight
                | A::LineStart
                | A::LineEnd
                | A::DeleteLeft
                | A::DeleteRight
                | A::KillStart
                | A::KillEnd
                | A::KillWordLeft
                | A::KillWordRight
                | A::Yank
                | A::Undo
                | A::Redo),
            ) => edit(&mut self.editor, action),
            Some(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::{Context, Keymap};

    fn press(field: &mut Field, key: &str) -> bool {
        let key = key.parse().unwrap();
        field.press(key, Keymap::default().action(Context::Compose, key))
    }

    #[test]
    fn a_field_is_one_line_with_the_keys_of_the_composer() {
        let mut f = Field::new("http://a\nb");
        assert_eq!(f.text(), "http://a");
        assert!(press(&mut f, "ctrl+u"));
        f.insert("x\u{1b}y\tz");
        assert!(press(&mut f, "left") && press(&mut f, "!"));
        assert_eq!(f.text(), "xy!z");
        assert!(!press(&mut f, "enter") && !press(&mut f, "alt+enter") && !press(&mut f, "tab"));
        f.insert(&"w".repeat(1000));
        assert_eq!(f.text().chars().count(), MOST);
    }
}
