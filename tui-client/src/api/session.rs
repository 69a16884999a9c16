//! Where a program's token comes from: given, printed by a command, or a session on disk that all programs of a profile
//! share. Without any of them, a guest is made.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat_common::model::User;
use chat_common::{Clock, ErrorBody, ErrorCode, SystemClock, UserName};

use super::{Api, ApiError};
use crate::credentials::{Access, Credentials, CredentialsError, Key, Locked, Stored, TokenError, Tokens, Unreached};

/// A token that ends sooner is renewed before it is used.
const AHEAD: Duration = Duration::from_secs(30);
/// How long a command may take to print a token.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// Names tried for a guest before giving up.
const NAMES: u32 = 8;

/// Where the token comes from.
#[derive(Clone)]
pub enum Source {
    /// Given as it is: environment or file.
    Fixed(String),
    /// Printed by a program: its arguments.
    Command(Vec<String>),
    /// On disk.
    Stored {
        /// The file.
        credentials: Credentials,
        /// A profile's name.
        profile: String,
        /// The guest's name, if there is no account.
        guest: String,
        /// The guest is meant even if there is an account (`--name` was given).
        forced: bool,
    },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Command(_) => "Command",
            Self::Stored { .. } => "Stored",
        })
    }
}

/// A source of tokens for one server.
#[derive(Debug)]
pub struct Session {
    api: Api,
    source: Source,
    /// What a command printed, so that it runs once; small, never held across a wait.
    printed: Mutex<Option<String>>,
}

fn fatal(code: ErrorCode, message: impl Into<String>) -> TokenError {
    TokenError { error: ErrorBody::new(code, message), fatal: true, unreached: None }
}

impl From<CredentialsError> for TokenError {
    fn from(e: CredentialsError) -> Self {
        // What is locked now may be free later.
        let fatal = !matches!(e, CredentialsError::Locked { .. });
        Self { error: ErrorBody::new(ErrorCode::Unavailable, e.to_string()), fatal, unreached: None }
    }
}

impl From<ApiError> for TokenError {
    fn from(e: ApiError) -> Self {
        let error = e.body();
        let fatal = !error.code.is_retryable();
        let unreached = match e {
            ApiError::HostUnknown { host } => Some(Unreached::Host(host)),
            ApiError::Unreachable { server, reason } => Some(Unreached::Server { server, reason }),
            _ => None,
        };
        Self { error, fatal, unreached }
    }
}

impl From<TokenError> for ApiError {
    fn from(e: TokenError) -> Self {
        match e.unreached {
            Some(Unreached::Host(host)) => Self::HostUnknown { host },
            Some(Unreached::Server { server, reason }) => Self::Unreachable { server, reason },
            None => Self::Refused { body: e.error },
        }
    }
}

fn usable(stored: &Stored, not: Option<&str>) -> bool {
    not != Some(stored.access_token.as_str()) && stored.expires_at > SystemClock.now().plus(AHEAD)
}

fn access(stored: Stored) -> Access {
    Access { token: stored.access_token, expires_at: Some(stored.expires_at) }
}

impl Session {
    /// For one server.
    pub fn new(api: Api, source: Source) -> Self {
        Self { api, source, printed: Mutex::new(None) }
    }

    /// Who one was when the session on disk was last renewed; `None` where nothing is known yet.
    pub fn user(&self) -> Option<User> {
        match &self.source {
            Source::Stored { credentials, .. } => {
                let key = self.key(credentials).ok()??;
                credentials.get(&key).ok()?.map(|s| s.user)
            }
            _ => None,
        }
    }

    /// Keeps the session of a login or a registration as the profile's account.
    pub async fn keep(&self, session: chat_common::rest::Session) -> Result<(), TokenError> {
        let Source::Stored { credentials, profile, .. } = &self.source else {
            let message = "a token is given (CHAT_TOKEN, --token-file or token_command), so a login would not be used";
            return Err(fatal(ErrorCode::Conflict, message));
        };
        let locked = lock(credentials).await?;
        Ok(locked.set(&self.account(profile), Some(session.into()))?)
    }

    /// Ends the session on disk, the account's before the guest's; gives who it was.
    pub async fn end(&self) -> Result<Option<User>, TokenError> {
        let Source::Stored { credentials, .. } = &self.source else {
            return Err(fatal(ErrorCode::Conflict, "the token was given; only sessions on disk can be ended"));
        };
        let locked = lock(credentials).await?;
        let Some(key) = self.key(credentials)? else { return Ok(None) };
        let Some(stored) = locked.get(&key)? else { return Ok(None) };
        match self.api.logout(&stored.access_token, &stored.refresh_token).await {
            // Ended already is ended.
            Ok(()) | Err(ApiError::Refused { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        locked.set(&key, None)?;
        Ok(Some(stored.user))
    }

    fn account(&self, profile: &str) -> Key {
        Key::account(&self.api.server().to_string(), profile)
    }

    /// The session on disk that counts, if there is one.
    fn key(&self, credentials: &Credentials) -> Result<Option<Key>, CredentialsError> {
        let Source::Stored { profile, guest, forced, .. } = &self.source else { return Ok(None) };
        let account = self.account(profile);
        if let Some(stored) = credentials.get(&account)?
            && (!forced || stored.user.name.as_str() == guest)
        {
            return Ok(Some(account));
        }
        let key = Key::guest(&self.api.server().to_string(), profile, guest);
        Ok(credentials.get(&key)?.map(|_| key))
    }

    async fn kept_on_disk(&self, not: Option<&str>) -> Result<Access, TokenError> {
        let Source::Stored { credentials, profile, guest, .. } = &self.source else {
            return Err(fatal(ErrorCode::Internal, "no session on disk"));
        };
        if let Some(key) = self.key(credentials)?
            && let Some(stored) = credentials.get(&key)?.filter(|s| usable(s, not))
        {
            return Ok(access(stored));
        }
        let locked = lock(credentials).await?;
        // Another program may have renewed, logged in or out while this one waited.
        let key = self.key(credentials)?;
        if let Some(key) = &key
            && let Some(stored) = locked.get(key)?
        {
            if usable(&stored, not) {
                return Ok(access(stored));
            }
            match self.api.refresh(&stored.refresh_token).await {
                Ok(session) => {
                    let stored = Stored::from(session);
                    locked.set(key, Some(stored.clone()))?;
                    return Ok(access(stored));
                }
                Err(e) if e.code() != Some(ErrorCode::Unauthorized) => return Err(e.into()),
                Err(_) if !stored.user.name.is_guest() => {
                    let message = format!(
                        "the session of {} has ended; log in again: chat-tui login {}",
                        stored.user.name, stored.user.name
                    );
                    return Err(fatal(ErrorCode::Unauthorized, message));
                }
                // A guest has nothing to log in with: it becomes another one.
                Err(_) => {}
            }
        }
        let stored = Stored::from(self.make_guest(guest).await?);
        locked.set(&Key::guest(&self.api.server().to_string(), profile, guest), Some(stored.clone()))?;
        Ok(access(stored))
    }

    /// Makes a guest; one whose name is taken gets a number.
    async fn make_guest(&self, wish: &str) -> Result<chat_common::rest::Session, TokenError> {
        let stem: String = wish.chars().take(26).collect();
        for attempt in 0..NAMES {
            let name = match attempt {
                0 => wish.to_owned(),
                1 | 2 => format!("{stem}{}", attempt + 1),
                _ => format!("{stem}-{:04x}", short_random()),
            };
            match self.api.guest(&name).await {
                Err(e) if e.code() == Some(ErrorCode::Conflict) => {}
                Err(ApiError::Refused { mut body })
                    if matches!(body.code, ErrorCode::Forbidden | ErrorCode::Unauthorized) =>
                {
                    body.message = format!(
                        "{}; log in with an account: chat-tui login NAME, or make one: chat-tui register NAME",
                        body.message
                    );
                    return Err(TokenError { error: body, fatal: true, unreached: None });
                }
                other => return Ok(other?),
            }
        }
        Err(fatal(ErrorCode::Conflict, format!("the guest name {wish:?} is taken; choose another one with --name")))
    }

    async fn printed(&self, command: &[String], not: Option<&str>) -> Result<Access, TokenError> {
        let known = self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = known.filter(|t| Some(t.as_str()) != not) {
            return Ok(Access { token, expires_at: None });
        }
        let config = |m: String| fatal(ErrorCode::Invalid, m);
        let [program, arguments @ ..] = command else { return Err(config("token_command is empty".to_owned())) };
        let run = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(COMMAND_LIMIT, run)
            .await
            .map_err(|_| config(format!("token_command ({program}) printed nothing for 30 s")))?
            .map_err(|e| config(format!("token_command ({program}) cannot be started: {e}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let token = text.lines().next().unwrap_or_default().trim().to_owned();
        if !output.status.success() || token.is_empty() {
            return Err(config(format!("token_command ({program}) printed no token and ended with {}", output.status)));
        }
        if not == Some(token.as_str()) {
            return Err(refused());
        }
        *self.printed.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(Access { token, expires_at: None })
    }
}

fn short_random() -> u16 {
    getrandom::u32().map_or(0, |n| u16::try_from(n & 0xffff).unwrap_or(0))
}

fn refused() -> TokenError {
    fatal(ErrorCode::Unauthorized, "the server does not take the token that was given; it may have been revoked")
}

/// Waits for the lock without holding up anything else.
async fn lock(credentials: &Credentials) -> Result<Locked, TokenError> {
    let credentials = credentials.clone();
    match tokio::task::spawn_blocking(move || credentials.lock()).await {
        Ok(result) => Ok(result?),
        Err(e) => Err(fatal(ErrorCode::Internal, e.to_string())),
    }
}

#[async_trait]
impl Tokens for Session {
    async fn access(&self, not: Option<&str>) -> Result<Access, TokenError> {
        match &self.source {
            Source::Fixed(token) if not == Some(token.as_str()) => Err(refused()),
            Source::Fixed(token) => Ok(Access { token: token.clone(), expires_at: None }),
            Source::Command(command) => self.printed(command, not).await,
            Source::Stored { .. } => self.kept_on_disk(not).await,
        }
    }
}

/// A guest's name out of whatever a user is called on this machine.
pub fn guest_name(user: Option<&str>) -> String {
    let wish: String = user
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' })
        .take(32)
        .collect();
    let wish = wish.trim_start_matches(['-', '.']);
    match UserName::account(wish) {
        Ok(name) => name.as_str().to_owned(),
        Err(_) => "guest".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_login_name_gives_a_guest_name() {
        for (user, name) in [
            (Some("Ana"), "ana"),
            (Some("DOMAIN\\bob"), "domain-bob"),
            (Some("x"), "guest"),
            (Some("-..-"), "guest"),
            (Some("名前"), "guest"),
            (None, "guest"),
        ] {
            assert_eq!(guest_name(user), name, "{user:?}");
        }
    }
}
