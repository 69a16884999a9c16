//! Where a Redis server is and how to speak to it, from a URL.

use std::fmt;
use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2};
use redis::{Client, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use url::Url;

/// The first part of channel names unless said.
const PREFIX: &str = "chat";
const PREFIX_MAX: usize = 64;

/// A server: `redis://[USER:PASSWORD@]HOST[:PORT][?prefix=NAME]`, with TLS `rediss://…[?ca=FILE]`.
#[derive(Clone)]
pub struct Place {
    /// Host and port, for people: nothing secret is in it.
    pub at: String,
    /// The first part of channel names.
    pub prefix: String,
    pub(super) info: ConnectionInfo,
    pub(super) certs: Option<TlsCertificates>,
}

// The connection's information holds a password.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("at", &self.at).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What is wrong with the URL, in a sentence that does not repeat it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPlace(String);

impl Place {
    /// Reads the URL, and the file that it names with `ca=`.
    pub fn from_url(url: &Url) -> Result<Self, BadPlace> {
        let mut prefix = PREFIX.to_owned();
        let mut ca = None;
        for (key, value) in url.query_pairs() {
            match &*key {
                "prefix" => prefix = checked_prefix(&value)?,
                "ca" => ca = Some(read_ca(&value)?),
                other => {
                    return Err(BadPlace(format!(
                        "the URL of Redis has the option `{other}`; there are prefix and ca"
                    )));
                }
            }
        }
        let tls = url.scheme() == "rediss";
        if ca.is_some() && !tls {
            return Err(BadPlace("the URL of Redis names a `ca`, which is for rediss:// (TLS)".to_owned()));
        }
        let mut plain = url.clone();
        plain.set_query(None);
        let wrong = |_| BadPlace("the URL of Redis is not redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]".to_owned());
        let info = plain.into_connection_info().map_err(wrong)?;
        // A server that knows nothing of names of libraries, or a user who may not tell them, is as good.
        let redis = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp());
        let certs = ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        Ok(Self { at: info.addr().to_string(), prefix, info, certs })
    }

    /// A client; it connects to nothing yet.
    pub(super) fn client(&self) -> redis::RedisResult<Client> {
        match &self.certs {
            Some(certs) => Client::build_with_tls(self.info.clone(), certs.clone()),
            None => Client::open(self.info.clone()),
        }
    }
}

pub(super) fn tcp() -> TcpSettings {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(2))
        .with_retries(2);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(5));
    settings
}

fn checked_prefix(prefix: &str) -> Result<String, BadPlace> {
    let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':');
    if prefix.is_empty() || prefix.len() > PREFIX_MAX || !prefix.bytes().all(right) {
        let said = format!("the prefix of Redis channels is 1 to {PREFIX_MAX} letters, digits, `.`, `_`, `-` or `:`");
        return Err(BadPlace(said));
    }
    Ok(prefix.to_owned())
}

fn read_ca(path: &str) -> Result<Vec<u8>, BadPlace> {
    let pem = std::fs::read(path).map_err(|error| {
        BadPlace(format!("cannot read the authority's certificate {path} that the URL of Redis names: {error}"))
    })?;
    if !pem.windows(11).any(|w| w == b"-----BEGIN ") {
        return Err(BadPlace(format!("{path}, which the URL of Redis names as `ca`, is no certificate in PEM form")));
    }
    Ok(pem)
}
