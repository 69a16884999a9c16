//! Getting and ending sessions.

use chat_common::event::Empty;
use chat_common::rest::{Guest, Login, Logout, Refresh, Register, Session};
use reqwest::Method;

use super::{Api, ApiError, body};

impl Api {
    /// Whether anything answers there.
    pub async fn alive(&self) -> Result<(), ApiError> {
        self.exchange(Method::GET, self.server.join(&["healthz"]), None, Vec::new(), None).await.map(drop)
    }

    /// Makes an account.
    pub async fn register(&self, request: &Register) -> Result<Session, ApiError> {
        self.call(Method::POST, &["auth", "register"], None, body(request)).await
    }

    /// Opens a session of an account.
    pub async fn login(&self, request: &Login) -> Result<Session, ApiError> {
        self.call(Method::POST, &["auth", "login"], None, body(request)).await
    }

    /// Makes a guest.
    pub async fn guest(&self, name: &str) -> Result<Session, ApiError> {
        self.call(Method::POST, &["auth", "guest"], None, body(&Guest { name: name.to_owned() })).await
    }

    /// Trades a refresh token for its successor.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Session, ApiError> {
        let request = Refresh { refresh_token: refresh_token.to_owned() };
        self.call(Method::POST, &["auth", "refresh"], None, body(&request)).await
    }

    /// Ends a session.
    pub async fn logout(&self, access_token: &str, refresh_token: &str) -> Result<(), ApiError> {
        let request = Logout { refresh_token: Some(refresh_token.to_owned()) };
        let _: Empty = self.call(Method::POST, &["auth", "logout"], Some(access_token), body(&request)).await?;
        Ok(())
    }
}
