//! Names, parsed once: after that the type is the proof.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

#[cfg(feature = "openapi")]
use crate::written;

/// A name that breaks the rules; the sentence says which one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(pub &'static str);

/// A text of the interface's document, with its pattern and an example.
macro_rules! string_schema {
    ($t:ident, $pattern:expr, $example:literal) => {
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $t {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $t {}
    };
}

/// Makes a string type that is parsed once and reads and writes as a string.
macro_rules! string_type {
    ($t:ident, $pattern:expr, $example:literal) => {
        impl $t {
            /// The text as on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $t {
            type Err = BadName;
            fn from_str(s: &str) -> Result<Self, BadName> {
                Self::parse(s)
            }
        }
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
        string_schema!($t, $pattern, $example);
    };
}

/// A user's name: `[a-z0-9_][a-z0-9_.-]{1,31}`, lower-cased on entry; a guest's begins with `~`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);
string_type!(UserName, written::USER, "bob");

const USER_RULE: &str = "a name has 2 to 32 of a-z 0-9 _ . - and begins with a letter, a digit or _";

impl UserName {
    /// Parses any user's name, a guest's `~name` too.
    pub fn parse(s: &str) -> Result<Self, BadName> {
        match s.trim().strip_prefix('~') {
            Some(rest) => Ok(Self::account(rest)?.guest()),
            None => Self::account(s),
        }
    }

    /// Parses the name of an account (or a guest's wish, without `~`): compatibility forms are folded first, so that
    /// a full-width `ＡＮＡ` is `ana`.
    pub fn account(s: &str) -> Result<Self, BadName> {
        if s.len() > 256 {
            return Err(BadName(USER_RULE));
        }
        let name: String = s.trim().nfkc().collect::<String>().to_lowercase();
        let ok = (2..=32).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'))
            && !name.starts_with(['.', '-']);
        if ok { Ok(Self(name)) } else { Err(BadName(USER_RULE)) }
    }

    /// The guest form: `ana` becomes `~ana`; a guest's name stays.
    #[must_use]
    pub fn guest(self) -> Self {
        if self.is_guest() { self } else { Self(format!("~{}", self.0)) }
    }

    /// Whether this is a guest's name.
    pub fn is_guest(&self) -> bool {
        self.0.starts_with('~')
    }

    /// What two names must not share: look-alike characters are brought to one (`0`→`o`, `1`→`l`, `rn`→`m`, `vv`→`w`).
    pub fn skeleton(&self) -> String {
        self.0.replace('0', "o").replace('1', "l").replace("rn", "m").replace("vv", "w")
    }
}

/// A room's name: `[a-z0-9][a-z0-9._-]{0,63}`. Direct conversations have one too, opaque, beginning with `dm-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);
string_type!(RoomName, written::ROOM, "lobby");

const ROOM_RULE: &str = "a room has 1 to 64 of a-z 0-9 . _ - and begins with a letter or a digit";

impl RoomName {
    /// What the opaque names of direct conversations begin with; no other room may.
    pub const DIRECT_PREFIX: &'static str = "dm-";

    /// Parses a room's name; ASCII capitals are lowered, a leading `#` is not part of it.
    pub fn parse(s: &str) -> Result<Self, BadName> {
        let ok = (1..=64).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && s.as_bytes()[0].is_ascii_alphanumeric();
        if ok { Ok(Self(s.to_ascii_lowercase())) } else { Err(BadName(ROOM_RULE)) }
    }

    /// The name of the direct conversation between two users, the same from both sides.
    pub fn direct(a: crate::UserId, b: crate::UserId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self(format!("{}{low}-{high}", Self::DIRECT_PREFIX))
    }

    /// Whether this is (or could only be) a direct conversation.
    pub fn is_direct(&self) -> bool {
        self.0.starts_with(Self::DIRECT_PREFIX)
    }
}

/// A room as a request names it: by its name, or `@name` for the direct conversation with a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoomRef {
    /// By name.
    Room(RoomName),
    /// The asker's conversation with this user.
    Direct(UserName),
}

impl RoomRef {
    /// Parses `lobby` or `@bob`.
    pub fn parse(s: &str) -> Result<Self, BadName> {
        match s.strip_prefix('@') {
            Some(name) => Ok(Self::Direct(UserName::parse(name)?)),
            None => Ok(Self::Room(RoomName::parse(s)?)),
        }
    }
}

impl From<RoomName> for RoomRef {
    fn from(room: RoomName) -> Self {
        Self::Room(room)
    }
}

impl fmt::Display for RoomRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(r) => r.fmt(f),
            Self::Direct(u) => write!(f, "@{u}"),
        }
    }
}

impl FromStr for RoomRef {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Self, BadName> {
        Self::parse(s)
    }
}

impl Serialize for RoomRef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoomRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

string_schema!(RoomRef, written::ROOM_REF, "lobby");

/// A sender's own key for one message; the same key is stored once. 1 to 128 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);
string_type!(ClientId, written::CLIENT_ID, "7f1c");

impl ClientId {
    /// Parses a key.
    pub fn parse(s: &str) -> Result<Self, BadName> {
        if (1..=128).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(s.to_owned()))
        } else {
            Err(BadName("a client_id has 1 to 128 printable ASCII characters without spaces"))
        }
    }
}

/// A reaction: one grapheme of at most 64 bytes that is no plain ASCII letter, digit or control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Emoji(String);
string_type!(Emoji, written::EMOJI, "👍");

impl Emoji {
    /// Parses a reaction, brought to NFC.
    pub fn parse(s: &str) -> Result<Self, BadName> {
        const RULE: &str = "a reaction is one emoji or symbol";
        if s.len() > 64 {
            return Err(BadName(RULE));
        }
        let emoji = crate::text::clean(s, 64).map_err(|_| BadName(RULE))?;
        let one = emoji.graphemes(true).count() == 1;
        let plain = emoji.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace());
        if one && !plain { Ok(Self(emoji)) } else { Err(BadName(RULE)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_lowered_and_folded() {
        assert_eq!(UserName::parse("Ana").unwrap().as_str(), "ana");
        assert_eq!(UserName::parse("ＡＮＡ").unwrap().as_str(), "ana");
        assert_eq!(UserName::parse("~Ana").unwrap().as_str(), "~ana");
        for bad in
            ["", "a", "-ana", ".ana", "an a", "аna", "ana\u{200b}", "a".repeat(33).as_str(), "~", "~~ana", "@ana"]
        {
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        let s = |n: &str| UserName::parse(n).unwrap().skeleton();
        assert_eq!(s("b0b"), s("bob"));
        assert_eq!(s("a1ice"), s("alice"));
        assert_eq!(s("tirn"), s("tim"));
        assert_ne!(s("ana"), s("~ana"));
    }

    #[test]
    fn room_names_refuse_paths_and_the_rest() {
        for good in ["lobby", "a", "0", "api-v1.2_x", "a".repeat(64).as_str()] {
            assert!(RoomName::parse(good).is_ok(), "{good:?}");
        }
        for bad in
            ["", "../etc", "a/b", "%2e%2e", "a".repeat(65).as_str(), "🎉", "a\0b", "-a", ".a", "#lobby", " lobby"]
        {
            assert!(RoomName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_direct_room_is_the_same_from_both_sides() {
        let (a, b) = (crate::UserId::from_bits(5), crate::UserId::from_bits(9));
        assert_eq!(RoomName::direct(a, b), RoomName::direct(b, a));
        assert!(RoomName::parse(RoomName::direct(a, b).as_str()).unwrap().is_direct());
        assert_eq!(RoomRef::parse("@bob").unwrap().to_string(), "@bob");
    }

    #[test]
    fn a_reaction_is_one_grapheme() {
        for good in ["👍", "👨‍👩‍👧", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "+"] {
            assert!(Emoji::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "a", "👍👍", "ok", "\u{202e}", "\u{1b}"] {
            assert!(Emoji::parse(bad).is_err(), "{bad:?}");
        }
    }
}
