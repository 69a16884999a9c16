//! Every request that needs a token. One that is refused for its token is made once more with a fresh one.

use std::sync::Arc;

use chat_common::event::{history, member, presence, room};
use chat_common::model::RoomSummary;
use chat_common::rest::{
    CreateHook, CreateOutgoing, CreateToken, Hooks, Me, NewHook, NewOutgoing, NewToken, Outgoings, PostMessage, Posted,
    Tokens as ApiTokens,
};
use chat_common::{Cursor, ErrorCode, RoomRef};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Api, ApiError, Content, NOTHING, Session, body, query};
use crate::credentials::Tokens;
use crate::guest;

/// A server, with a session.
#[derive(Clone, Debug)]
pub struct Client {
    api: Api,
    session: Arc<Session>,
}

/// `history:get` without its room, which stands in the path.
#[derive(Serialize)]
struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    around: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

#[derive(Serialize)]
struct More<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Cursor>,
}

#[derive(Serialize)]
struct InRoom<'a> {
    room: &'a RoomRef,
}

impl Client {
    /// From its parts.
    pub fn new(api: Api, session: Arc<Session>) -> Self {
        Self { api, session }
    }

    /// Where tokens come from, for the line.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        content: Content<'_, impl Serialize + Sync, impl Serialize + Sync>,
    ) -> Result<T, ApiError> {
        let access = self.session.access(None).await?;
        let Content { query, body, key } = content;
        let first = self.api.call(method.clone(), path, Some(&access.token), Content { query, body, key }).await;
        match first {
            Err(ApiError::Refused { body: error }) if error.code == ErrorCode::Unauthorized => {
                let fresh = self
                    .session
                    .access(Some(&access.token))
                    .await
                    .map_err(|e| ApiError::Refused { body: if e.fatal { e.error } else { error } })?;
                self.api.call(method, path, Some(&fresh.token), Content { query, body, key }).await
            }
            other => other,
        }
    }

    /// Asks about a room; where a person is not found, about the guest of that name.
    async fn meant<T>(
        &self,
        room: &RoomRef,
        ask: impl AsyncFn(&RoomRef) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let error = match ask(room).await {
            Err(error) if error.code() == Some(ErrorCode::NotFound) => error,
            other => return other,
        };
        let Some(guest) = guest::conversation(room) else { return Err(error) };
        match ask(&guest).await {
            Err(again) if again.code() == Some(ErrorCode::NotFound) => Err(error),
            other => other,
        }
    }

    /// Who one is.
    pub async fn me(&self) -> Result<Me, ApiError> {
        self.call(Method::GET, &["me"], NOTHING).await
    }

    /// One's API tokens.
    pub async fn tokens(&self) -> Result<ApiTokens, ApiError> {
        self.call(Method::GET, &["tokens"], NOTHING).await
    }

    /// Makes an API token; it is shown this once.
    pub async fn create_token(&self, token: &CreateToken) -> Result<NewToken, ApiError> {
        self.call(Method::POST, &["tokens"], body(token)).await
    }

    /// Takes an API token back.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ApiError> {
        let _: serde_json::Value = self.call(Method::DELETE, &["tokens", id], NOTHING).await?;
        Ok(())
    }

    /// Sends a message; the same key is stored once.
    pub async fn post(&self, room: &RoomRef, message: &PostMessage) -> Result<Posted, ApiError> {
        let key = message.client_id.as_ref().map(chat_common::ClientId::as_str);
        let content = Content::<(), _> { query: None, body: Some(message), key };
        self.call(Method::POST, &["rooms", &room.to_string(), "messages"], content).await
    }

    /// A page of messages.
    pub async fn history(&self, get: &history::Get) -> Result<history::GetReply, ApiError> {
        let page = Page {
            before: get.before.map(|s| s.0),
            after: get.after.map(|s| s.0),
            around: get.around.map(|s| s.0),
            limit: get.limit,
        };
        let ask = async |room: &RoomRef| {
            self.call(Method::GET, &["rooms", &room.to_string(), "messages"], query(&page)).await
        };
        self.meant(&get.room, ask).await
    }

    /// Messages that hold a text.
    pub async fn search(&self, search: &history::Search) -> Result<history::SearchReply, ApiError> {
        self.call(Method::GET, &["search"], query(search)).await
    }

    /// A page of public rooms and one's own.
    pub async fn rooms(&self, list: &room::List) -> Result<room::ListReply, ApiError> {
        self.call(Method::GET, &["rooms"], query(list)).await
    }

    /// One room.
    pub async fn room(&self, room: &RoomRef) -> Result<RoomSummary, ApiError> {
        let reply: room::RoomReply = self.call(Method::GET, &["rooms", &room.to_string()], NOTHING).await?;
        Ok(reply.room)
    }

    /// Becomes a member.
    pub async fn join(&self, room: &RoomRef) -> Result<(), ApiError> {
        let _: serde_json::Value =
            self.call(Method::POST, &["rooms", &room.to_string(), "join"], body(&chat_common::event::Empty {})).await?;
        Ok(())
    }

    /// A page of members.
    pub async fn members(&self, room: &RoomRef, after: Option<&Cursor>) -> Result<member::ListReply, ApiError> {
        self.call(Method::GET, &["rooms", &room.to_string(), "members"], query(&More { after })).await
    }

    /// A room's webhooks that post.
    pub async fn hooks(&self, room: &RoomRef) -> Result<Hooks, ApiError> {
        self.call(Method::GET, &["rooms", &room.to_string(), "hooks"], NOTHING).await
    }

    /// Makes one; its address is shown this once.
    pub async fn create_hook(&self, room: &RoomRef, hook: &CreateHook) -> Result<NewHook, ApiError> {
        self.call(Method::POST, &["rooms", &room.to_string(), "hooks"], body(hook)).await
    }

    /// Gives one another address.
    pub async fn rotate_hook(&self, room: &RoomRef, id: &str) -> Result<NewHook, ApiError> {
        self.call(Method::POST, &["rooms", &room.to_string(), "hooks", id, "rotate"], NOTHING).await
    }

    /// Deletes one.
    pub async fn delete_hook(&self, room: &RoomRef, id: &str) -> Result<(), ApiError> {
        let _: serde_json::Value =
            self.call(Method::DELETE, &["rooms", &room.to_string(), "hooks", id], NOTHING).await?;
        Ok(())
    }

    /// A room's webhooks that tell.
    pub async fn outgoing(&self, room: &RoomRef) -> Result<Outgoings, ApiError> {
        self.call(Method::GET, &["rooms", &room.to_string(), "outgoing"], NOTHING).await
    }

    /// Makes one; its signing secret is shown this once.
    pub async fn create_outgoing(&self, room: &RoomRef, hook: &CreateOutgoing) -> Result<NewOutgoing, ApiError> {
        self.call(Method::POST, &["rooms", &room.to_string(), "outgoing"], body(hook)).await
    }

    /// Deletes one.
    pub async fn delete_outgoing(&self, room: &RoomRef, id: &str) -> Result<(), ApiError> {
        let _: serde_json::Value =
            self.call(Method::DELETE, &["rooms", &room.to_string(), "outgoing", id], NOTHING).await?;
        Ok(())
    }

    /// Who is present in a room.
    pub async fn presence(&self, room: &RoomRef) -> Result<presence::GetReply, ApiError> {
        let ask = async |room: &RoomRef| self.call(Method::GET, &["presence"], query(&InRoom { room })).await;
        self.meant(room, ask).await
    }
}
