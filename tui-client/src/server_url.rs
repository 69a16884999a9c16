//! The address of a server, parsed once: `http://127.0.0.1:6969`, `https://chat.example.org`, also under a path.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a server's address: write it as http://127.0.0.1:6969 or https://chat.example.org")]
pub struct BadServerUrl(String);

/// Where a server is; scheme http or https, no query, no password, ends without `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Without anything said: this machine.
    pub const LOCAL: &str = "http://127.0.0.1:6969";

    /// Parses an address; one without a scheme gets `https://`, and `http://` for this machine.
    pub fn parse(s: &str) -> Result<Self, BadServerUrl> {
        let bad = || BadServerUrl(chat_common::text::visible_line(s).chars().take(200).collect());
        let s = s.trim();
        let guessed = if s.contains("://") {
            s.to_owned()
        } else {
            let host = s.split(['/', ':']).next().unwrap_or_default();
            let local = host == "localhost" || host.starts_with("127.") || s.starts_with("[::1]");
            format!("{}://{s}", if local { "http" } else { "https" })
        };
        let mut url = Url::parse(&guessed).map_err(|_| bad())?;
        match url.scheme() {
            "ws" => url.set_scheme("http").map_err(|()| bad())?,
            "wss" => url.set_scheme("https").map_err(|()| bad())?,
            "http" | "https" => {}
            _ => return Err(bad()),
        }
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !plain || url.password().is_some() || url.host_str().is_none_or(str::is_empty) {
            return Err(bad());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The host, for people and for errors.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it is this machine, so that no proxy is asked.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// Whether the way is encrypted.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// An address below this one; each part is escaped.
    pub fn join(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;
    fn from_str(s: &str) -> Result<Self, BadServerUrl> {
        Self::parse(s)
    }
}

impl<'de> serde::Deserialize<'de> for ServerUrl {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed_and_checked() {
        for (given, is) in [
            ("http://127.0.0.1:6969", "http://127.0.0.1:6969"),
            ("http://127.0.0.1:6969/", "http://127.0.0.1:6969"),
            ("localhost:6969", "http://localhost:6969"),
            ("chat.example.org", "https://chat.example.org"),
            ("wss://chat.example.org/chat/", "https://chat.example.org/chat"),
            ("[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(ServerUrl::parse(given).unwrap().to_string(), is);
        }
        for bad in ["", "ftp://x", "http://", "http://a:b@c", "http://x?y", "http://x/#y", "a b"] {
            assert!(ServerUrl::parse(bad).is_err(), "{bad:?}");
        }
        let below = ServerUrl::parse("http://h/chat").unwrap().join(&["api", "v1", "rooms", "a/b"]);
        assert_eq!(below.as_str(), "http://h/chat/api/v1/rooms/a%2Fb");
        assert!(ServerUrl::parse("localhost").unwrap().is_loopback());
        assert!(!ServerUrl::parse("example.org").unwrap().is_loopback());
    }
}
