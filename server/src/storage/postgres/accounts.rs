//! [`Accounts`] by name: each method is a transaction or a read.

use async_trait::async_trait;
use chat_common::event::server::ServerRole;
use chat_common::rest::AuditLine;
use chat_common::{Timestamp, UserId, UserName};

use super::PostgresStore;
use crate::storage::{Accounts, Authority, InviteRow, NewUser, Rotation, SessionRow, StoreResult, TokenRow, UserRow};

#[async_trait]
impl Accounts for PostgresStore {
    async fn create_user(&self, _new: NewUser) -> StoreResult<UserRow> {
        Err(super::unwritten())
    }

    async fn user(&self, _id: UserId) -> StoreResult<Option<UserRow>> {
        Err(super::unwritten())
    }

    async fn users(&self, _ids: &[UserId]) -> StoreResult<Vec<UserRow>> {
        Err(super::unwritten())
    }

    async fn user_by_name(&self, _name: &UserName) -> StoreResult<Option<UserRow>> {
        Err(super::unwritten())
    }

    async fn credentials(&self, _name: &UserName) -> StoreResult<Option<(UserRow, Option<String>)>> {
        Err(super::unwritten())
    }

    async fn set_password(
        &self,
        _user: UserId,
        _hash: String,
        _keep: Option<String>,
        _at: Timestamp,
    ) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn set_profile(
        &self,
        _user: UserId,
        _name: Option<UserName>,
        _display_name: Option<String>,
        _at: Timestamp,
    ) -> StoreResult<UserRow> {
        Err(super::unwritten())
    }

    async fn set_server_role(
        &self,
        _actor: Option<UserId>,
        _user: UserId,
        _role: ServerRole,
        _at: Timestamp,
    ) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn set_server_ban(
        &self,
        _actor: Option<UserId>,
        _user: UserId,
        _until: Option<Timestamp>,
        _reason: Option<String>,
        _at: Timestamp,
    ) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn list_users(
        &self,
        _query: Option<String>,
        _after: Option<UserName>,
        _limit: u32,
    ) -> StoreResult<Vec<UserRow>> {
        Err(super::unwritten())
    }

    async fn create_session(&self, _session: SessionRow, _refresh_hash: [u8; 32]) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn rotate_refresh(
        &self,
        _presented: [u8; 32],
        _successor: [u8; 32],
        _expires_at: Timestamp,
        _now: Timestamp,
    ) -> StoreResult<Rotation> {
        Err(super::unwritten())
    }

    async fn session(&self, _id: &str, _now: Timestamp) -> StoreResult<Option<SessionRow>> {
        Err(super::unwritten())
    }

    async fn session_by_refresh(&self, _hash: [u8; 32]) -> StoreResult<Option<SessionRow>> {
        Err(super::unwritten())
    }

    async fn sessions(&self, _user: UserId, _now: Timestamp) -> StoreResult<Vec<SessionRow>> {
        Err(super::unwritten())
    }

    async fn revoke_session(&self, _user: UserId, _id: &str, _at: Timestamp) -> StoreResult<bool> {
        Err(super::unwritten())
    }

    async fn revoke_sessions(&self, _user: UserId, _keep: Option<String>, _at: Timestamp) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn create_token(&self, _token: TokenRow, _hash: [u8; 32], _bot: NewUser) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn token_by_hash(&self, _hash: [u8; 32]) -> StoreResult<Option<TokenRow>> {
        Err(super::unwritten())
    }

    async fn tokens(&self, _owner: UserId) -> StoreResult<Vec<TokenRow>> {
        Err(super::unwritten())
    }

    async fn delete_token(&self, _owner: UserId, _id: &str, _at: Timestamp) -> StoreResult<bool> {
        Err(super::unwritten())
    }

    async fn create_invite(&self, _invite: InviteRow, _at: Timestamp) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn invites(&self, _now: Timestamp) -> StoreResult<Vec<InviteRow>> {
        Err(super::unwritten())
    }

    async fn delete_invite(&self, _id: &str) -> StoreResult<bool> {
        Err(super::unwritten())
    }

    async fn set_block(&self, _user: UserId, _other: UserId, _on: bool, _at: Timestamp) -> StoreResult<()> {
        Err(super::unwritten())
    }

    async fn blocks(&self, _user: UserId) -> StoreResult<Vec<UserId>> {
        Err(super::unwritten())
    }

    async fn authority_since(&self, _cursor: Option<i64>) -> StoreResult<(Vec<Authority>, i64)> {
        Err(super::unwritten())
    }

    async fn audit(&self, _before: Option<i64>, _limit: u32) -> StoreResult<(Vec<AuditLine>, Option<i64>)> {
        Err(super::unwritten())
    }

    async fn add_audit(
        &self,
        _actor: Option<UserId>,
        _action: &str,
        _subject: &str,
        _detail: Option<String>,
        _at: Timestamp,
    ) -> StoreResult<()> {
        Err(super::unwritten())
    }
}
