//! Completion of the word before the cursor: `@name`, `#room`, `/command`, `:emoji:`. Pure: text and candidates in,
//! proposals out; Tab and the arrows are handled in `update::compose`.

use super::App;
use super::editor::Editor;
use super::picker::fuzzy;
use crate::command;

/// Proposals shown at once.
pub const MOST: usize = 6;

/// Proposals for the word that begins at `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Popup {
    /// Where the word begins, bytes.
    pub from: usize,
    /// What would be put in, and a word about it.
    pub items: Vec<(String, String)>,
    /// Index into `items`.
    pub selected: usize,
    /// The user moved the choice: Enter takes it instead of sending.
    pub chosen: bool,
}

/// Emoji by their short names, the ones most used in chats.
pub const EMOJI: &[(&str, &str)] = &[
    ("+1", "👍"),
    ("-1", "👎"),
    ("heart", "❤️"),
    ("joy", "😂"),
    ("tada", "🎉"),
    ("eyes", "👀"),
    ("rocket", "🚀"),
    ("white_check_mark", "✅"),
    ("x", "❌"),
    ("fire", "🔥"),
    ("clap", "👏"),
    ("pray", "🙏"),
    ("smile", "😄"),
    ("slightly_smiling_face", "🙂"),
    ("wink", "😉"),
    ("grin", "😁"),
    ("thinking", "🤔"),
    ("cry", "😢"),
    ("sob", "😭"),
    ("sweat_smile", "😅"),
    ("rofl", "🤣"),
    ("sunglasses", "😎"),
    ("wave", "👋"),
    ("ok_hand", "👌"),
    ("muscle", "💪"),
    ("raised_hands", "🙌"),
    ("100", "💯"),
    ("star", "⭐"),
    ("sparkles", "✨"),
    ("bug", "🐛"),
    ("warning", "⚠️"),
    ("bulb", "💡"),
    ("coffee", "☕"),
    ("beer", "🍺"),
    ("cake", "🎂"),
    ("question", "❓"),
    ("exclamation", "❗"),
    ("hourglass", "⏳"),
    ("lock", "🔒"),
    ("key", "🔑"),
    ("memo", "📝"),
    ("package", "📦"),
    ("chart", "📈"),
    ("calendar", "📅"),
    ("pushpin", "📌"),
    ("link", "🔗"),
    ("zap", "⚡"),
    ("sun", "☀️"),
    ("rainbow", "🌈"),
    ("scream", "😱"),
    ("angry", "😠"),
    ("party", "🥳"),
    ("shrug", "🤷"),
    ("facepalm", "🤦"),
    ("ship", "🚢"),
];

/// Other names for some of them, known from elsewhere.
const ALIASES: &[(&str, &str)] = &[("thumbsup", "👍"), ("thumbsdown", "👎"), ("thinking_face", "🤔")];

/// The emoji of a `:name:` that has just been typed to its end, and where it begins; not within code.
pub fn closed_emoji(editor: &Editor) -> Option<(usize, &'static str)> {
    let (from, _, name) = word(editor).filter(|(_, first, _)| *first == ':')?;
    let name = name.strip_suffix(':')?;
    let in_code = editor.text()[..from].matches('`').count() % 2 == 1;
    let known = EMOJI.iter().chain(ALIASES).find(|(n, _)| *n == name).filter(|_| !in_code)?;
    Some((from, known.1))
}

/// The word before the cursor if it can be completed: where it begins, and its first character.
fn word(editor: &Editor) -> Option<(usize, char, &str)> {
    let before = &editor.text()[..editor.cursor()];
    let from =
        before.rfind(char::is_whitespace).map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
    let word = &before[from..];
    let first = word.chars().next()?;
    match first {
        '@' | '#' => Some((from, first, &word[1..])),
        '/' if from == 0 => Some((from, first, &word[1..])),
        ':' if word.len() >= 3 => Some((from, first, &word[1..])),
        _ => None,
    }
}

/// The proposals for what stands before the cursor; `None` if there are none.
pub fn propose(app: &App) -> Option<Popup> {
    let room = app.room()?;
    let (from, kind, typed) = word(&room.editor)?;
    let typed = chat_common::text::fold(typed);
    let mut found: Vec<(i32, String, String)> = Vec::new();
    let mut offer = |name: &str, insert: String, about: String| {
        // With nothing typed the order of the candidates holds.
        let score = if typed.is_empty() { Some(0) } else { fuzzy(&typed, &chat_common::text::fold(name)) };
        if let Some(score) = score.filter(|s| *s > 0 || typed.is_empty()) {
            found.push((score, insert, about));
        }
    };
    match kind {
        '@' => {
            let me = app.me.as_ref().map(|u| u.id);
            for m in room.members.iter().filter(|m| Some(m.user.id) != me) {
                let here = if room.present.contains_key(&m.user.id) { "here" } else { "" };
                offer(m.user.name.as_str(), format!("@{} ", m.user.name), here.to_owned());
            }
        }
        '#' => {
            for r in app.rooms.iter().filter(|r| !r.is_direct()) {
                let topic = r.summary.as_ref().map(|s| s.topic.clone()).unwrap_or_default();
                offer(&r.short(), format!("#{} ", r.short()), topic);
            }
        }
        '/' => {
            for c in command::TABLE {
                offer(c.name, format!("/{} ", c.name), format!("{}  {}", c.args, c.help));
            }
        }
        _ => {
            for (name, emoji) in EMOJI {
                offer(name, format!("{emoji} "), format!(":{name}:"));
            }
        }
    }
    found.sort_by_key(|(score, ..)| -score);
    found.truncate(MOST);
    let items: Vec<_> = found.into_iter().map(|(_, insert, about)| (insert, about)).collect();
    // Nothing is left to complete where the word stands there in full already.
    let whole = items.len() == 1 && items[0].0.trim_end() == &room.editor.text()[from..room.editor.cursor()];
    (!items.is_empty() && !whole).then_some(Popup { from, items, selected: 0, chosen: false })
}
