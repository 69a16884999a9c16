//! Finding messages.

use axum::Json as Out;
use axum::extract::State;
use chat_common::event::history::{Has, Search, SearchReply};
use chat_common::{Cursor, RoomRef, Timestamp, UserName};
use serde::Deserialize;

use super::Rest;
use super::error::Result;
use super::extract::{Authed, Params};
use crate::service::search;

/// What to search for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// Words, all of which must stand in the text as parts.
    #[serde(default, alias = "q")]
    query: String,
    /// Only here.
    room: Option<RoomRef>,
    /// Only by this user.
    from: Option<UserName>,
    /// Not earlier.
    since: Option<Timestamp>,
    /// Earlier than this.
    until: Option<Timestamp>,
    /// `link`: only messages with one.
    has: Option<Has>,
    /// Only messages that mention oneself.
    mention: Option<bool>,
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295u64)]
    limit: Option<u32>,
}

/// Messages that hold a text, without regard to case and accents, newest first.
#[utoipa::path(get, path = "/search", tag = "messages", params(SearchParams),
    responses((status = 200, body = SearchReply), (status = 404)))]
pub async fn search(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<SearchParams>,
) -> Result<Out<SearchReply>> {
    let request = Search {
        query: p.query,
        room: p.room,
        from: p.from,
        since: p.since,
        until: p.until,
        has: p.has,
        mention: p.mention,
        after: p.after,
        limit: p.limit,
    };
    Ok(Out(search::search(&rest.services, &caller, request).await?))
}
