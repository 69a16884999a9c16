//! API tokens, sessions, invitations, the audit and what admins do.

use chat_common::Cursor;
use chat_common::rest;

use super::{Caller, Result, Services};

/// `POST /tokens`; not for tokens and guests.
pub async fn create(s: &Services, caller: &Caller, req: rest::CreateToken) -> Result<rest::NewToken> {
    let _ = (s, caller, req);
    todo!()
}

/// `GET /tokens`
pub async fn list(s: &Services, caller: &Caller) -> Result<rest::Tokens> {
    let _ = (s, caller);
    todo!()
}

/// `DELETE /tokens/{id}`
pub async fn delete(s: &Services, caller: &Caller, id: &str) -> Result<()> {
    let _ = (s, caller, id);
    todo!()
}

/// `GET /sessions`
pub async fn sessions(s: &Services, caller: &Caller) -> Result<rest::Sessions> {
    let _ = (s, caller);
    todo!()
}

/// `DELETE /sessions/{id}`
pub async fn revoke_session(s: &Services, caller: &Caller, id: &str) -> Result<()> {
    let _ = (s, caller, id);
    todo!()
}

/// `DELETE /sessions`: all but the asker's own.
pub async fn revoke_others(s: &Services, caller: &Caller) -> Result<()> {
    let _ = (s, caller);
    todo!()
}

/// `POST /admin/invites`
pub async fn create_invite(s: &Services, caller: &Caller, req: rest::CreateInvite) -> Result<rest::NewInvite> {
    let _ = (s, caller, req);
    todo!()
}

/// `GET /admin/users`
pub async fn users(
    s: &Services,
    caller: &Caller,
    query: Option<String>,
    after: Option<Cursor>,
    limit: Option<u32>,
) -> Result<rest::Users> {
    let _ = (s, caller, query, after, limit);
    todo!()
}

/// `GET /admin/audit`
pub async fn audit(s: &Services, caller: &Caller, after: Option<Cursor>, limit: Option<u32>) -> Result<rest::Audit> {
    let _ = (s, caller, after, limit);
    todo!()
}
