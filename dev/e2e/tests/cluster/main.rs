//! Several nodes on real databases and brokers, behind real load balancers. A binary of its own, so that the other
//! tests do not wait behind it; the large scene has a binary to itself for the same reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod authority;
mod balancing;
mod bus;
mod nodes;
mod presence;
mod webhooks;
