//! The wire between nodes, the feed for other systems, and the relay for the systems that came before.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::database::Database;
use super::file::string_value;

/// `--bus`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BusUrl {
    /// One node, no broker.
    #[default]
    Local,
    /// `redis://` or `rediss://`, the whole URL.
    Redis(Url),
    /// `kafka://HOST:PORT[,HOST:PORT]/TOPIC?…`
    Kafka(KafkaUrl),
}
string_value!(BusUrl);

impl fmt::Display for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Redis(url) => f.write_str(url.as_str()),
            Self::Kafka(kafka) => kafka.fmt(f),
        }
    }
}

impl FromStr for BusUrl {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s.split_once("://").map(|(scheme, _)| scheme) {
            None if s == "local" => Ok(Self::Local),
            Some("redis" | "rediss") => redis_url(s).map(Self::Redis),
            Some("kafka") => s.parse().map(Self::Kafka),
            _ => Err("not a bus; write local, redis://HOST:PORT (rediss:// for TLS) or kafka://HOST:PORT/TOPIC".into()),
        }
    }
}

/// In place of a secret, where it is shown.
pub(super) const MASK: &str = "***";

fn masked_url(mut url: Url) -> Url {
    if url.password().is_some() {
        // Fails only for URLs that can have no password.
        let _has_none = url.set_password(Some(MASK));
    }
    url
}

impl BusUrl {
    pub(super) fn masked(self) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Redis(url) => Self::Redis(masked_url(url)),
            Self::Kafka(kafka) => Self::Kafka(kafka.masked()),
        }
    }

    /// What does not fit together.
    pub(super) fn check(&self, database: &Database) -> Result<(), String> {
        match database {
            Database::Sqlite(_) if *self != Self::Local => Err("--bus connects nodes that share one database, and an \
                SQLite file belongs to one process: take --database postgres://…, or leave --bus out"
                .to_owned()),
            _ => Ok(()),
        }
    }
}

impl KafkaUrl {
    pub(super) fn masked(self) -> Self {
        let login = self.login.map(|(user, _)| (user, MASK.to_owned()));
        let options = self.options.into_iter().map(|(key, value)| {
            let secret = key.contains("pass") || key.contains("secret");
            (key, if secret { MASK.to_owned() } else { value })
        });
        Self { login, options: options.collect(), ..self }
    }
}

/// A URL of a Redis server; the sentence does not repeat it, since it may hold a password.
fn redis_url(s: &str) -> Result<Url, String> {
    let bad = "not a Redis server; write redis://[USER:PASSWORD@]HOST[:PORT] (rediss:// for TLS)";
    let url = Url::parse(s).map_err(|_| bad.to_owned())?;
    let right = matches!(url.scheme(), "redis" | "rediss") && url.host_str().is_some_and(|h| !h.is_empty());
    if right { Ok(url) } else { Err(bad.to_owned()) }
}

/// A Redis server, for `--relay-redis`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl(pub Url);
string_value!(RedisUrl);

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl FromStr for RedisUrl {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        redis_url(s).map(Self)
    }
}

/// Brokers and a topic of Apache Kafka: `kafka://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]/TOPIC[?tls=true&sasl=…]`.
/// What the options mean is `cluster::kafka`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaUrl {
    /// `HOST:PORT`, at least one.
    pub brokers: Vec<String>,
    /// Its name.
    pub topic: String,
    /// For SASL: user and password.
    pub login: Option<(String, String)>,
    /// What stands after `?`, in order.
    pub options: Vec<(String, String)>,
}
string_value!(KafkaUrl);

impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kafka://")?;
        if let Some((user, password)) = &self.login {
            let encode =
                |s: &str| form_urlencoded::byte_serialize(s.as_bytes()).collect::<String>().replace('+', "%20");
            write!(f, "{}:{}@", encode(user), encode(password))?;
        }
        write!(f, "{}/{}", self.brokers.join(","), self.topic)?;
        if !self.options.is_empty() {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.options).finish();
            write!(f, "?{query}")?;
        }
        Ok(())
    }
}

impl FromStr for KafkaUrl {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || "not a Kafka topic; write kafka://HOST:PORT[,HOST:PORT]/TOPIC".to_owned();
        let rest = s.strip_prefix("kafka://").ok_or_else(bad)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, topic) = rest.split_once('/').ok_or_else(bad)?;
        let (login, hosts) = match place.rsplit_once('@') {
            Some((login, hosts)) => {
                let (user, password) = login.split_once(':').ok_or_else(bad)?;
                (Some((decode(user), decode(password))), hosts)
            }
            None => (None, place),
        };
        let brokers: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        let right = |b: &String| b.rsplit_once(':').is_some_and(|(h, p)| !h.is_empty() && p.parse::<u16>().is_ok());
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !brokers.iter().all(right) || topic.is_empty() || topic.len() > 249 || !topic.bytes().all(name) {
            return Err(bad());
        }
        let options = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { brokers, topic: topic.to_owned(), login, options })
    }
}

/// Percent-encoding taken off.
fn decode(s: &str) -> String {
    // As the value of a form, where a plus would be a space.
    let plain = s.replace('+', "%2B");
    form_urlencoded::parse(plain.as_bytes()).next().map(|(k, _)| k.into_owned()).unwrap_or_default()
}

/// The relay: what the earlier systems' clients speak. Off unless asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// `/app/push-data`, and the namespaces `/` and `/events`.
    pub on: bool,
    /// The bearer token that a push must carry.
    pub token: Option<String>,
    /// Beyond loopback without a token, on purpose.
    pub open: bool,
    /// The Redis shared with Node servers.
    pub redis: Option<RedisUrl>,
}

impl Relay {
    pub(super) fn masked(self) -> Self {
        Self {
            token: self.token.map(|_| MASK.to_owned()),
            redis: self.redis.map(|redis| RedisUrl(masked_url(redis.0))),
            ..self
        }
    }

    /// What does not fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.on && (self.token.is_some() || self.open || self.redis.is_some()) {
            return Err("--relay-token, --relay-open and --relay-redis need --relay (relay = true)".to_owned());
        }
        if self.token.as_ref().is_some_and(|t| t.len() < 16) {
            return Err("--relay-token is too short to be a secret; take at least 16 bytes".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_read_back_the_same() {
        for s in [
            "local",
            "redis://127.0.0.1:6379",
            "rediss://me:secret@redis.example:6380/0",
            "kafka://a:9092,b:9093/chat",
            "kafka://me:p%40ss%2Bword@a:9092/chat?tls=true&sasl=scram-sha-256",
        ] {
            let parsed: BusUrl = s.parse().unwrap();
            assert_eq!(parsed.to_string(), s);
            assert_eq!(parsed.to_string().parse::<BusUrl>().unwrap(), parsed);
        }
        let BusUrl::Kafka(kafka) = "kafka://me:p%40ss%2Bword@a:9092/chat".parse().unwrap() else { panic!() };
        assert_eq!(kafka.login, Some(("me".to_owned(), "p@ss+word".to_owned())));
    }

    #[test]
    fn what_is_no_bus_is_refused_without_repeating_a_password() {
        for s in ["", "amqp://x", "redis://", "kafka://a:9092", "kafka://a/t", "kafka://a:1/b/c", "rediss:///x:secret"]
        {
            let error = s.parse::<BusUrl>().unwrap_err();
            assert!(error.contains("write") && !error.contains("secret"), "{s}: {error}");
        }
    }
}
