//! The program from outside: one binary, a real listener on a port the system picks, real clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod it {
    mod access;
    mod accounts;
    mod admin;
    mod audit;
    mod config;
    mod document;
    mod events;
    mod hooks;
    mod messages;
    mod process;
    mod rooms;
    mod watch;
    mod wire;
    mod world;
}
