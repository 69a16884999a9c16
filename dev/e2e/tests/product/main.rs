//! The product from outside, as the documents describe it. One binary, so that it links once; every test has its own
//! server on its own port, so that all of them run at the same time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod authority;
mod bots;
mod commands;
mod dashboard;
mod deletion;
mod disk;
mod exits;
mod expiry;
mod faults;
mod feed;
mod foreign;
mod interface;
mod keeping;
mod messages;
mod moving;
mod observe;
mod operation;
mod passwords;
mod pointing;
mod private;
mod readme;
mod relay;
mod relay_cli;
mod relay_events;
mod relay_node;
mod scene;
mod scripts;
mod settings;
mod stream;
mod tail;
mod terminal;
mod terminal_state;
mod tls;
mod watching;
mod web;
mod webhooks;
mod webhooks_alertmanager;
mod webhooks_formats;
mod webhooks_hostile;
mod webhooks_out;
mod webhooks_screen;
mod wire;
mod wire_http;
mod wire_requests;
