//! The settings view and the form of the first start, in their states.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::fixture::{Screen, busy, looks, text};
use super::matrix::{SIZES, heading};
use crate::app::{Msg, update};
use crate::keymap::Keymap;
use crate::theme::Theme;

/// Settings as a file, a profile and the environment give them.
pub(crate) fn configured(s: &mut Screen) {
    use crate::settings::{Origin, Values, find};
    let mut values = Values::default();
    for (key, value, origin) in [
        ("theme", "dark", Origin::File),
        ("mouse", "off", Origin::File),
        ("quiet", "22:00-07:00", Origin::Profile("work".to_owned())),
        ("server", "https://chat.example.org", Origin::Environment("CHAT_SERVER")),
        ("rooms", "lobby ops", Origin::Flag("--room")),
    ] {
        values.put(find(key).unwrap(), value.to_owned(), origin);
    }
    let now = crate::app::settings::Configured {
        values,
        keymap: Keymap::default(),
        theme: "dark".to_owned(),
        ascii: s.app.ascii,
        sidebar: None,
        members: None,
        restart: vec!["timeout"],
        file: "~/.config/chat-tui/config.toml".to_owned(),
        by: crate::app::settings::By::Start,
    };
    update(&mut s.app, Msg::Configured(Box::new(now)), s.now);
}

/// The settings view in its states: chosen, typing with what was wrong, a file that cannot be obeyed.
pub(crate) fn settings() -> Vec<(&'static str, Screen)> {
    let open = |keys: &str| {
        let mut s = busy();
        configured(&mut s);
        s.keys(keys);
        s
    };
    let chosen = open("f12");
    let mut typing = open("f12 end up up up up enter ctrl+u");
    typing.types("a/b");
    typing.keys("enter");
    let mut damaged = open("f12");
    let error = "/home/sam/.config/chat-tui/config.toml:12:1: unknown field `thema`, expected one of `theme`, `keymap`, \
                 `mouse`, `plain`, `ascii`, `sidebar`, `members`";
    update(&mut damaged.app, Msg::Misconfigured(error.to_owned()), damaged.now);
    vec![("chosen", chosen), ("typing", typing), ("damaged", damaged)]
}

/// The form of the first start in its states.
pub(crate) fn forms() -> Vec<(&'static str, crate::app::form::Form)> {
    use crate::app::form::{Form, Input, Place};
    let keys = |form: &mut Form, keys: &str| {
        for key in keys.split_whitespace() {
            form.update(Input::Key(key.parse().unwrap()));
        }
    };
    let fresh = Form::new("sam", "~/.config/chat-tui/config.toml");
    let mut trying = fresh.clone();
    keys(&mut trying, "up enter");
    let (done, now) = ("http://127.0.0.1:6969 answers".to_owned(), "coming in as sam".to_owned());
    trying.update(Input::Step { done, now });
    let mut account = fresh.clone();
    keys(&mut account, "up enter");
    account.update(Input::NoGuests);
    keys(&mut account, "tab");
    account.update(Input::Paste("correct horse".to_owned()));
    account.update(Input::Failed {
        at: Place::Password,
        wrong: "name or password is wrong".to_owned(),
        hint: "look at name and password; capitals count".to_owned(),
    });
    let mut away = fresh.clone();
    away.update(Input::Failed {
        at: Place::Server,
        wrong: "cannot reach http://127.0.0.1:6969: Connection refused (os error 111)".to_owned(),
        hint: "is a server running on this machine? chat-server starts one in another terminal".to_owned(),
    });
    vec![("fresh", fresh), ("trying", trying), ("account", account), ("away", away)]
}

/// The form's screen as text.
fn form_rows(form: &crate::app::form::Form, width: u16, height: u16, look: &str, ascii: bool) -> Buffer {
    let theme = Theme::named(look).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| crate::ui::form(form, &theme, ascii, frame)).unwrap();
    terminal.backend().buffer().clone()
}

#[test]
fn the_first_start_is_a_calm_form() {
    for (name, form) in forms() {
        let mut all = String::new();
        for (width, height) in SIZES {
            let screen = text(&form_rows(&form, width, height, "dark", false));
            assert!(!screen.contains("correct"), "the password is shown");
            all.push_str(&format!("{}\n{screen}\n", heading(&format!("{width}×{height}"), width)));
            for look in ["light", "16", "mono"] {
                assert_eq!(screen, text(&form_rows(&form, width, height, look, false)), "{name} in {look}");
            }
        }
        insta::assert_snapshot!(format!("form_{name}"), all);
        for (width, height) in [(1, 1), (10, 3), (24, 7), (40, 12)] {
            form_rows(&form, width, height, "16", true);
        }
    }
}

#[test]
fn the_colours_of_the_form_are_as_they_were_approved() {
    let (_, form) = forms().pop().unwrap();
    for look in ["dark", "light", "16"] {
        insta::assert_snapshot!(format!("form_colours_{look}"), looks(&form_rows(&form, 80, 24, look, false)));
    }
}
