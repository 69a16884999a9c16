//! Who one is: accounts, guests, sessions, access tokens.

use std::net::IpAddr;
use std::sync::Arc;

use chat_common::rest;

use super::{Caller, Result, Services};

/// Who may come in without an invitation, as it holds for one request (the edge has judged `auto` by DESIGN's rule:
/// loopback listener, no proxy, local Host, no forwarded headers).
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

/// Keys and hashing: made once at start from the key file in the data folder.
#[derive(Clone)]
pub struct Auth {
    _private: Arc<()>,
}

/// `POST /auth/register`
pub async fn register(s: &Services, origin: &Origin, req: rest::Register) -> Result<rest::Session> {
    let _ = (s, origin, req);
    todo!()
}

/// `POST /auth/login`
pub async fn login(s: &Services, origin: &Origin, req: rest::Login) -> Result<rest::Session> {
    let _ = (s, origin, req);
    todo!()
}

/// `POST /auth/guest`
pub async fn guest(s: &Services, origin: &Origin, req: rest::Guest) -> Result<rest::Session> {
    let _ = (s, origin, req);
    todo!()
}

/// `POST /auth/refresh`
pub async fn refresh(s: &Services, origin: &Origin, req: rest::Refresh) -> Result<rest::Session> {
    let _ = (s, origin, req);
    todo!()
}

/// `POST /auth/logout`
pub async fn logout(s: &Services, caller: Option<&Caller>, req: rest::Logout) -> Result<()> {
    let _ = (s, caller, req);
    todo!()
}

/// Who a bearer token (access or API token) proves; `Unauthorized` with the reason, `Banned` from the server.
pub async fn authenticate(s: &Services, token: &str) -> Result<Caller> {
    let _ = (s, token);
    todo!()
}

/// `GET /me`
pub async fn me(s: &Services, caller: &Caller) -> Result<rest::Me> {
    let _ = (s, caller);
    todo!()
}

/// `PATCH /me`
pub async fn patch_me(s: &Services, caller: &Caller, req: rest::PatchMe) -> Result<rest::Me> {
    let _ = (s, caller, req);
    todo!()
}
