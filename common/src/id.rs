//! Identities that never change: users, positions in a log, the lineage of a store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 63 bits in groups of five.
const ID_LEN: usize = 13;

/// A user for ever: 63 random bits, on the wire 13 characters of lower-case base 32. Opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(u64);

impl UserId {
    /// From random bits; the highest is dropped so that a database's signed integer holds it.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & (u64::MAX >> 1))
    }

    /// The 63 bits.
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = [0u8; ID_LEN];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            *slot = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({self})")
    }
}

/// The text is no user id.
#[derive(Debug, thiserror::Error)]
#[error("not a user id: 13 characters as the server gave them")]
pub struct BadUserId;

impl FromStr for UserId {
    type Err = BadUserId;
    fn from_str(s: &str) -> Result<Self, BadUserId> {
        if s.len() != ID_LEN {
            return Err(BadUserId);
        }
        let mut bits: u64 = 0;
        for b in s.bytes() {
            let v = ALPHABET.iter().position(|a| *a == b).ok_or(BadUserId)? as u64;
            bits = bits.checked_mul(32).ok_or(BadUserId)? | v;
        }
        if bits > u64::MAX >> 1 { Err(BadUserId) } else { Ok(Self(bits)) }
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A position in a room's log. The first entry is 1; 0 means "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seq {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

/// Opaque id of the store's lineage. Another epoch than the one known means: every [`Seq`] known before is void.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub String);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for super::UserId {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::String).min_length(Some(13)).max_length(Some(13)).into()
        }
    }
    impl ToSchema for super::UserId {}
    impl PartialSchema for super::Seq {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).examples([1]).into()
        }
    }
    impl ToSchema for super::Seq {}
    impl PartialSchema for super::Epoch {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::String).into()
        }
    }
    impl ToSchema for super::Epoch {}
    impl PartialSchema for crate::Timestamp {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
                .into()
        }
    }
    impl ToSchema for crate::Timestamp {}
}
