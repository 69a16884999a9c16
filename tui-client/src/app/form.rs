//! The form of the first start: where to, as whom, into which room. It checks what is typed and says what is to be
//! tried; trying it and writing the file is `runtime`'s.

use chat_common::{RoomRef, UserName};

use super::field::Field;
use crate::keymap::{Action, Context, Key, KeyCode, Keymap};
use crate::server_url::ServerUrl;

/// Where the cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The server's address.
    Server,
    /// As a guest or with an account.
    Entry,
    /// The guest's or the account's name.
    Name,
    /// The account's password.
    Password,
    /// The room.
    Room,
    /// The button.
    Connect,
}

/// As whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Without an account.
    Guest,
    /// With name and password.
    Account,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Being filled in.
    Filling,
    /// Being tried: what was done already, and what is under way.
    Trying {
        /// In words, unfiltered.
        done: Vec<String>,
        /// In words, unfiltered.
        now: String,
    },
    /// It did not work.
    Failed {
        /// Which field has to be another.
        at: Place,
        /// What is wrong, unfiltered.
        wrong: String,
        /// What to do.
        hint: String,
    },
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Where to.
    pub server: ServerUrl,
    /// The name; a guest's without its mark.
    pub name: String,
    /// The password; `None`: as a guest.
    pub password: Option<Secret>,
    /// Into which room.
    pub room: RoomRef,
}

/// What can happen to the form.
#[derive(Clone, Debug)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// A step of the trial is done; the next one has begun.
    Step {
        /// What was found, in words.
        done: String,
        /// What is done now, in words.
        now: String,
    },
    /// The trial failed.
    Failed {
        /// Which field has to be another.
        at: Place,
        /// What is wrong.
        wrong: String,
        /// What to do.
        hint: String,
    },
    /// The server lets no guests in.
    NoGuests,
}

/// What the form wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Try this, and if it works write the file and go on.
    Try(Box<Wish>),
    /// Stop trying.
    Cancel,
    /// Go on with what is built in; write nothing.
    Skip,
    /// Leave the program.
    Quit,
}

/// The form.
#[derive(Clone, Debug)]
pub struct Form {
    /// The server's address.
    pub server: Field,
    /// As whom.
    pub entry: Entry,
    /// The name.
    pub name: Field,
    /// The password; shown as marks alone.
    pub password: Field,
    /// The room.
    pub room: Field,
    /// Where the cursor is.
    pub place: Place,
    /// How far it is.
    pub state: State,
    /// The file that will be written, as shown.
    pub file: String,
    keymap: Keymap,
}

impl Form {
    /// With what is built in, a guest's name to begin with, and the file that will be written.
    pub fn new(name: &str, file: &str) -> Self {
        Self {
            server: Field::new(ServerUrl::LOCAL),
            entry: Entry::Guest,
            name: Field::new(name),
            password: Field::default(),
            room: Field::new("lobby"),
            place: Place::Server,
            state: State::Filling,
            file: file.to_owned(),
            keymap: Keymap::default(),
        }
    }

    /// The places there are now, in their order.
    pub fn places(&self) -> &'static [Place] {
        use Place as P;
        match self.entry {
            Entry::Guest => &[P::Server, P::Entry, P::Name, P::Room, P::Connect],
            Entry::Account => &[P::Server, P::Entry, P::Name, P::Password, P::Room, P::Connect],
        }
    }

    /// The field of a place, if one types there.
    pub fn field(&self, place: Place) -> Option<&Field> {
        match place {
            Place::Server => Some(&self.server),
            Place::Name => Some(&self.name),
            Place::Password => Some(&self.password),
            Place::Room => Some(&self.room),
            Place::Entry | Place::Connect => None,
        }
    }

    fn field_mut(&mut self) -> Option<&mut Field> {
        match self.place {
            Place::Server => Some(&mut self.server),
            Place::Name => Some(&mut self.name),
            Place::Password => Some(&mut self.password),
            Place::Room => Some(&mut self.room),
            Place::Entry | Place::Connect => None,
        }
    }

    /// Something happened.
    pub fn update(&mut self, input: Input) -> Option<Wanted> {
        match input {
            Input::Key(key) => return self.press(key),
            Input::Paste(text) => {
                if !self.is_trying()
                    && let Some(field) = self.field_mut()
                {
                    field.insert(&text);
                    self.state = State::Filling;
                }
            }
            Input::Step { done, now } => {
                if let State::Trying { done: all, now: at } = &mut self.state {
                    all.push(done);
                    *at = now;
                }
            }
            Input::Failed { at, wrong, hint } => {
                self.place = at;
                self.state = State::Failed { at, wrong, hint };
            }
            Input::NoGuests => {
                self.entry = Entry::Account;
                self.place = Place::Name;
                let wrong = "this server lets no guests in".to_owned();
                let hint = format!(
                    "log in with your account; with an invitation: chat-tui -s {} register NAME --invite CODE",
                    self.server.text().trim()
                );
                self.state = State::Failed { at: Place::Name, wrong, hint };
            }
        }
        None
    }

    fn is_trying(&self) -> bool {
        matches!(self.state, State::Trying { .. })
    }

    fn press(&mut self, key: Key) -> Option<Wanted> {
        let write = self.keymap.action(Context::Compose, key);
        if matches!(write, Some(Action::Quit | Action::Clear)) {
            return Some(Wanted::Quit);
        }
        if self.is_trying() {
            if key.code == KeyCode::Esc {
                self.state = State::Filling;
                return Some(Wanted::Cancel);
            }
            return None;
        }
        match key.code {
            KeyCode::Esc => return Some(Wanted::Skip),
            KeyCode::Tab | KeyCode::Down => self.walk(1),
            KeyCode::BackTab | KeyCode::Up => self.walk(-1),
            KeyCode::Enter if matches!(self.place, Place::Room | Place::Connect) => return self.submit(),
            KeyCode::Enter => self.walk(1),
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if self.place == Place::Entry => {
                self.entry = if self.entry == Entry::Guest { Entry::Account } else { Entry::Guest };
                self.state = State::Filling;
            }
            KeyCode::Char(' ') if self.place == Place::Connect => return self.submit(),
            _ => {
                if self.field_mut().is_some_and(|f| f.press(key, write)) {
                    self.state = State::Filling;
                }
            }
        }
        None
    }

    fn walk(&mut self, by: isize) {
        let places = self.places();
        let at = places.iter().position(|p| *p == self.place).unwrap_or(0);
        let to = at.saturating_add(places.len()).saturating_add_signed(by) % places.len();
        self.place = places.get(to).copied().unwrap_or(Place::Server);
    }

    fn submit(&mut self) -> Option<Wanted> {
        match self.wish() {
            Ok(wish) => {
                self.state = State::Trying { done: Vec::new(), now: format!("looking for {}", wish.server) };
                Some(Wanted::Try(Box::new(wish)))
            }
            Err((at, wrong, hint)) => {
                self.place = at;
                self.state = State::Failed { at, wrong, hint: hint.to_owned() };
                None
            }
        }
    }

    /// What is typed, looked at.
    fn wish(&self) -> Result<Wish, (Place, String, &'static str)> {
        let server = ServerUrl::parse(self.server.text()).map_err(|e| (Place::Server, e.to_string(), ""))?;
        let typed = self.name.text().trim();
        let (name, hint) = match self.entry {
            // A guest's `~` is the server's to add.
            Entry::Guest => (typed.trim_start_matches('~'), "others see it with a ~ before it"),
            Entry::Account => (typed, "the name of your account"),
        };
        UserName::account(name).map_err(|e| (Place::Name, format!("the name: {e}"), hint))?;
        let password = match self.entry {
            Entry::Guest => None,
            Entry::Account if self.password.text().is_empty() => {
                return Err((Place::Password, "the password is missing".to_owned(), "an account needs one"));
            }
            Entry::Account => Some(Secret(self.password.text().to_owned())),
        };
        let room = RoomRef::parse(self.room.text().trim().trim_start_matches('#'))
            .map_err(|e| (Place::Room, format!("the room: {e}"), "lobby is there on every server"))?;
        Ok(Wish { server, name: name.to_owned(), password, room })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form() -> Form {
        Form::new("ana", "~/.config/chat-tui/config.toml")
    }

    fn keys(form: &mut Form, keys: &str) -> Option<Wanted> {
        keys.split_whitespace().map(|k| form.update(Input::Key(k.parse().unwrap()))).last().flatten()
    }

    #[test]
    fn enter_walks_through_and_tries_at_the_end() {
        let mut f = form();
        assert_eq!(keys(&mut f, "enter enter enter"), None);
        assert_eq!(f.place, Place::Room);
        let Some(Wanted::Try(wish)) = keys(&mut f, "enter") else { panic!("{:?}", f.state) };
        assert_eq!((wish.server.to_string().as_str(), wish.name.as_str()), (ServerUrl::LOCAL, "ana"));
        assert_eq!((wish.password, wish.room.to_string().as_str()), (None, "lobby"));
        // Nothing is typed while it is tried; Esc stops it.
        keys(&mut f, "x y z");
        assert_eq!(f.room.text(), "lobby");
        assert_eq!(keys(&mut f, "esc"), Some(Wanted::Cancel));
        assert_eq!(f.state, State::Filling);
        assert_eq!(keys(&mut f, "esc"), Some(Wanted::Skip));
        assert_eq!(keys(&mut f, "ctrl+q"), Some(Wanted::Quit));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field_before_anything_is_sent() {
        for (place, text, says) in [
            (Place::Server, "ftp://x", "not a server's address"),
            (Place::Name, "a b", "the name"),
            (Place::Room, "a/b", "the room"),
        ] {
            let mut f = form();
            while f.place != place {
                keys(&mut f, "tab");
            }
            keys(&mut f, "ctrl+u");
            f.update(Input::Paste(text.to_owned()));
            while f.place != Place::Connect {
                keys(&mut f, "down");
            }
            assert_eq!(keys(&mut f, "enter"), None);
            let State::Failed { at, wrong, .. } = &f.state else { panic!("{text}") };
            assert_eq!((*at, f.place), (place, place));
            assert!(wrong.contains(says), "{wrong}");
            // What is typed next takes the complaint away.
            f.update(Input::Paste("x".to_owned()));
            assert_eq!(f.state, State::Filling);
        }
    }

    #[test]
    fn a_server_without_guests_is_asked_with_a_password_that_no_log_shows() {
        let mut f = form();
        keys(&mut f, "up enter");
        f.update(Input::NoGuests);
        assert_eq!((f.entry, f.place), (Entry::Account, Place::Name));
        keys(&mut f, "tab");
        assert_eq!(f.place, Place::Password);
        keys(&mut f, "up up right");
        assert_eq!(f.entry, Entry::Guest, "and back");
        keys(&mut f, "space tab tab");
        f.update(Input::Paste("hunter2 hunter2".to_owned()));
        let Some(Wanted::Try(wish)) = keys(&mut f, "tab enter") else { panic!("{:?}", f.state) };
        assert_eq!(wish.password, Some(Secret("hunter2 hunter2".to_owned())));
        assert!(!format!("{wish:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_keys_leave_the_cursor_at_a_place_that_is_there(
            picks in proptest::collection::vec(prop_oneof![
                Just("tab"), Just("backtab"), Just("up"), Just("down"), Just("left"), Just("right"), Just("space"),
                Just("enter"), Just("x"), Just("ctrl+u"), Just("backspace"), Just("esc")
            ], 0..40)
        ) {
            let mut f = form();
            for key in picks {
                keys(&mut f, key);
                prop_assert!(f.places().contains(&f.place), "{:?} after {key}", f.place);
            }
        }
    }
}
