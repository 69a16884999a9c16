//! Users, their names for ever, profiles, server roles and bans.

use chat_common::event::server::ServerRole;
use chat_common::{Timestamp, UserId};
use sqlx::PgConnection;

use super::rows;
use crate::domain::Refusal;
use crate::storage::{StoreResult, UserRow};

/// By id.
pub(super) async fn by_id(conn: &mut PgConnection, id: UserId) -> StoreResult<Option<UserRow>> {
    Ok(by_ids(conn, &[rows::user_in(id)]).await?.pop())
}

/// Several by id, in any order; unknown ids are left out.
pub(super) async fn by_ids(conn: &mut PgConnection, ids: &[i64]) -> StoreResult<Vec<UserRow>> {
    let sql = concat!("SELECT ", rows::user_columns!(), " FROM users u WHERE u.id = ANY ($1)");
    let found = sqlx::query(sql).bind(ids).fetch_all(conn).await?;
    found.iter().map(|row| rows::user(row, 0)).collect()
}

/// A user that must be there.
pub(super) async fn known(conn: &mut PgConnection, id: UserId) -> StoreResult<UserRow> {
    Ok(by_id(conn, id).await?.ok_or(Refusal::USER)?)
}

/// An actor: known and not banned from the server.
pub(super) async fn active(conn: &mut PgConnection, id: UserId, now: Timestamp) -> StoreResult<UserRow> {
    unbanned(known(conn, id).await?, now)
}

/// Refuses who is banned from the server.
pub(super) fn unbanned(user: UserRow, now: Timestamp) -> StoreResult<UserRow> {
    match user.banned_until {
        Some(until) if until > now => Err(Refusal::Banned { until: rows::end_of(until) }.into()),
        _ => Ok(user),
    }
}

pub(super) fn is_admin(user: &UserRow) -> bool {
    user.role == ServerRole::Admin
}
