//! The settings: the view, `/set`, and what the file says.

use super::*;
use crate::app::settings::{By, Configured};
use crate::settings::{Origin, TABLE, Values, find};

fn configured(pairs: &[(&str, &str, Origin)], by: By) -> Msg {
    let mut values = Values::default();
    for (key, value, origin) in pairs {
        values.put(find(key).unwrap(), (*value).to_owned(), origin.clone());
    }
    Msg::Configured(Box::new(Configured {
        values,
        keymap: Keymap::default(),
        theme: "dark".to_owned(),
        ascii: false,
        sidebar: None,
        members: None,
        restart: Vec::new(),
        file: "~/.config/chat-tui/config.toml".to_owned(),
        by,
    }))
}

impl At {
    fn set(&mut self) -> Vec<(&'static str, Option<String>)> {
        let of = |e: &Effect| match e {
            Effect::Set(setting, value) => Some((setting.key, value.clone())),
            _ => None,
        };
        let all = self.wishes.iter().filter_map(of).collect();
        self.wishes.clear();
        all
    }

    fn wrong(&self) -> Option<&str> {
        match &self.app.overlay {
            Some(Overlay::Settings(view)) => view.wrong.as_deref(),
            _ => None,
        }
    }

    /// The view, with this setting chosen.
    fn at_setting(&mut self, key: &str) {
        self.keys("ctrl+c f12");
        let at = TABLE.iter().position(|s| s.key == key).unwrap();
        for _ in 0..at {
            self.keys("down");
        }
    }
}

#[test]
fn values_are_stepped_through_and_hold_at_once() {
    let mut at = At::ops();
    at.tell(configured(&[], By::Start));
    at.keys("f12");
    for (key, value) in [("right", "dark"), ("right", "light"), ("enter", "16"), ("left", "light")] {
        at.keys(key);
        assert_eq!(at.set(), [("theme", Some(value.to_owned()))], "{key}");
        assert_eq!(at.app.settings.values.get(find("theme").unwrap()).origin, Origin::File);
    }
    at.keys("delete");
    assert_eq!(at.set(), [("theme", None)]);
    at.keys("end f12");
    assert!(at.app.overlay.is_none(), "the key that opens it closes it");
    at.keys("f12 ctrl+q");
    assert!(at.wishes.contains(&Effect::Quit));
}

#[test]
fn a_typed_value_is_looked_at_and_a_wrong_one_names_its_setting() {
    let mut at = At::ops();
    at.tell(configured(&[], By::Start));
    at.at_setting("quiet");
    at.keys("enter");
    at.types("10pm");
    at.keys("enter");
    assert_eq!((at.set(), at.wrong().unwrap().starts_with("quiet: \"10pm\"")), (Vec::new(), true));
    at.keys("ctrl+u");
    at.tell(Msg::Paste("22:00-07:00\nx".to_owned()));
    at.keys("enter");
    assert_eq!(at.set(), [("quiet", Some("22:00-07:00".to_owned()))]);
    // Esc leaves the value, then the view.
    at.keys("enter x esc");
    assert!(at.set().is_empty() && matches!(at.app.overlay, Some(Overlay::Settings(_))));
    at.keys("esc");
    assert!(at.app.overlay.is_none());
}

#[test]
fn the_command_goes_by_the_same_table() {
    let mut at = At::ops();
    at.tell(configured(&[("server", "http://h", Origin::Environment("CHAT_SERVER"))], By::Start));
    let said = |at: &mut At, line: &str| {
        at.types(line);
        at.keys("enter");
        let said = at.app.toast.as_ref().map(|t| t.text.clone()).unwrap_or_default();
        at.keys("ctrl+c");
        said
    };
    assert_eq!(said(&mut at, "/set mouse no"), "mouse: off");
    assert_eq!(at.set(), [("mouse", Some("off".to_owned()))]);
    assert_eq!(said(&mut at, "/set notify.level all"), "notify: all");
    assert!(said(&mut at, "/theme pink").starts_with("theme: \"pink\" is none of dark, light"));
    assert!(said(&mut at, "/set nothing 1").contains("there are theme, sidebar"));
    assert_eq!(said(&mut at, "/set quiet default"), "quiet: the default");
    assert_eq!(said(&mut at, "/set keymap default"), "keymap: default", "a value of that name is the value");
    at.wishes.clear();
    let told = said(&mut at, "/set server http://other");
    assert!(told.contains("next start") && told.contains("while CHAT_SERVER is given, that holds"), "{told}");
    assert_eq!(at.set(), [("server", Some("http://other".to_owned()))]);
    let held = at.app.settings.values.value(find("server").unwrap());
    assert_eq!(held, "http://h", "what holds is shown");
    at.types("/set mouse");
    at.keys("enter");
    let Some(Overlay::Settings(view)) = &at.app.overlay else { panic!("{:?}", at.app.overlay) };
    assert_eq!(view.setting().unwrap().key, "mouse");
}

#[test]
fn a_file_that_changed_holds_and_a_wrong_one_is_said_with_its_place() {
    let mut at = At::ops();
    at.tell(configured(&[], By::Start));
    assert!(at.app.toast.is_none(), "nothing is said at the start");
    at.keys("f2");
    let shown = at.app.sidebar;
    at.tell(configured(&[("mouse", "off", Origin::File)], By::File));
    assert_eq!(at.app.sidebar, shown, "what a key has shown stays");
    assert!(at.app.toast.as_ref().unwrap().text.contains("read anew"));
    at.tell(Msg::Misconfigured("/home/sam/.config/chat-tui/config.toml:3:1: unknown field `thema`".to_owned()));
    let toast = at.app.toast.clone().unwrap();
    assert!(toast.error && toast.text.starts_with("config.toml:3:1: unknown field `thema`"), "{}", toast.text);
    assert!(toast.text.contains("F12"), "{}", toast.text);
    assert_eq!(at.app.settings.values.value(find("mouse").unwrap()), "off", "what held before holds on");
    let Msg::Configured(mut mended) = configured(&[], By::File) else { unreachable!() };
    mended.restart = vec!["server"];
    mended.sidebar = Some(true);
    at.tell(Msg::Configured(mended));
    let said = at.app.toast.clone().unwrap().text;
    assert_eq!(said, "the configuration is right again and holds; from the next start on: server");
    assert_eq!((at.app.sidebar, &at.app.settings.error), (Some(true), &None));
    at.tell(Msg::Unwritten("config.toml: read-only".to_owned()));
    assert!(at.app.toast.unwrap().text.contains("until you quit"));
}

proptest! {
    /// Any keys in the view: the choice stays within the table, and every value that is wished for can be read.
    #[test]
    fn any_keys_in_the_view_wish_for_values_that_can_be_read(
        picks in proptest::collection::vec(prop_oneof![
            Just("up"), Just("down"), Just("left"), Just("right"), Just("enter"), Just("space"), Just("delete"),
            Just("home"), Just("end"), Just("pagedown"), Just("x"), Just("ctrl+u"), Just("esc"), Just("f12")
        ], 0..60)
    ) {
        let mut at = At::ops();
        at.tell(configured(&[], By::Start));
        at.keys("f12");
        for key in picks {
            at.keys(key);
            if let Some(Overlay::Settings(view)) = &at.app.overlay {
                prop_assert!(view.setting().is_some());
            }
            for (key, value) in at.set() {
                if let Some(value) = value {
                    prop_assert_eq!(find(key).unwrap().read(&value), Ok(value));
                }
            }
        }
    }
}
