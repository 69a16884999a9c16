//! Who one is: accounts, guests, sessions, access tokens.
//!
//! `keyfile` keeps the server's secret, `key` signs, `password` hashes (with `argon`), `secret` makes and hashes opaque tokens,
//! `throttle` slows guessing down; `enter` opens and ends sessions, `proof` reads a bearer token, `me` is about
//! oneself.

mod argon;
mod enter;
mod key;
mod keyfile;
mod me;
mod password;
mod proof;
pub(super) mod secret;
mod throttle;

use std::net::IpAddr;

pub(super) use enter::user_id;
pub use enter::{guest, login, logout, refresh, register};
pub use key::Auth;
pub use keyfile::KeyError;
pub use me::{me, patch_me};
pub(super) use password::check as check_password;
pub use proof::authenticate;

/// What is said of a token whose time is over.
pub(super) const EXPIRED: &str = "token expired";

/// Who may come in without an invitation, as it holds for one request (the edge has judged `auto`: loopback
/// listener, no proxy, local Host, no forwarded headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone.
    Open,
    /// With an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// Where a request comes from, as the edge has found out.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's address (forwarded one behind a trusted proxy).
    pub address: IpAddr,
    /// `User-Agent`, if any.
    pub agent: Option<String>,
    /// What holds for this request.
    pub registration: Registration,
    /// What holds for this request.
    pub guests: bool,
}
