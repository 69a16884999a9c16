//! What the interface's document says of texts: patterns (ECMA-262), lengths, examples. Where a rule is more than a
//! pattern can say, the pattern allows less than the parser does.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A user's name; a guest's begins with `~`.
pub(crate) const USER: &str = "^~?[A-Za-z0-9_][A-Za-z0-9_.-]{1,31}$";
/// A room's name.
pub(crate) const ROOM: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
/// A room's name, or `@` and a user's.
pub(crate) const ROOM_REF: &str = "^(@~?[A-Za-z0-9_][A-Za-z0-9_.-]{1,31}|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$";
/// A sender's key.
pub(crate) const CLIENT_ID: &str = "^[!-~]{1,128}$";
/// One symbol.
pub(crate) const EMOJI: &str = "^[\u{2190}-\u{21ff}\u{2600}-\u{26ff}\u{1f300}-\u{1f3fa}\u{1f400}-\u{1f64f}]$";

/// What no text may hold, as the inside of a class.
macro_rules! forbidden {
    () => {
        r"\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069"
    };
}
const TEXT: &str = concat!(r"^[^", forbidden!(), r"]*[^\s", forbidden!(), r"][^", forbidden!(), r"]*$");
const LABEL: &str = concat!(r"^[^", forbidden!(), r"]*$");

macro_rules! written {
    ($($(#[$doc:meta])* $t:ident = $pattern:expr, $least:expr, $most:expr, $example:expr;)+) => {
        $($(#[$doc])*
        pub struct $t;
        impl PartialSchema for $t {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern));
                text.min_length(Some($least)).max_length(Some($most)).examples([$example]).into()
            }
        }
        impl ToSchema for $t {})+
    };
}

macro_rules! one_of {
    ($($(#[$doc:meta])* $t:ident = $values:expr;)+) => {
        $($(#[$doc])*
        pub struct $t;
        impl PartialSchema for $t {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some($values)).into()
            }
        }
        impl ToSchema for $t {})+
    };
}

one_of! {
    /// What a room can be made to be; direct ones are opened by writing to somebody.
    OpenKind = ["public", "private"];
    /// What a member can be made to be; an owner is made by the one before.
    GivenRole = ["moderator", "member"];
}

written! {
    /// An account's name.
    AccountName = "^[A-Za-z0-9_][A-Za-z0-9_.-]{1,31}$", 2, 32, "ana";
    /// A name that is wished for: a guest's may begin with `~`.
    GuestName = USER, 2, 33, "ana";
    /// What a message says: in bytes of UTF-8 no more than its length says, either.
    Text = TEXT, 1, 8_000, "hello";
    /// One line of a room's.
    Topic = LABEL, 0, 500, "what we speak of";
    /// One line of a moderator's.
    Reason = LABEL, 0, 300, "too loud";
    /// How somebody is shown.
    DisplayName = LABEL, 0, 100, "Ana María";
    /// A new password, in bytes of UTF-8 no more than its length says, either.
    Password = r"^[\s\S]*$", 8, 1_024, "correct horse battery";
}
