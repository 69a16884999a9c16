//! `token`: API tokens for scripts, each with a bot of its own as sender. A token is shown once, when it is made.

use std::process::ExitCode;

use chat_common::rest::{CreateToken, Scope, TokenInfo};
use chat_common::{Clock, RoomName, RoomRef, SystemClock};

use super::args::{TokenArgs, TokenScope, TokenWhat};
use super::context::Context;
use super::error::{CliError, Exit};
use super::output;

/// Makes, lists, takes back.
pub async fn run(context: Context, args: TokenArgs) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    match args.what {
        TokenWhat::List => {
            let tokens = client.tokens().await?.tokens;
            for token in &tokens {
                print(&context, token)?;
            }
            if tokens.is_empty() {
                output::nothing("there are no tokens; chat-tui token create NAME makes one", context.quiet);
                return Ok(Exit::NoMatch.into());
            }
        }
        TokenWhat::Create { bot, scope, expires } => {
            let rooms = if context.rooms_given { Some(rooms(&context.rooms)?) } else { None };
            let expires_at = expires.map(|life| SystemClock.now().plus(life));
            let scopes = scope.iter().map(|s| s.scope()).collect();
            let made = client.create_token(&CreateToken { name: bot, scopes, rooms, expires_at }).await?;
            if context.json {
                output::json(&made)?;
            } else {
                // The token alone, so that it can be piped into a file.
                output::line(&made.token)?;
                if output::is_terminal() && !context.quiet {
                    output::complain("it is shown this once; put it into a file for --token-file, mode 0600");
                    output::complain(&format!("chat-tui token revoke {} takes it back", made.info.id));
                }
            }
        }
        TokenWhat::Revoke { id } => {
            client.revoke_token(&id).await?;
            if !context.quiet && !context.json {
                output::line(&format!("revoked {id}; its connections end within 2 s"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A token is for rooms, not for direct conversations.
fn rooms(asked: &[RoomRef]) -> Result<Vec<RoomName>, CliError> {
    let name = |room: &RoomRef| match room {
        RoomRef::Room(name) => Ok(name.clone()),
        RoomRef::Direct(user) => Err(CliError::usage(format!("@{user}: a token can be bound to rooms alone"))),
    };
    asked.iter().map(name).collect()
}

fn print(context: &Context, token: &TokenInfo) -> Result<(), CliError> {
    if context.json {
        return Ok(output::json(token)?);
    }
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    let rooms = match &token.rooms {
        Some(rooms) => rooms.iter().map(|r| format!("#{r}")).collect::<Vec<_>>().join(" "),
        None => "all rooms".to_owned(),
    };
    let end = token.expires_at.map_or("never".to_owned(), |at| at.to_string());
    Ok(output::line(&format!("{:<16} {:<16} {:<16} {rooms}, ends {end}", token.id, token.name, scopes.join(",")))?)
}

impl TokenScope {
    fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Send => Scope::Send,
            Self::Admin => Scope::Admin,
        }
    }
}
