//! Who can come in, and how safely: TLS, guests, proxies.

use std::net::IpAddr;

use super::Finding;
use crate::config::Config;
use crate::domain::policy::{Guests, Registration};
use crate::listen::{date, load_tls};

/// Time to renew without haste.
const DAYS: i64 = 14;

/// The certificate.
pub(super) fn tls(config: &Config, now: i64) -> Vec<Finding> {
    let Some(files) = &config.tls else { return Vec::new() };
    let loaded = match load_tls(files, now) {
        Ok(loaded) => loaded,
        Err(error) => {
            let hint = "a running server keeps the one it has; the next start fails";
            return vec![Finding::fail("TLS", error.to_string(), hint)];
        }
    };
    let days = (loaded.good_until - now) / 86_400;
    let said = format!("for {}, {days} days left (until {})", loaded.own.names.join(", "), date(loaded.good_until));
    let mut found = vec![if days < DAYS {
        Finding::warn("TLS", said, "renew it, then systemctl reload chat-server (docs/install.md)")
    } else {
        Finding::ok("TLS", said)
    }];
    let open = |m: std::fs::Metadata| std::os::unix::fs::PermissionsExt::mode(&m.permissions()) & 0o007 != 0;
    if std::fs::metadata(&files.key).is_ok_and(open) {
        let key = files.key.display();
        found.push(Finding::fail(
            "TLS",
            format!("everybody on this machine can read {key}"),
            format!("chmod 640 {key}"),
        ));
    }
    found
}

/// What stands open to whom.
pub(super) fn doors(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "access";
    let beyond = !is_loopback(&config.listen.host);
    let proxied = !config.trusted_proxy.is_empty();
    let reached = beyond || proxied;
    let mut found = Vec::new();
    if reached && config.guests == Guests::On {
        let said = "anybody who reaches the server comes in as a guest";
        found.push(Finding::warn(CHECK, said, "guests = \"off\" (or \"auto\"), unless that is what you want"));
    }
    if reached && config.registration == Registration::Open {
        let said = "anybody who reaches the server can make an account";
        found.push(Finding::warn(CHECK, said, "registration = \"invite\" (or \"auto\"), unless that is what you want"));
    }
    let everybody = |text: &str| text.parse().is_ok_and(|a: IpAddr| config.trusted_proxy.iter().any(|c| c.contains(a)));
    // Addresses that nobody's proxy has.
    if ["192.0.2.1", "2001:db8::1"].into_iter().any(everybody) {
        let said = "trusted_proxy holds everybody: each client may claim another one's address";
        found.push(Finding::fail(CHECK, said, "name the proxy's own address or network"));
    }
    if beyond && config.tls.is_none() && !proxied {
        let said =
            format!("{} is reached without TLS: passwords and messages cross the network in the clear", config.listen);
        found.push(Finding::warn(CHECK, said, "--tls-cert and --tls-key, or a TLS proxy named by --trusted-proxy"));
    }
    if found.is_empty() {
        let said = if reached { "by accounts, as configured" } else { "from this machine alone" };
        found.push(Finding::ok(CHECK, said));
    }
    found
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|a: IpAddr| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::State;
    use super::*;
    use crate::config::{File, Flags};

    fn said(file: &str) -> Vec<(State, String)> {
        let file = File::parse(Path::new("t.toml"), file).unwrap();
        let flags = Flags { data_dir: Some("/nowhere".into()), ..Flags::default() };
        let config = Config::merge(flags, file, None, &|_| None).unwrap();
        doors(&config).into_iter().map(|f| (f.state, f.said)).collect()
    }

    #[test]
    fn what_stands_open_is_named() {
        assert_eq!(said(""), [(State::Ok, "from this machine alone".to_owned())]);
        assert_eq!(said("guests = \"on\"")[0].0, State::Ok);
        let open = said("listen = \"0.0.0.0:6969\"\nguests = \"on\"\nregistration = \"open\"");
        assert!(open.len() == 3 && open.iter().all(|(state, _)| *state == State::Warn), "{open:?}");
        let trusting = said("trusted_proxy = [\"0.0.0.0/0\"]");
        assert!(trusting[0].0 == State::Fail && trusting[0].1.contains("everybody"), "{trusting:?}");
        assert_eq!(said("trusted_proxy = [\"127.0.0.1\"]")[0].1, "by accounts, as configured");
    }
}
