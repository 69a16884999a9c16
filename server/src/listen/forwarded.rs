//! Whose request it is behind a proxy: `X-Forwarded-For` and `Forwarded` (RFC 7239) count only from a peer that is
//! configured as a proxy, read from the right until the first address that is no proxy.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;

/// A network or a single address, as in `10.0.0.0/8` or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// The text is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address and no network; write it as 10.0.0.5 or 10.0.0.0/8")]
pub struct BadCidr(pub String);

impl Cidr {
    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => same_prefix(net.to_bits().into(), a.to_bits().into(), self.bits, 32),
            (IpAddr::V6(net), IpAddr::V6(a)) => same_prefix(net.to_bits(), a.to_bits(), self.bits, 128),
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, bits: u8, width: u8) -> bool {
    let shift = u32::from(width.saturating_sub(bits));
    // A shift by the whole width is not defined for the type; it means "every address".
    shift >= 128 || (a >> shift) == (b >> shift)
}

impl FromStr for Cidr {
    type Err = BadCidr;
    fn from_str(s: &str) -> Result<Self, BadCidr> {
        let bad = || BadCidr(s.to_owned());
        let (address, bits) = match s.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (s, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| bad())?.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width { Err(bad()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The proxies whose word about the client is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Cidr>);

impl TrustedProxies {
    /// These networks.
    pub fn new(networks: Vec<Cidr>) -> Self {
        Self(networks)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(address))
    }

    /// The client's address: the peer's, unless the peer is a trusted proxy that names another.
    /// `X-Forwarded-For` is looked at first, since it is what proxies set by default while they pass a `Forwarded` of
    /// the client's own making on.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let hops = if headers.contains_key("x-forwarded-for") {
            split(headers, "x-forwarded-for", |s| Some(s.to_owned()))
        } else {
            split(headers, "forwarded", forwarded_for)
        };
        let mut client = peer;
        for hop in hops.iter().rev() {
            // What cannot be read ends the walk: the last hop that could be is the best known.
            let Some(address) = hop.as_deref().and_then(address) else { break };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

fn split(headers: &HeaderMap, name: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Option<String>> {
    let values = headers.get_all(name).iter();
    values
        .flat_map(|v| v.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(read)
        .collect()
}

/// The `for=` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<String> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(s: &str) -> Option<IpAddr> {
    let bare = s.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(s);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| s.parse::<SocketAddr>().ok().map(|a| a.ip()));
    parsed.map(|a| a.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = TrustedProxies::new(trusted.iter().map(|s| s.parse().unwrap()).collect());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        trusted.client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn a_header_of_a_peer_that_is_no_proxy_is_ignored() {
        let spoof = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")];
        assert_eq!(client(&[], "203.0.113.9", &spoof), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &spoof), "203.0.113.9");
    }

    #[test]
    fn the_first_stranger_from_the_right_is_the_client() {
        let t = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&t, "10.1.2.3", &[("x-forwarded-for", "6.6.6.6, 198.51.100.7, 10.9.9.9")]), "198.51.100.7");
        assert_eq!(
            client(&t, "10.1.2.3", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "7.7.7.7")]),
            "7.7.7.7"
        );
        assert_eq!(client(&t, "::1", &[("forwarded", "for=\"[2001:db8::7]:99\";proto=https")]), "2001:db8::7");
        assert_eq!(client(&t, "10.1.2.3", &[("x-forwarded-for", "10.0.0.2, 10.0.0.1")]), "10.0.0.2");
    }

    #[test]
    fn rubbish_ends_the_walk() {
        let t = ["10.0.0.0/8"];
        assert_eq!(client(&t, "10.1.2.3", &[("x-forwarded-for", "6.6.6.6, nonsense")]), "10.1.2.3");
        assert_eq!(client(&t, "10.1.2.3", &[("forwarded", "by=1.1.1.1")]), "10.1.2.3");
        assert_eq!(client(&t, "10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn networks_are_parsed_strictly() {
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/x"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!("::/0".parse::<Cidr>().unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(!"::/0".parse::<Cidr>().unwrap().contains("8.8.8.8".parse().unwrap()));
    }
}
