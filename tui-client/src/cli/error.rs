//! How commands fail: exit codes after sysexits, a sentence on the standard error, an object on the output with `--json`.

use std::process::ExitCode;

use chat_common::{ErrorBody, ErrorCode, RoomRef};
use serde::Serialize;

use super::output;
use crate::api::ApiError;
use crate::config::ConfigError;
use crate::credentials::TokenError;

/// Exit codes. Stable: scripts branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing matched.
    NoMatch = 1,
    /// The command line is wrong.
    Usage = 64,
    /// The data is wrong: empty, too long, not UTF-8.
    Data = 65,
    /// The input is not there.
    NoInput = 66,
    /// No such room, user or message.
    NotFound = 67,
    /// The host is not known.
    HostUnknown = 68,
    /// Unreachable after the retries.
    Unreachable = 69,
    /// A bug.
    Bug = 70,
    /// A file cannot be made.
    CannotCreate = 73,
    /// A file cannot be read or written.
    Io = 74,
    /// Safe to repeat with the same key.
    Temporary = 75,
    /// Client and server do not speak the same protocol.
    Protocol = 76,
    /// Not allowed.
    NotAllowed = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure, ready to be told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// The program's exit code.
    pub exit: Exit,
    /// For scripts.
    pub code: String,
    /// For people: what is wrong.
    pub message: String,
    /// For people: what to do next.
    pub hint: Option<String>,
    /// The key of the message that was to be sent.
    pub key: Option<String>,
    /// Milliseconds until a repeat makes sense, if the server said so.
    pub retry_after_ms: Option<u64>,
    /// The reader has gone away: nothing is told.
    pub quiet: bool,
}

impl CliError {
    /// A failure with a code and a sentence.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.into(),
            hint: None,
            key: None,
            retry_after_ms: None,
            quiet: false,
        }
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a hint where nobody, or no room, of that name was found.
    #[must_use]
    pub fn about(mut self, rooms: &[RoomRef]) -> Self {
        self.hint = match (self.exit, self.hint, rooms.last()) {
            (Exit::NotFound, None, Some(RoomRef::Direct(_))) => {
                Some("chat-tui who lists who is in a room; a guest's name begins with ~".to_owned())
            }
            (Exit::NotFound, None, Some(RoomRef::Room(name))) if self.message.contains("room") => {
                Some(format!("it was #{name}; chat-tui rooms lists those you can see"))
            }
            (_, hint, _) => hint,
        };
        self
    }

    /// A file that cannot be read or written.
    pub fn io(path: impl std::fmt::Display, error: &std::io::Error) -> Self {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NoInput } else { Exit::Io };
        Self::new(exit, "io", format!("{path}: {error}"))
    }

    /// Whether the same command may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.exit, Exit::Temporary | Exit::Unreachable)
    }

    /// Tells it and gives the exit code.
    pub fn report(self, json: bool) -> ExitCode {
        if self.quiet {
            return ExitCode::SUCCESS;
        }
        if json {
            // Where even that cannot be written, the exit code has to do.
            let _ = output::json(&self.told());
        } else {
            output::complain(&self.message);
            if let Some(hint) = &self.hint {
                output::complain(hint);
            }
        }
        self.exit.into()
    }

    /// The object of `--json`.
    fn told(&self) -> impl Serialize + '_ {
        let error = Told {
            code: &self.code,
            exit: self.exit as u8,
            retryable: self.is_retryable(),
            key: self.key.as_deref(),
            message: &self.message,
            hint: self.hint.as_deref(),
            retry_after_ms: self.retry_after_ms,
        };
        Failure { ok: false, error }
    }
}

/// The object of `--json`.
#[derive(Serialize)]
struct Failure<'a> {
    ok: bool,
    error: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    code: &'a str,
    exit: u8,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl From<ErrorBody> for CliError {
    fn from(body: ErrorBody) -> Self {
        let exit = match body.code {
            ErrorCode::Unauthorized | ErrorCode::Forbidden | ErrorCode::Banned | ErrorCode::Muted => Exit::NotAllowed,
            ErrorCode::NotFound => Exit::NotFound,
            ErrorCode::Conflict | ErrorCode::Invalid | ErrorCode::TooLarge => Exit::Data,
            ErrorCode::RateLimited | ErrorCode::Unavailable | ErrorCode::Internal => Exit::Temporary,
            ErrorCode::Unsupported => Exit::Protocol,
        };
        let message = match &body.field {
            Some(field) => format!("{}: {}", field, body.message),
            None => body.message,
        };
        let mut error = Self::new(exit, body.code.as_str(), message);
        error.retry_after_ms = body.retry_after_ms;
        error
    }
}

impl From<ApiError> for CliError {
    fn from(e: ApiError) -> Self {
        let message = e.to_string();
        match e {
            ApiError::Refused { body } => body.into(),
            ApiError::HostUnknown { .. } => Self::new(Exit::HostUnknown, "host_unknown", message),
            ApiError::Unreachable { .. } => Self::new(Exit::Unreachable, "unreachable", message)
                .hint("is the server running there? --server URL names another one"),
            ApiError::NoAnswer { .. } => Self::new(Exit::Temporary, "timeout", message),
            ApiError::Answer { .. } => Self::new(Exit::Protocol, "protocol", message),
            ApiError::Setup(_) => Self::new(Exit::Config, "config", message),
        }
    }
}

impl From<TokenError> for CliError {
    fn from(e: TokenError) -> Self {
        ApiError::from(e).into()
    }
}

impl From<ConfigError> for CliError {
    fn from(e: ConfigError) -> Self {
        Self::new(Exit::Config, "config", e.to_string())
    }
}

impl From<crate::cache::CacheError> for CliError {
    fn from(e: crate::cache::CacheError) -> Self {
        Self::new(Exit::CannotCreate, "cache", e.to_string())
    }
}

impl From<std::io::Error> for CliError {
    /// Of the standard output.
    fn from(e: std::io::Error) -> Self {
        let quiet = e.kind() == std::io::ErrorKind::BrokenPipe;
        Self { quiet, ..Self::new(Exit::Io, "io", format!("cannot write: {e}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_exits() {
        for (code, exit) in [
            (ErrorCode::Muted, 77),
            (ErrorCode::NotFound, 67),
            (ErrorCode::TooLarge, 65),
            (ErrorCode::RateLimited, 75),
            (ErrorCode::Unsupported, 76),
        ] {
            assert_eq!(CliError::from(ErrorBody::new(code, "x")).exit as u8, exit);
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_told_as_such() {
        let told = |room: &str, what: &str| {
            let error = CliError::new(Exit::NotFound, "not_found", what);
            error.about(&[RoomRef::parse(room).unwrap()]).hint
        };
        assert!(told("@ana", "no such user").is_some_and(|hint| hint.contains("chat-tui who")));
        let hint = told("ops", "no such room").unwrap();
        assert!(hint.contains("#ops") && hint.contains("chat-tui rooms"));
        assert_eq!(told("ops", "no such message"), None);
    }

    #[test]
    fn a_failure_reads_as_documented() {
        let mut e = CliError::new(Exit::Temporary, "timeout", "no answer in 10s").hint("repeat with --key k");
        e.key = Some("k".to_owned());
        let expected = r#"{"v":1,"ok":false,"error":{"code":"timeout","exit":75,"retryable":true,"key":"k","message":"no answer in 10s","hint":"repeat with --key k"}}"#;
        assert_eq!(output::json_text(&e.told()).unwrap(), expected);
    }

    #[test]
    fn a_server_that_is_not_there_is_told_the_same_way_when_a_token_was_to_be_fetched() {
        let away = || ApiError::Unreachable { server: "s".to_owned(), reason: "refused".to_owned() };
        assert_eq!(CliError::from(TokenError::from(away())).exit, Exit::Unreachable);
        let host = ApiError::HostUnknown { host: "h".to_owned() };
        assert_eq!(CliError::from(TokenError::from(host)).exit, Exit::HostUnknown);
    }
}
