//! Flags, each also an environment variable `CHAT_…`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{BusUrl, Database, Durability, KafkaUrl, Listen, LogFormat, Origin, RedisUrl, Transports};
use crate::domain::policy;
use crate::listen::Cidr;

/// What can be said on the command line and by the environment; what is left out is the file's to say.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration (flags > environment > file)")]
pub struct Flags {
    /// Where to listen; the variable PORT replaces the port, port 0 takes any free one [default: 127.0.0.1:6969]
    #[arg(long, global = true, env = "CHAT_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<Listen>,
    /// Serve /metrics here and not on the public address [default: there, to this machine only]
    #[arg(long, global = true, env = "CHAT_METRICS_LISTEN", value_name = "HOST:PORT")]
    pub metrics_listen: Option<Listen>,
    /// Where keys, database and admin socket lie [default: $XDG_DATA_HOME/chat-server]
    #[arg(long, global = true, env = "CHAT_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The key that signs tokens, the same for all nodes of a cluster [default: DATA_DIR/secret.key, made if not there]
    #[arg(long, global = true, env = "CHAT_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Speak TLS with this certificate and those that lead to an authority (PEM); read again on SIGHUP
    #[arg(long, global = true, env = "CHAT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, global = true, env = "CHAT_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// sqlite:PATH, or postgres://… for several nodes [default: sqlite:DATA_DIR/chat.db]
    #[arg(long, global = true, env = "CHAT_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<Database>,
    /// Connections to PostgreSQL that this node has at once, at the most [default: 16]
    #[arg(long, global = true, env = "CHAT_DATABASE_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: Option<u32>,
    /// full: an acknowledged message survives a power cut; normal: faster, a power cut may lose the last moments
    #[arg(long, global = true, env = "CHAT_DURABILITY")]
    pub durability: Option<Durability>,
    /// Change the database at the start of a new version without a copy of it beside it before
    #[arg(long, global = true, env = "CHAT_NO_MIGRATION_BACKUP", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_migration_backup: Option<bool>,
    /// The wire between nodes: local, redis://HOST:PORT or kafka://HOST:PORT/TOPIC [default: local]
    #[arg(long, global = true, env = "CHAT_BUS", value_name = "URL", hide_env_values = true)]
    pub bus: Option<BusUrl>,
    /// Tells every entry of public rooms to other systems: kafka://HOST:PORT/TOPIC
    #[arg(long, global = true, env = "CHAT_FEED", value_name = "URL", hide_env_values = true)]
    pub feed: Option<KafkaUrl>,
    /// Serves the earlier systems' clients too: POST /app/push-data, and the namespaces / and /events
    #[arg(long, global = true, env = "CHAT_RELAY", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub relay: Option<bool>,
    /// The bearer token that a push to the relay must carry; at least 16 bytes
    #[arg(long, global = true, env = "CHAT_RELAY_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub relay_token: Option<String>,
    /// Lets anyone who reaches the server push to the relay without a token
    #[arg(long, global = true, env = "CHAT_RELAY_OPEN", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub relay_open: Option<bool>,
    /// The Redis of Node servers with the classic adapter, to share the relay's rooms with
    #[arg(long, global = true, env = "CHAT_RELAY_REDIS", value_name = "URL", hide_env_values = true)]
    pub relay_redis: Option<RedisUrl>,
    /// Whether anyone may come in as a guest; auto: while only this machine can reach the server
    #[arg(long, global = true, env = "CHAT_GUESTS")]
    pub guests: Option<GuestsFlag>,
    /// Who may register; auto: open while only this machine can reach the server, else by invitation
    #[arg(long, global = true, env = "CHAT_REGISTRATION")]
    pub registration: Option<RegistrationFlag>,
    /// Ways of Socket.IO: websocket, polling or both
    #[arg(long, global = true, env = "CHAT_TRANSPORTS", value_name = "LIST")]
    pub transports: Option<Transports>,
    /// A foreign origin whose pages may use this server; may be repeated
    #[arg(long, global = true, env = "CHAT_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Option<Vec<Origin>>,
    /// A proxy (address or network) whose Forwarded headers are believed; may be repeated
    #[arg(long, global = true, env = "CHAT_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxy: Option<Vec<Cidr>>,
    /// A network that is not public whose addresses outgoing webhooks may call all the same; may be repeated
    #[arg(long, global = true, env = "CHAT_OUTGOING_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    pub outgoing_allow: Option<Vec<Cidr>>,
    /// What is logged to stderr, as in warn,chat_server=debug [default: info]
    #[arg(long, global = true, env = "CHAT_LOG", value_name = "FILTER", value_parser = super::log::filter)]
    pub log: Option<String>,
    /// For people or for machines
    #[arg(long, global = true, env = "CHAT_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// The server's name, as clients show it [default: chat]
    // Sub-commands have a NAME of their own, so this one needs another id.
    #[arg(id = "server-name", long = "name", global = true, env = "CHAT_SERVER_NAME", value_name = "TEXT")]
    pub name: Option<String>,
    /// The file [default: DATA_DIR/chat-server.toml, ~/.config/chat-server/…, /etc/chat-server/…]
    #[arg(long, global = true, env = "CHAT_SERVER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `--guests`, as clap reads it.
#[derive(Clone, Copy, Debug, ValueEnum)]

pub enum GuestsFlag {
    On,
    Off,
    Auto,
}

/// `--registration`, as clap reads it.
#[derive(Clone, Copy, Debug, ValueEnum)]

pub enum RegistrationFlag {
    Open,
    Invite,
    Closed,
    Auto,
}

impl From<GuestsFlag> for policy::Guests {
    fn from(flag: GuestsFlag) -> Self {
        match flag {
            GuestsFlag::On => Self::On,
            GuestsFlag::Off => Self::Off,
            GuestsFlag::Auto => Self::Auto,
        }
    }
}

impl From<RegistrationFlag> for policy::Registration {
    fn from(flag: RegistrationFlag) -> Self {
        match flag {
            RegistrationFlag::Open => Self::Open,
            RegistrationFlag::Invite => Self::Invite,
            RegistrationFlag::Closed => Self::Closed,
            RegistrationFlag::Auto => Self::Auto,
        }
    }
}
