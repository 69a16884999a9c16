//! Fuzz targets: each takes whatever bytes there are, gives them to the code that reads such bytes from outside, and
//! panics where a promise is broken. `cargo xtask fuzz` looks for such bytes; what was found worth keeping stands in
//! `corpus/TARGET/` and is replayed by `tests/corpus.rs` with all other tests.
//!
//! A target keeps nothing from one call to the next that changes what the next one does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is what a finding looks like")]

mod config;
mod requests;
mod screen;
mod store;
mod texts;
mod webhook;
mod wires;

/// One thing that reads what comes from outside.
#[derive(Clone, Copy)]
pub struct Target {
    /// As it is asked for, and its folder of the corpus.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them, in the order in which they are run.
pub const TARGETS: &[Target] = &[
    Target { name: "requests", run: requests::requests },
    Target { name: "texts", run: texts::texts },
    Target { name: "screen", run: screen::screen },
    Target { name: "webhook", run: webhook::webhook },
    Target { name: "server_config", run: config::server_config },
    Target { name: "client_config", run: config::client_config },
    Target { name: "relay_wire", run: wires::relay_wire },
    Target { name: "envelope", run: wires::envelope },
    Target { name: "search", run: store::search },
    Target { name: "cursors", run: store::cursors },
];

/// The one of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|t| t.name == name)
}

/// Their names.
pub fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|t| t.name).collect()
}
