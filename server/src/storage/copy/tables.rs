//! What there is to copy: the tables that all back ends have, with the names they have in SQLite.

use serde::{Deserialize, Serialize};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Kind {
    /// 64 bits.
    Number,
    /// 32 bits.
    Count,
    /// A few values.
    Small,
    /// Yes or no.
    Flag,
    Text,
    Bytes,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::storage) enum Value {
    None,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// About how much it weighs.
    pub fn bytes(&self) -> usize {
        match self {
            Self::None | Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Values in the order of [`Table::columns`].
pub(in crate::storage) type Row = Vec<Value>;

/// A table of both back ends.
#[derive(Debug)]
pub(in crate::storage) struct Table {
    pub name: &'static str,
    /// The first so many columns are its primary key.
    pub key: usize,
    pub columns: &'static [(&'static str, Kind)],
}

use Kind::{Bytes, Count, Flag, Number, Small, Text};

const fn table(name: &'static str, key: usize, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, key, columns }
}

/// Everything but what `LEFT` names.
pub(in crate::storage) const TABLES: [Table; 20] = [
    table(
        "users",
        1,
        &[
            ("id", Number),
            ("name", Text),
            ("display_name", Text),
            ("kind", Small),
            ("role", Small),
            ("owner", Number),
            ("password_hash", Text),
            ("created_at", Number),
            ("banned_until", Number),
        ],
    ),
    table("names", 2, &[("skeleton", Text), ("name", Text), ("user", Number)]),
    table(
        "sessions",
        1,
        &[
            ("id", Text),
            ("user", Number),
            ("agent", Text),
            ("created_at", Number),
            ("used_at", Number),
            ("expires_at", Number),
            ("refresh", Bytes),
        ],
    ),
    table("spent_refreshes", 1, &[("hash", Bytes), ("session", Text), ("at", Number)]),
    table(
        "tokens",
        1,
        &[
            ("id", Text),
            ("hash", Bytes),
            ("owner", Number),
            ("bot", Number),
            ("name", Text),
            ("scopes", Text),
            ("rooms", Text),
            ("created_at", Number),
            ("expires_at", Number),
        ],
    ),
    table(
        "invites",
        1,
        &[
            ("id", Text),
            ("code_hash", Bytes),
            ("by", Number),
            ("uses_left", Number),
            ("created_at", Number),
            ("expires_at", Number),
        ],
    ),
    table("blocks", 2, &[("user", Number), ("other", Number), ("at", Number)]),
    table(
        "audit",
        1,
        &[("id", Number), ("at", Number), ("actor", Number), ("action", Text), ("subject", Text), ("detail", Text)],
    ),
    table(
        "rooms",
        1,
        &[
            ("id", Number),
            ("name", Text),
            ("kind", Small),
            ("topic", Text),
            ("folded", Text),
            ("first", Number),
            ("head", Number),
            ("head_at", Number),
            ("members", Count),
            ("low", Number),
            ("high", Number),
            ("created_at", Number),
            ("retention_days", Count),
            ("blanked", Number),
        ],
    ),
    table("erasures", 1, &[("user", Number), ("room", Number), ("seq", Number)]),
    table("feed_rooms", 1, &[("room", Number), ("seq", Number)]),
    table(
        "members",
        2,
        &[("room", Number), ("user", Number), ("role", Small), ("read", Number), ("joined_at", Number)],
    ),
    table(
        "sanctions",
        2,
        &[("room", Number), ("user", Number), ("banned_until", Number), ("muted_until", Number), ("kicked", Flag)],
    ),
    table(
        "hooks",
        1,
        &[
            ("id", Text),
            ("hash", Bytes),
            ("room", Number),
            ("bot", Number),
            ("name", Text),
            ("created_at", Number),
            ("signing", Text),
        ],
    ),
    table(
        "messages",
        1,
        &[
            ("id", Number),
            ("room", Number),
            ("seq", Number),
            ("at", Number),
            ("sender", Number),
            ("client_id", Text),
            ("text_hash", Bytes),
            ("text", Text),
            ("text_seq", Number),
            ("rev", Number),
            ("reply_to", Number),
            ("mentions", Bytes),
            ("edited_at", Number),
            ("superseded_by", Number),
            ("deleted", Flag),
        ],
    ),
    table(
        "entries",
        2,
        &[
            ("room", Number),
            ("seq", Number),
            ("at", Number),
            ("sender", Number),
            ("target", Number),
            ("superseded_by", Number),
            ("body", Text),
        ],
    ),
    table(
        "outgoing",
        1,
        &[
            ("id", Text),
            ("room", Number),
            ("maker", Number),
            ("url", Text),
            ("events", Number),
            ("bots", Flag),
            ("signing", Text),
            ("created_at", Number),
            ("seq", Number),
            ("attempts", Number),
            ("next_at", Number),
            ("failing_since", Number),
            ("fault", Text),
            ("disabled_at", Number),
        ],
    ),
    table(
        "outgoing_dead",
        2,
        &[
            ("hook", Text),
            ("delivery", Text),
            ("event", Number),
            ("seq", Number),
            ("who", Number),
            ("at", Number),
            ("attempts", Number),
            ("fault", Text),
            ("again", Flag),
            ("dead_at", Number),
        ],
    ),
    table("mentions", 3, &[("user", Number), ("room", Number), ("seq", Number)]),
    table("reactions", 4, &[("room", Number), ("seq", Number), ("emoji", Text), ("user", Number), ("came", Number)]),
];

/// What is not copied: `meta`, of which the caller takes the key of the texts' hashes; what only nodes that run need;
/// the search index, which the target builds by itself; who came and went and was not told yet to a webhook.
#[cfg(test)]
pub(in crate::storage) const LEFT: [&str; 8] =
    ["meta", "authority_log", "nodes", "guesses", "feed_lead", "message_index", "outgoing_lead", "outgoing_moves"];
