//! Which addresses a server may be made to call by others: the public ones. What lies within a machine, a network or a
//! cloud's own services is refused, in whatever form it is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::Refusal;

/// Bytes of an address that is stored.
const LONGEST: usize = 2_000;

/// Why an address is not public; `None`: it is.
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => v4_not_public(v4),
        IpAddr::V6(v6) => v6_not_public(v6),
    }
}

fn v4_not_public(a: Ipv4Addr) -> Option<&'static str> {
    Some(match a.octets() {
        [0, ..] => "stands for no machine",
        [127, ..] => "is this machine (loopback)",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "is private",
        [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] => "is where clouds keep the machine's metadata",
        [169, 254, ..] => "is link-local",
        [100, 64..=127, ..] => "is within a provider (carrier-grade NAT)",
        [192, 0, 0, _] | [192, 88, 99, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => {
            "is reserved for protocols"
        }
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "is for examples",
        [198, 18..=19, ..] => "is for measurements within a network",
        [224..=239, ..] => "is multicast",
        [240..=255, ..] => "is reserved",
        _ => return None,
    })
}

fn v6_not_public(a: Ipv6Addr) -> Option<&'static str> {
    let s = a.segments();
    let low = |hi: u16, lo: u16| Ipv4Addr::from(u32::from(hi) << 16 | u32::from(lo));
    if let Some(v4) = a.to_ipv4_mapped() {
        return v4_not_public(v4);
    }
    Some(match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => "stands for no machine",
        [0, 0, 0, 0, 0, 0, 0, 1] => "is this machine (loopback)",
        // What carries an IPv4 address in it leads there.
        [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] | [0, 0, 0, 0, 0, 0, hi, lo] | [0, 0, 0, 0, 0xffff, 0, hi, lo] => {
            return v4_not_public(low(hi, lo)).or(Some("carries an IPv4 address; write that one"));
        }
        [0x2002, hi, lo, ..] => return v4_not_public(low(hi, lo)).or(Some("is 6to4; write the IPv4 address")),
        [0x64, 0xff9b, ..] => "is translated within a network (NAT64)",
        [0x2001, 0, ..] => "is Teredo; write the IPv4 address",
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "is for examples",
        [0x2001, 0..=0x01ff, ..] => "is reserved for protocols",
        [0xfd00, 0x0ec2, ..] => "is where clouds keep the machine's metadata",
        [0xfc00..=0xfdff, ..] => "is private",
        [0xfe80..=0xfebf, ..] => "is link-local",
        [0xfec0..=0xfeff, ..] => "is private (site-local)",
        [0xff00..=0xffff, ..] => "is multicast",
        [0x2000..=0x3fff, ..] => return None,
        _ => "is reserved",
    })
}

/// An address that others name for the server to call, checked as far as it can be before its host is looked up:
/// `http` or `https`, no login in it, a port that web servers have, and no address of a machine that is not public
/// unless `allowed` says so.
pub fn outgoing(given: &str, allowed: &dyn Fn(IpAddr) -> bool) -> Result<Url, Refusal> {
    let invalid = |message: String| Refusal::Invalid { field: "url", message };
    if given.len() > LONGEST {
        return Err(invalid(format!("the address is longer than {LONGEST} bytes")));
    }
    let url = Url::parse(given.trim())
        .map_err(|e| invalid(format!("this is no address ({e}); write it as https://host.example/path")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!(
            "`{}:` cannot be called; the address begins with https:// or http://",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "a name or password in an address is not kept secret; leave it out, and check the signature".to_owned(),
        ));
    }
    if url.fragment().is_some() {
        return Err(invalid("what follows `#` is never sent; leave it out".to_owned()));
    }
    let port = url.port_or_known_default().unwrap_or(0);
    if !matches!(port, 80 | 443 | 1024..) {
        return Err(invalid(format!("port {port} is none of the web's; take 80, 443, or one from 1024 on")));
    }
    match url.host() {
        None => Err(invalid("the address has no host".to_owned())),
        Some(Host::Domain(name)) if !is_name(name) => Err(invalid(format!("`{name}` is no name of a host"))),
        Some(Host::Domain(_)) => Ok(url),
        Some(Host::Ipv4(v4)) => permitted(v4.into(), allowed).map(|()| url),
        Some(Host::Ipv6(v6)) => permitted(v6.into(), allowed).map(|()| url),
    }
}

/// Refuses an address that is not public, unless `allowed`.
pub fn permitted(address: IpAddr, allowed: &dyn Fn(IpAddr) -> bool) -> Result<(), Refusal> {
    match not_public(address) {
        Some(why) if !allowed(address) => Err(Refusal::Invalid {
            field: "url",
            message: format!(
                "{address} {why}; this server does not call it (its admin can allow it: --outgoing-allow)"
            ),
        }),
        _ => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(_: IpAddr) -> bool {
        false
    }

    #[test]
    fn only_public_addresses_are_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8%",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "2001::1",
            "2001:db8::1",
            "2001:10::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "4000::1",
            "5f00::1",
        ] {
            let Ok(parsed) = address.parse::<IpAddr>() else {
                assert!(address.ends_with('%'), "{address} is none");
                continue;
            };
            assert!(not_public(parsed).is_some(), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.1.1",
            "192.169.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "169.253.1.1",
            "198.17.1.1",
            "198.20.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn every_way_of_writing_an_address_comes_to_the_same() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0x0.0.1/",
            "http://017700000001/",
            "http://0177.0.0.1:8080/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]:3000/x",
            "http://169.254.169.254/latest/meta-data/",
            "http://0/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.０.０.１/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::]/",
            "http://10.0.0.5./",
        ] {
            let refused = outgoing(url, &open).unwrap_err().to_string();
            assert!(refused.contains("does not call it"), "{url}: {refused}");
        }
        assert!(outgoing("http://2130706433:9000/", &|a| a.is_loopback()).is_ok(), "its admin has allowed it");
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused_with_a_sentence() {
        for (url, says) in [
            ("", "no address"),
            ("host.example/x", "no address"),
            ("ftp://h.example/", "cannot be called"),
            ("file:///etc/passwd", "cannot be called"),
            ("gopher://h.example/", "cannot be called"),
            ("https://u:p@h.example/", "password"),
            ("https://u@h.example/", "password"),
            ("https://h.example/#x", "#"),
            ("http://h.example:22/", "port 22"),
            ("http://h.example:25/", "port 25"),
            ("http://h.example:0/", "port 0"),
            ("http:///x", ""),
            ("http://a b.example/", "no address"),
        ] {
            let refused = outgoing(url, &open);
            if says.is_empty() {
                continue;
            }
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(says), "{url}: {refused}");
        }
        assert!(outgoing(&format!("https://h.example/{}", "x".repeat(3_000)), &open).is_err());
        for url in
            ["https://hooks.example/x?y=z", "http://hooks.example:8080", "https://8.8.8.8/", "https://bücher.example/"]
        {
            assert!(outgoing(url, &open).is_ok(), "{url}");
        }
    }
}
