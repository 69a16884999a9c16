//! Who may know whom. The tables are the architecture; `ARCHITECTURE.md` says why.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use chat_e2e::layering::{Rules, check_file, check_tree};
use chat_e2e::program::root;

const SERVER: Rules = Rules {
    own_names: &["chat_server"],
    layers: &[
        &["domain", "measure", "testing", "trail"],
        &["listen", "outbound", "storage"],
        // Presence, the order of delivery and the repair of holes read the store's traits.
        &["config", "lifecycle"],
        &["cluster"],
        &["telemetry", "service"],
        // The edges: none knows another.
        &["gateway", "rest", "relay", "cli"],
        &["app"],
        &["main"],
    ],
    narrow: &[],
    only_in: &[
        ("rusqlite", &["storage/sqlite/"]),
        ("sqlx", &["storage/postgres/"]),
        ("redis", &["cluster/", "relay/"]),
        ("rskafka", &["cluster/"]),
        ("socketioxide", &["gateway/", "relay/"]),
        ("axum", &["rest/", "relay/", "app/"]),
        ("utoipa_axum", &["rest/"]),
        ("ratatui", &["cli/top/"]),
        ("crossterm", &["cli/top/"]),
    ],
};

const CLIENT: Rules = Rules {
    own_names: &["chat_tui"],
    layers: &[
        // Tables and parsed values.
        &["command", "guest", "keymap", "theme", "server_url"],
        // What can be set, by the tables above.
        &["settings"],
        &["config", "credentials", "cache"],
        &["api"],
        &["net", "app"],
        &["ui", "notify"],
        &["runtime"],
        &["cli"],
        &["main"],
    ],
    // State and pictures of it: neither network nor disk.
    narrow: &[
        ("app", &["command", "guest", "keymap", "theme", "server_url", "settings"]),
        ("ui", &["app", "command", "keymap", "theme", "settings"]),
    ],
    only_in: &[
        ("toml_edit", &["config/"]),
        ("rust_socketio", &["net/socketio.rs"]),
        ("rusqlite", &["cache/"]),
        ("reqwest", &["api/"]),
        ("tokio", &["net/", "api/", "cache/", "credentials/", "runtime/", "notify/", "cli/", "main.rs"]),
    ],
};

/// No layers within: types that know serde and nothing that waits.
const COMMON: Rules = Rules {
    own_names: &["chat_common"],
    layers: &[],
    narrow: &[],
    only_in: &[("tokio", &[]), ("futures_util", &[]), ("reqwest", &[]), ("axum", &[]), ("rusqlite", &[])],
};

#[test]
fn the_server_keeps_its_layers() {
    let faults = check_tree(&root().join("server/src"), &SERVER);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_client_keeps_its_layers() {
    let faults = check_tree(&root().join("tui-client/src"), &CLIENT);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_contract_knows_nothing_that_waits() {
    let faults: Vec<_> =
        check_tree(&root().join("common/src"), &COMMON).into_iter().filter(|f| !f.contains("layering table")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The checker must be able to fail: each of these breaks a rule in another way of writing it.
#[test]
fn a_forbidden_edge_is_found_however_it_is_written() {
    for (file, source) in [
        ("domain/rules.rs", "use crate::storage::Store;"),
        ("service/rooms.rs", "use crate::{domain::X, gateway::{self, Y}};"),
        ("service/messages/send.rs", "fn f() { super::super::super::gateway::emit() }"),
        ("gateway/mod.rs", "use super::rest::routes;"),
        ("gateway/fanout.rs", "fn f(x: &crate::rest::State) {}"),
        ("service/rooms.rs", "use rusqlite::Connection;"),
        ("storage/mod.rs", "fn f(c: ::rusqlite::Connection) {}"),
        ("rest/mod.rs", "use socketioxide as s;"),
        ("nowhere.rs", "fn f() {}"),
        ("service/a.rs", "#[cfg(test)]\nmod tests { use crate::rest; }\nuse crate::rest::Y;"),
        ("service/a.rs", "const A: &str = r#\"\"//\"#; use crate::rest::Y;"),
        ("service/a.rs", "const A: char = '\"'; use crate::rest::Y; const B: char = '\"';"),
        ("main.rs", "use chat_server::app; fn f() { nothing() } use socketioxide::SocketIo;"),
    ] {
        assert_eq!(check_file(file, source, &SERVER).len(), 1, "{file}: {source}");
    }
}

#[test]
fn the_pure_half_of_the_client_knows_no_network_and_no_disk() {
    for (file, source) in [
        ("app/update/mod.rs", "use crate::api::Client;"),
        ("app/state.rs", "use crate::cache::Cache;"),
        ("ui/mod.rs", "use crate::net::NetHandle;"),
        ("app/mod.rs", "fn f() { tokio::spawn(async {}); }"),
        ("net/supervisor.rs", "use rust_socketio::Event;"),
    ] {
        assert_eq!(check_file(file, source, &CLIENT).len(), 1, "{file}: {source}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    for (file, source) in [
        ("service/rooms.rs", "use crate::storage::Store; use crate::domain::{a, b::c};"),
        ("service/rooms.rs", "// use crate::rest::Y;\n/* crate::gateway::x */ const A: &str = \"crate::rest::Y\";"),
        ("service/rooms.rs", "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { if x {} } use crate::rest::Y; }"),
        ("gateway/a/b.rs", "use super::rest; use super::super::fanout;"),
        ("storage/sqlite/mod.rs", "use rusqlite::Connection;"),
        ("service/rooms.rs", "use crate::storage::rusqlite_like; fn f(x: super::Y) {}"),
        ("app/mod.rs", "use crate::gateway; use crate::rest;"),
        ("app/mod.rs", "use axum::Router;"),
        ("lib.rs", "pub mod gateway; pub use crate::app::run;"),
    ] {
        let faults = check_file(file, source, &SERVER);
        assert!(faults.is_empty(), "{faults:?}");
    }
}
