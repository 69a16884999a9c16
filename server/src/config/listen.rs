//! Where the server listens.

use std::fmt;
use std::str::FromStr;

use super::file::string_value;

/// `HOST:PORT`; the host is an address or a name, port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// 0: the system chooses.
    pub port: u16,
}
string_value!(Listen);

impl Default for Listen {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 6969 }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Listen {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || format!("`{s}` is no HOST:PORT; write it as 127.0.0.1:6969 or [::1]:6969");
        let (host, port) = s.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
            Some(_) => return Err(bad()),
            None if host.is_empty() || host.contains(':') => return Err(bad()),
            None => host,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}
