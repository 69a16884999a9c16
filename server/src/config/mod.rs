//! What the server is told: flags before environment before file before defaults. Unknown keys and values that make
//! no sense are errors that name the place.

mod access;
mod auth;
mod clash;
mod cluster;
mod database;
mod file;
mod flags;
mod limits;
mod listen;
mod log;
mod paths;
mod reload;

use std::path::PathBuf;

use chat_common::Limits;

pub use access::{Origin, Transport, Transports};
pub use auth::Auth;
pub use cluster::{BusUrl, KafkaUrl, RedisUrl, Relay};
pub use database::{Database, Durability};
pub use file::File;
pub use flags::Flags;
pub use listen::Listen;
pub use log::{DEFAULT_FILTER, Log, LogFormat};
pub use reload::{Changes, LIVE};

use crate::domain::policy;
use crate::listen::{Cidr, TlsFiles};
use clash::Clash;

/// A commented file with every key at its default.
pub const DEFAULT_FILE: &str = include_str!("default.toml");
/// The file that is looked for in the data folder, and under `chat-server/` in the configuration folders.
pub const FILE_NAME: &str = "chat-server.toml";

/// Connections to PostgreSQL, unless said otherwise.
const CONNECTIONS: u32 = 16;

/// All that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where `/metrics` is served instead of there.
    pub metrics_listen: Option<Listen>,
    /// Keys, the database, the admin socket.
    pub data_dir: PathBuf,
    /// The key that signs tokens; `None`: `secret.key` in the data folder, made at the first start.
    pub key_file: Option<PathBuf>,
    /// Certificate and key; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Where the truth is.
    pub database: Database,
    /// Connections to PostgreSQL at once, at the most.
    pub database_connections: u32,
    /// What a commit waits for.
    pub durability: Durability,
    /// Whether an SQLite file is copied beside itself before a new version changes its schema.
    pub migration_backup: bool,
    /// The wire between nodes.
    pub bus: BusUrl,
    /// Where entries of public rooms are told to other systems.
    pub feed: Option<KafkaUrl>,
    /// For the clients of the systems that came before.
    pub relay: Relay,
    /// Who may come as a guest.
    pub guests: policy::Guests,
    /// Who may register.
    pub registration: policy::Registration,
    /// Of Socket.IO.
    pub transports: Transports,
    /// Foreign origins whose pages may use this server.
    pub allow_origin: Vec<Origin>,
    /// Proxies whose word about the client is taken.
    pub trusted_proxy: Vec<Cidr>,
    /// Networks that are not public and that outgoing webhooks may call all the same.
    pub outgoing_allow: Vec<Cidr>,
    /// What is logged and how.
    pub log: Log,
    /// As clients are told it.
    pub name: String,
    /// How long tokens live.
    pub auth: Auth,
    /// What is allowed.
    pub limits: Limits,
    /// The file that was read.
    pub source: Option<PathBuf>,
}

/// Why there is no configuration. The sentence names the place and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's word.
        why: String,
    },
    /// The file says something wrong; lines and columns count from 1.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A flag or a variable says something wrong, or things do not fit together.
    #[error("{0}")]
    Value(String),
}

/// What is wrong before it is known where it stands.
enum Problem {
    Clash(Clash),
    Plain(ConfigError),
}

impl From<Clash> for Problem {
    fn from(clash: Clash) -> Self {
        Self::Clash(clash)
    }
}

/// Both or none.
fn tls_files(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, String> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("--tls-cert needs --tls-key (tls_key): the file with the certificate's key".to_owned()),
        (None, Some(_)) => Err("--tls-key needs --tls-cert (tls_cert): the file with the certificate".to_owned()),
    }
}

/// As the flag has it.
fn connections_fit(connections: u32) -> Result<(), String> {
    if (2..=1000).contains(&connections) {
        return Ok(());
    }
    Err(format!("database_connections is {connections}; it must be 2 to 1000 (default {CONNECTIONS})"))
}

impl Config {
    /// Reads the file (the one named, or the first found of the data folder's and the configuration folders') and
    /// lays the flags over it. `env` gives an environment variable.
    pub fn load(flags: Flags, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let data_dir = flags.data_dir.clone();
        let source = match &flags.config {
            Some(path) => Some(path.clone()),
            None => paths::find(data_dir.as_deref().unwrap_or(&paths::data_dir(env)), env),
        };
        let Some(path) = source else { return Self::merge(flags, File::default(), None, env) };
        let text = File::text(&path)?;
        let file = File::parse(&path, &text)?;
        Self::laid(flags, file, Some(path.clone()), env).map_err(|problem| match problem {
            Problem::Clash(clash) => clash.located(Some((&path, &text))),
            Problem::Plain(error) => error,
        })
    }

    /// Lays flags over a file that was read; `source` is where it stands.
    pub fn merge(
        flags: Flags,
        file: File,
        source: Option<PathBuf>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        Self::laid(flags, file, source, env).map_err(|problem| match problem {
            Problem::Clash(clash) => clash.located(None),
            Problem::Plain(error) => error,
        })
    }

    fn laid(
        flags: Flags,
        file: File,
        source: Option<PathBuf>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let data_dir = flags.data_dir.or(file.data_dir).unwrap_or_else(|| paths::data_dir(env));
        let mut listen = flags.listen.or(file.listen).unwrap_or_default();
        if let Some(port) = env("PORT").filter(|p| !p.is_empty()) {
            listen.port = port
                .parse()
                .map_err(|_| ConfigError::Value(format!("the variable PORT is `{port}`; a port is 0 to 65535")))
                .map_err(Problem::Plain)?;
        }
        let by_flag = (flags.database.is_some(), flags.bus.is_some(), flags.name.is_some());
        let database = match flags.database.or(file.database) {
            Some(given) => given,
            None => Database::Sqlite(data_dir.join(database::FILE_NAME)),
        };
        database.check().map_err(Clash::of([("database", by_flag.0)]))?;
        let name = flags.name.or(file.name).unwrap_or_else(|| "chat".to_owned());
        let name = chat_common::text::clean_label(&name, 100)
            .ok()
            .filter(|n| !n.is_empty())
            .ok_or_else(|| "the name must be one line of 1 to 100 bytes".to_owned())
            .map_err(Clash::of([("name", by_flag.2)]))?;
        let limits = file.limits.unwrap_or_default();
        let relay_flags = [
            ("relay_token", flags.relay_token.is_some()),
            ("relay_open", flags.relay_open.is_some()),
            ("relay_redis", flags.relay_redis.is_some()),
        ];
        let relay = Relay {
            on: flags.relay.or(file.relay).unwrap_or_default(),
            token: flags.relay_token.or(file.relay_token),
            open: flags.relay_open.or(file.relay_open).unwrap_or_default(),
            redis: flags.relay_redis.or(file.relay_redis),
        };
        relay.check().map_err(Clash::of(relay_flags))?;
        let bus = flags.bus.or(file.bus).unwrap_or_default();
        bus.check(&database).map_err(Clash::of([("bus", by_flag.1), ("database", by_flag.0)]))?;
        let tls_flags = [("tls_cert", flags.tls_cert.is_some()), ("tls_key", flags.tls_key.is_some())];
        let tls = tls_files(flags.tls_cert.or(file.tls_cert), flags.tls_key.or(file.tls_key));
        let tls = tls.map_err(Clash::of(tls_flags))?;
        let connections = flags.database_connections.or(file.database_connections).unwrap_or(CONNECTIONS);
        connections_fit(connections)
            .map_err(Clash::of([("database_connections", flags.database_connections.is_some())]))?;
        let log_default = Log::default();
        Ok(Self {
            listen,
            metrics_listen: flags.metrics_listen.or(file.metrics_listen),
            data_dir,
            key_file: flags.key_file.or(file.key_file),
            tls,
            database,
            database_connections: connections,
            durability: flags.durability.or(file.durability).unwrap_or_default(),
            migration_backup: !flags.no_migration_backup.or(file.no_migration_backup).unwrap_or_default(),
            bus,
            feed: flags.feed.or(file.feed),
            relay,
            guests: flags.guests.map(Into::into).or(file.guests).unwrap_or_default(),
            registration: flags.registration.map(Into::into).or(file.registration).unwrap_or_default(),
            transports: flags.transports.or(file.transports).unwrap_or_default(),
            allow_origin: flags.allow_origin.or(file.allow_origin).unwrap_or_default(),
            trusted_proxy: flags.trusted_proxy.or(file.trusted_proxy).unwrap_or_default(),
            outgoing_allow: flags.outgoing_allow.or(file.outgoing_allow).unwrap_or_default(),
            log: Log {
                filter: flags.log.or(file.log).unwrap_or(log_default.filter),
                format: flags.log_format.or(file.log_format).unwrap_or(log_default.format),
            },
            name,
            auth: file.auth.unwrap_or_default(),
            limits,
            source,
        })
    }

    /// With `***` in place of every password and token, for people to see.
    #[must_use]
    pub fn masked(self) -> Self {
        Self {
            database: self.database.masked(),
            bus: self.bus.masked(),
            feed: self.feed.map(KafkaUrl::masked),
            relay: self.relay.masked(),
            ..self
        }
    }

    /// As a file that says the same.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(&File::from(self)).map_err(|e| ConfigError::Value(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn flags(words: &[&str]) -> Flags {
        let mut line = vec!["chat-server"];
        line.extend(words);
        Line::try_parse_from(line).unwrap().flags
    }

    fn none(_: &str) -> Option<String> {
        None
    }

    fn merged(words: &[&str], file: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        Config::merge(flags(words), File::parse(Path::new("t.toml"), file)?, None, env)
    }

    #[test]
    fn flags_come_before_the_file_before_the_defaults() {
        let file = "name = \"file\"\nlisten = \"127.0.0.1:1\"\nguests = \"off\"\n[limits]\ntext_bytes = 100\n";
        let c = merged(&["--name", "flag"], file, &none).unwrap();
        assert_eq!(c.name, "flag");
        assert_eq!(c.listen.to_string(), "127.0.0.1:1");
        assert_eq!(c.guests, policy::Guests::Off);
        assert_eq!(c.registration, policy::Registration::Auto);
        assert_eq!((c.limits.text_bytes, c.limits.history_page), (100, 200));
    }

    #[test]
    fn an_access_token_lives_from_seconds_to_a_day() {
        assert_eq!(merged(&[], "", &none).unwrap().auth.access_token_seconds, 900);
        let c = merged(&[], "[auth]\naccess_token_seconds = 5\n", &none).unwrap();
        assert_eq!(c.auth.access_token_life(), std::time::Duration::from_secs(5));
        for bad in [4, 86_401] {
            let e = merged(&[], &format!("[auth]\naccess_token_seconds = {bad}\n"), &none).unwrap_err();
            let expected = format!("t.toml:2:1: access_token_seconds is {bad}; it must be 5 to 86400");
            assert_eq!(e.to_string(), expected);
        }
    }

    #[test]
    fn port_replaces_the_port() {
        let env = |k: &str| (k == "PORT").then(|| "8080".to_owned());
        assert_eq!(merged(&["--listen", "0.0.0.0:1"], "", &env).unwrap().listen.to_string(), "0.0.0.0:8080");
        let bad = |k: &str| (k == "PORT").then(|| "http".to_owned());
        assert_eq!(merged(&[], "", &bad).unwrap_err().to_string(), "the variable PORT is `http`; a port is 0 to 65535");
    }

    #[test]
    fn the_database_lies_in_the_data_folder_unless_said() {
        let c = merged(&["--data-dir", "/x"], "", &none).unwrap();
        assert_eq!(c.database, Database::Sqlite("/x/chat.db".into()));
        let c = merged(&["--database", "sqlite:/y/z.db"], "", &none).unwrap();
        assert_eq!(c.database, Database::Sqlite("/y/z.db".into()));
        let c = merged(&["--database", "postgres://db/chat"], "", &none).unwrap();
        assert_eq!(c.database, Database::Postgres("postgres://db/chat".into()));
    }

    #[test]
    fn the_default_file_says_the_defaults() {
        let from_file = merged(&["--data-dir", "/x"], DEFAULT_FILE, &none).unwrap();
        assert_eq!(from_file, merged(&["--data-dir", "/x"], "", &none).unwrap());
        // Every key that is commented out is a key that would be read.
        let all: String =
            DEFAULT_FILE.lines().map(|l| l.strip_prefix("#: ").unwrap_or(l)).map(|l| format!("{l}\n")).collect();
        let c = merged(&[], &all, &none).unwrap();
        assert_eq!(c.limits, Limits::default());
    }

    #[test]
    fn a_bus_needs_a_database_that_nodes_share() {
        let error = merged(&["--bus", "redis://me:hunter2@h"], "", &none).unwrap_err().to_string();
        assert!(error.contains("postgres://") && !error.contains("hunter2"), "{error}");
        assert!(merged(&["--bus", "redis://h", "--database", "postgres://h/chat"], "", &none).is_ok());
    }

    #[test]
    fn an_address_of_a_database_that_cannot_be_one_is_refused_without_its_password() {
        for url in ["postgres://chat:hunt#er2@db/chat", "postgres://chat:hunt/er2@db/chat", "postgres://[db/chat"] {
            let error = merged(&["--database", url], "", &none).unwrap_err().to_string();
            assert!(error.contains("%23 for #") && !error.contains("hunt"), "{error}");
            let file = format!("database = \"{url}\"");
            assert!(!merged(&[], &file, &none).unwrap_err().to_string().contains("hunt"));
        }
    }

    #[test]
    fn what_is_shown_holds_no_secret_and_reads_as_a_file() {
        let c = merged(
            &[
                "--database",
                "postgres://chat:hunter2@db/chat?sslmode=require&password=hunter2",
                "--bus",
                "rediss://me:hunter2@h:1/?prefix=x",
                "--feed",
                "kafka://me:hunter2@a:1/feed?tls=true",
                "--relay",
                "--relay-token",
                "hunter2hunter2hunter2",
                "--relay-redis",
                "redis://:hunter2@h",
            ],
            "",
            &none,
        )
        .unwrap();
        let shown = c.masked().to_toml().unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        for line in [
            "postgres://chat:***@db/chat?sslmode=require&password=***",
            "rediss://me:***@h:1/?prefix=x",
            "kafka://me:***@a:1/feed?tls=true",
            "relay_token = \"***\"",
            "redis://:***@h",
        ] {
            assert!(shown.contains(line), "{line} is not in\n{shown}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        let c = merged(
            &[
                "--data-dir",
                "/x",
                "--key-file",
                "/run/secrets/chat.key",
                "--allow-origin",
                "https://a.example,https://b.example",
                "--trusted-proxy",
                "10.0.0.0/8",
            ],
            "",
            &none,
        )
        .unwrap();
        let back = merged(&[], &c.to_toml().unwrap(), &none).unwrap();
        assert_eq!(back, c);
    }
}
