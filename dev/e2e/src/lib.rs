//! The harness of the end-to-end tests: the real programs as processes, and clients that owe nothing to them.
//!
//! The tests in `tests/` look at the product from outside. Here stands only what they share: [`server`] starts, kills
//! and restarts a `chat-server` of its own; [`api`] speaks REST and [`socket`] Socket.IO as the documents describe
//! them, without the product's own client; [`link`] is what a client that comes back by itself is made of; [`raw`] sends bytes that no library would; [`pty`] shows what a person at
//! a terminal sees; [`foreign`] runs the official clients of other languages; [`receiver`] is told by webhooks; [`hostile`] is a server that lies;
//! [`services`] are real databases and brokers, [`redis`] one of a test's own with eyes on what passes, [`cluster`]
//! several servers on them, and [`balance`] what stands in front. What breaks all of it is `chat-chaos`.
//! A fault of the set-up panics with what to do about it: this crate is never part of a program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test harness: a panic is its answer")]

pub mod api;
pub mod balance;
pub mod cluster;
pub mod foreign;
pub mod hostile;
pub mod layering;
pub mod link;
pub mod program;
pub mod pty;
pub mod raw;
pub mod receiver;
pub mod redis;
pub mod server;
pub mod services;
pub mod socket;
pub mod wait;

pub use api::{Account, Api};
pub use cluster::Cluster;
pub use pty::{Screen, Terminal};
pub use server::{Options, Server};
pub use socket::Socket;
