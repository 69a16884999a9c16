//! What the chat promises, tried: clients of three kinds, nodes and services under a plan of faults that one number
//! makes, a history of everything that was sent, acknowledged and shown, and a checker that reads it.
//!
//! Pure are [`schedule`] (number in, plan out), [`check`] and [`summary`] (history in, verdict out) and [`timeline`].
//! [`event`] is the history's format and [`recorder`] writes it. [`member`] is a client of our own,
//! [`official`] runs the clients of other languages, [`outsider`] tries to see what it may not. [`proxy`] makes a
//! network ill, [`stage`] is everything that runs and can be broken, [`run`] conducts. [`soak`] is another run: nothing is
//! broken, and what the server holds must stay the same. The programs under test, REST, the
//! client's transports and the search for services are `chat-e2e`'s.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test harness: a panic is its answer")]

pub mod check;
pub mod event;
pub mod member;
pub mod official;
pub mod outsider;
pub mod proxy;
pub mod recorder;
pub mod run;
pub mod schedule;
pub mod soak;
pub mod stage;
pub mod summary;
pub mod timeline;
