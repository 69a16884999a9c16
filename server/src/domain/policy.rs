//! Who may come in without an account: guests, and registration. `auto` opens the door only where nobody but the
//! owner of the machine can stand before it.

use serde::{Deserialize, Serialize};

/// `--guests`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guests {
    /// Anyone may come as a guest.
    On,
    /// Nobody.
    Off,
    /// On while only this machine can reach the server.
    #[default]
    Auto,
}

/// `--registration`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
    /// With an invitation.
    Invite,
    /// Nobody.
    Closed,
    /// Open while only this machine can reach the server, by invitation otherwise.
    #[default]
    Auto,
}

/// What surrounds the server; fixed at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// It listens on loopback only.
    pub loopback: bool,
    /// Trusted proxies are configured.
    pub proxy: bool,
    /// It speaks TLS, so it is meant for others.
    pub tls: bool,
    /// It is a node of a cluster.
    pub bus: bool,
    /// The compatibility relay is on.
    pub relay: bool,
}

/// What one request says about where it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The `Host` header, or the authority of an absolute target.
    pub host: Option<&'a str>,
    /// It carries `Forwarded` or any `X-Forwarded-…`.
    pub forwarded: bool,
}

/// The policy as configured, with what it depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// As configured.
    pub guests: Guests,
    /// As configured.
    pub registration: Registration,
    /// Fixed at start.
    pub around: Surroundings,
}

impl Surroundings {
    /// Why `auto` is closed for everyone; `None`: it is open for requests from this machine.
    pub fn closed_because(&self) -> Option<&'static str> {
        let reasons = [
            (!self.loopback, "the address is not loopback"),
            (self.proxy, "a trusted proxy is configured"),
            (self.tls, "TLS is configured"),
            (self.bus, "a bus is configured"),
            (self.relay, "the relay is on"),
        ];
        reasons.into_iter().find_map(|(holds, why)| holds.then_some(why))
    }
}

impl Request<'_> {
    /// It was meant for this machine by name and no proxy has touched it: neither a proxy on the same host nor a name
    /// that was rebound to 127.0.0.1 passes.
    pub fn is_local(&self) -> bool {
        !self.forwarded && self.host.is_some_and(is_local_host)
    }
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_local_host(host: &str) -> bool {
    let (name, port) = match host.rfind(':') {
        // The last colon of `[::1]` belongs to the address.
        Some(i) if !host.ends_with(']') => (&host[..i], Some(&host[i + 1..])),
        _ => (host, None),
    };
    let port_ok = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    port_ok && (name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]")
}

impl Policy {
    /// Whether `request` may come as a guest.
    pub fn guests(&self, request: &Request<'_>) -> bool {
        match self.guests {
            Guests::On => true,
            Guests::Off => false,
            Guests::Auto => self.auto_open(request),
        }
    }

    /// What `request` may do to register; never [`Registration::Auto`].
    pub fn registration(&self, request: &Request<'_>) -> Registration {
        match self.registration {
            Registration::Auto if self.auto_open(request) => Registration::Open,
            Registration::Auto => Registration::Invite,
            fixed => fixed,
        }
    }

    fn auto_open(&self, request: &Request<'_>) -> bool {
        self.around.closed_because().is_none() && request.is_local()
    }

    /// Two clauses for the start-up lines: what holds, and why.
    pub fn describe(&self) -> String {
        let auto = match self.around.closed_because() {
            None => "auto: only this machine can reach the server".to_owned(),
            Some(why) => format!("auto: {why}"),
        };
        let open = self.around.closed_because().is_none();
        let guests = match self.guests {
            Guests::On => "on (configured)".to_owned(),
            Guests::Off => "off (configured)".to_owned(),
            Guests::Auto if open => format!("on for requests to localhost ({auto})"),
            Guests::Auto => format!("off ({auto})"),
        };
        let registration = match self.registration {
            Registration::Open => "open (configured)".to_owned(),
            Registration::Invite => "by invitation (configured)".to_owned(),
            Registration::Closed => "closed (configured)".to_owned(),
            Registration::Auto if open => format!("open for requests to localhost ({auto})"),
            Registration::Auto => format!("by invitation ({auto})"),
        };
        format!("guests {guests}; registration {registration}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Surroundings = Surroundings { loopback: true, proxy: false, tls: false, bus: false, relay: false };

    fn auto(around: Surroundings, host: Option<&str>, forwarded: bool) -> bool {
        let policy = Policy { around, ..Policy::default() };
        let request = Request { host, forwarded };
        let open = policy.registration(&request) == Registration::Open;
        assert_eq!(policy.guests(&request), open, "guests and registration open together");
        open
    }

    #[test]
    fn auto_is_open_only_for_this_machine() {
        let cases: [(Surroundings, Option<&str>, bool, bool); 18] = [
            (LOCAL, Some("localhost"), false, true),
            (LOCAL, Some("LocalHost:6969"), false, true),
            (LOCAL, Some("127.0.0.1:6969"), false, true),
            (LOCAL, Some("[::1]"), false, true),
            (LOCAL, Some("[::1]:6969"), false, true),
            (LOCAL, None, false, false),
            (LOCAL, Some(""), false, false),
            (LOCAL, Some("localhost:"), false, false),
            (LOCAL, Some("localhost:x"), false, false),
            (LOCAL, Some("localhost.evil.example"), false, false),
            (LOCAL, Some("evil.example:6969"), false, false),
            (LOCAL, Some("127.0.0.2"), false, false),
            (LOCAL, Some("localhost"), true, false),
            (Surroundings { loopback: false, ..LOCAL }, Some("localhost"), false, false),
            (Surroundings { proxy: true, ..LOCAL }, Some("localhost"), false, false),
            (Surroundings { tls: true, ..LOCAL }, Some("localhost"), false, false),
            (Surroundings { bus: true, ..LOCAL }, Some("localhost"), false, false),
            (Surroundings { relay: true, ..LOCAL }, Some("localhost"), false, false),
        ];
        for (around, host, forwarded, open) in cases {
            assert_eq!(auto(around, host, forwarded), open, "{around:?} {host:?} forwarded={forwarded}");
        }
    }

    #[test]
    fn what_is_configured_holds_for_everyone() {
        let stranger = Request { host: Some("chat.example"), forwarded: true };
        for registration in [Registration::Open, Registration::Invite, Registration::Closed] {
            let policy = Policy { guests: Guests::On, registration, around: Surroundings::default() };
            assert_eq!(policy.registration(&stranger), registration);
            assert!(policy.guests(&stranger));
        }
        let off = Policy { guests: Guests::Off, around: LOCAL, ..Policy::default() };
        assert!(!off.guests(&Request { host: Some("localhost"), forwarded: false }));
    }

    #[test]
    fn the_start_up_line_says_what_holds_and_why() {
        let open = Policy { around: LOCAL, ..Policy::default() };
        assert_eq!(
            open.describe(),
            "guests on for requests to localhost (auto: only this machine can reach the server); \
             registration open for requests to localhost (auto: only this machine can reach the server)"
        );
        let closed = Policy { guests: Guests::Off, ..Policy::default() };
        assert_eq!(
            closed.describe(),
            "guests off (configured); registration by invitation (auto: the address is not loopback)"
        );
    }
}
