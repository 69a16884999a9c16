//! [`Accounts`] by name: each method hands its work to the writer or to a reader.

use async_trait::async_trait;
use chat_common::event::server::ServerRole;
use chat_common::rest::AuditLine;
use chat_common::{Timestamp, UserId, UserName};

use super::{SqliteStore, audit, authority, sessions, tokens, users};
use crate::storage::{Accounts, Authority, InviteRow, NewUser, Rotation, SessionRow, StoreResult, TokenRow, UserRow};

#[async_trait]
impl Accounts for SqliteStore {
    async fn create_user(&self, new: NewUser) -> StoreResult<UserRow> {
        self.write(move |c| users::create(c, &new)).await
    }

    async fn user(&self, id: UserId) -> StoreResult<Option<UserRow>> {
        self.read(move |c| users::by_id(c, id)).await
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<UserRow>> {
        let ids = ids.to_vec();
        self.read(move |c| ids.into_iter().filter_map(|id| users::by_id(c, id).transpose()).collect()).await
    }

    async fn user_by_name(&self, name: &UserName) -> StoreResult<Option<UserRow>> {
        let name = name.clone();
        self.read(move |c| users::by_name(c, &name)).await
    }

    async fn credentials(&self, name: &UserName) -> StoreResult<Option<(UserRow, Option<String>)>> {
        let name = name.clone();
        self.read(move |c| users::credentials(c, &name)).await
    }

    async fn set_password(&self, user: UserId, hash: String, keep: Option<String>, at: Timestamp) -> StoreResult<()> {
        self.write(move |c| users::set_password(c, user, &hash, keep.as_deref(), at)).await
    }

    async fn set_profile(
        &self,
        user: UserId,
        name: Option<UserName>,
        display_name: Option<String>,
        at: Timestamp,
    ) -> StoreResult<UserRow> {
        self.write(move |c| users::set_profile(c, user, name.as_ref(), display_name.as_deref(), at)).await
    }

    async fn set_server_role(
        &self,
        actor: Option<UserId>,
        user: UserId,
        role: ServerRole,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.write(move |c| users::set_server_role(c, actor, user, role, at)).await
    }

    async fn set_server_ban(
        &self,
        actor: Option<UserId>,
        user: UserId,
        until: Option<Timestamp>,
        reason: Option<String>,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.write(move |c| users::set_server_ban(c, actor, user, until, reason.as_deref(), at)).await
    }

    async fn list_users(
        &self,
        query: Option<String>,
        after: Option<UserName>,
        limit: u32,
    ) -> StoreResult<Vec<UserRow>> {
        self.read(move |c| users::list(c, query.as_deref(), after.as_ref(), limit)).await
    }

    async fn create_session(&self, session: SessionRow, refresh_hash: [u8; 32]) -> StoreResult<()> {
        self.write(move |c| sessions::create(c, &session, &refresh_hash)).await
    }

    async fn rotate_refresh(
        &self,
        presented: [u8; 32],
        successor: [u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Rotation> {
        self.write(move |c| sessions::rotate(c, &presented, &successor, expires_at, now)).await
    }

    async fn session(&self, id: &str, now: Timestamp) -> StoreResult<Option<SessionRow>> {
        let id = id.to_owned();
        self.read(move |c| sessions::by_id(c, &id, now)).await
    }

    async fn session_by_refresh(&self, hash: [u8; 32]) -> StoreResult<Option<SessionRow>> {
        self.read(move |c| sessions::by_refresh(c, &hash)).await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> StoreResult<Vec<SessionRow>> {
        self.read(move |c| sessions::of(c, user, now)).await
    }

    async fn revoke_session(&self, user: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(move |c| sessions::revoke(c, user, &id, at)).await
    }

    async fn revoke_sessions(&self, user: UserId, keep: Option<String>, at: Timestamp) -> StoreResult<()> {
        self.write(move |c| sessions::revoke_all(c, user, keep.as_deref(), at)).await
    }

    async fn create_token(&self, token: TokenRow, hash: [u8; 32], bot: NewUser) -> StoreResult<()> {
        self.write(move |c| tokens::create(c, &token, &hash, &bot)).await
    }

    async fn token_by_hash(&self, hash: [u8; 32]) -> StoreResult<Option<TokenRow>> {
        self.read(move |c| tokens::by_hash(c, &hash)).await
    }

    async fn tokens(&self, owner: UserId) -> StoreResult<Vec<TokenRow>> {
        self.read(move |c| tokens::of(c, owner)).await
    }

    async fn delete_token(&self, owner: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(move |c| tokens::delete(c, owner, &id, at)).await
    }

    async fn create_invite(&self, invite: InviteRow, at: Timestamp) -> StoreResult<()> {
        self.write(move |c| tokens::create_invite(c, &invite, at)).await
    }

    async fn invites(&self, now: Timestamp) -> StoreResult<Vec<InviteRow>> {
        self.read(move |c| tokens::invites(c, now)).await
    }

    async fn delete_invite(&self, id: &str) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(move |c| tokens::delete_invite(c, &id)).await
    }

    async fn set_block(&self, user: UserId, other: UserId, on: bool, at: Timestamp) -> StoreResult<()> {
        self.write(move |c| tokens::set_block(c, user, other, on, at)).await
    }

    async fn blocks(&self, user: UserId) -> StoreResult<Vec<UserId>> {
        self.read(move |c| tokens::blocks(c, user)).await
    }

    async fn authority_since(&self, cursor: Option<i64>) -> StoreResult<(Vec<Authority>, i64)> {
        self.read(move |c| authority::since(c, cursor)).await
    }

    async fn audit(&self, before: Option<i64>, limit: u32) -> StoreResult<(Vec<AuditLine>, Option<i64>)> {
        self.read(move |c| audit::page(c, before, limit)).await
    }

    async fn audit_after(&self, after: i64, limit: u32) -> StoreResult<Vec<(i64, AuditLine)>> {
        self.read(move |c| audit::after(c, after, limit)).await
    }

    async fn add_audit(
        &self,
        actor: Option<UserId>,
        action: &str,
        subject: &str,
        detail: Option<String>,
        at: Timestamp,
    ) -> StoreResult<()> {
        let (action, subject) = (action.to_owned(), subject.to_owned());
        self.write(move |c| audit::add(c, actor, &action, &subject, detail.as_deref(), at)).await
    }
}
