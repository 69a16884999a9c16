//! `chat-server user …`

use chat_common::event::server::ServerRole;
use chat_common::{Timestamp, UserName};
use clap::{Subcommand, ValueEnum};

use super::admin::Request;
use super::asking::Asks;
use super::password;

/// `user …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an account; without a password one is asked for on a terminal, or made and printed once
    #[command(alias = "create")]
    Add {
        /// 2 to 32 of a-z 0-9 _ . -
        name: String,
        /// May do everything on this server
        #[arg(long)]
        admin: bool,
        /// Read the password from FILE, or from standard input for `-`
        #[arg(long, value_name = "FILE|-")]
        password_file: Option<String>,
    },
    /// List the users
    List {
        /// Part of a name
        query: Option<String>,
    },
    /// Show one user: role, sessions, tokens, rooms
    Show {
        /// Whom
        name: UserName,
    },
    /// List a user's live sessions
    Sessions {
        /// Whose
        name: UserName,
    },
    /// End a user's sessions; their connections end
    Revoke {
        /// Whose
        name: UserName,
        /// Only this one, as `sessions` shows it
        session: Option<String>,
    },
    /// Make an account an admin, or take it back
    Role {
        /// Whom
        name: UserName,
        /// What it may do on the whole server
        role: RoleFlag,
    },
    /// Keep a user out of the whole server; its connections end
    Ban {
        /// Whom
        name: UserName,
        /// Until when, as 2026-12-31T00:00:00Z [default: for good]
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// For the audit
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a banned user come back
    Unban {
        /// Whom
        name: UserName,
    },
    /// Erase a user for good: account, sessions, tokens, names, memberships; its name is given to nobody again
    Erase {
        /// Whom
        name: UserName,
        /// Delete everything it wrote, too; otherwise that stays under the name `erased`
        #[arg(long)]
        texts: bool,
    },
    /// Set an account's password; all its sessions end
    Password {
        /// Whose
        name: UserName,
        /// Read the password from FILE, or from standard input for `-`
        #[arg(long, value_name = "FILE|-")]
        password_file: Option<String>,
    },
}

/// `user` or `admin`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleFlag {
    /// What everyone may
    User,
    /// Everything
    Admin,
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::Add { name, admin, password_file } => {
                Request::UserAdd { password: password::get(password_file.as_deref(), &name)?, name, admin }
            }
            Self::List { query } => Request::UserList { query, after: None },
            Self::Role { name, role } => {
                let role = match role {
                    RoleFlag::User => ServerRole::User,
                    RoleFlag::Admin => ServerRole::Admin,
                };
                Request::UserRole { name, role }
            }
            Self::Show { name } => Request::UserShow { name },
            Self::Sessions { name } => Request::UserSessions { name },
            Self::Revoke { name, session } => Request::UserRevoke { name, session },
            Self::Ban { name, until, reason } => Request::UserBan { name, until, reason },
            Self::Unban { name } => Request::UserUnban { name },
            Self::Erase { name, texts } => Request::UserErase { name, texts },
            Self::Password { name, password_file } => {
                Request::UserPassword { password: password::get(password_file.as_deref(), name.as_str())?, name }
            }
        })
    }
}
