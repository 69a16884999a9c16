//! What may change while the server runs, and what waits for its next start.

use toml::{Table, Value};

use super::{Config, ConfigError, File};

/// The keys that a reload changes; every other one waits for a restart. `tls_cert` and `tls_key` are read again even
/// where their names stay.
pub const LIVE: [&str; 9] = [
    "allow_origin",
    "guests",
    "limits",
    "log",
    "outgoing_allow",
    "registration",
    "tls_cert",
    "tls_key",
    "trusted_proxy",
];

/// Limits that were given away at the start.
const FIXED_LIMITS: [&str; 1] = ["payload_bytes"];

/// What differs between what is in force and what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Holds from now on.
    pub now: Vec<String>,
    /// Holds after a restart.
    pub later: Vec<String>,
}

impl Config {
    /// What is in force once `new` was read: its live settings, and the others of this one.
    pub fn reloaded(&self, new: Self) -> Result<(Self, Changes), ConfigError> {
        let mut changes = Changes::default();
        let (was, is) = (table(self)?, table(&new)?);
        for key in was.keys().chain(is.keys().filter(|key| !was.contains_key(*key))) {
            if key == "limits" {
                limits(was.get(key), is.get(key), &mut changes);
            } else if was.get(key) != is.get(key) {
                let live = LIVE.contains(&key.as_str()) && !self.is_fixed(key, &new);
                if live { &mut changes.now } else { &mut changes.later }.push(key.clone());
            }
        }
        let mut limits = new.limits.clone();
        limits.payload_bytes = self.limits.payload_bytes;
        let tls = if self.tls.is_some() == new.tls.is_some() { new.tls } else { self.tls.clone() };
        let trusted_proxy = if self.is_fixed("trusted_proxy", &Self { tls: None, ..self.clone() }) {
            self.trusted_proxy.clone()
        } else {
            new.trusted_proxy
        };
        let mut log = self.log.clone();
        log.filter = new.log.filter;
        let config = Self {
            allow_origin: new.allow_origin,
            guests: new.guests,
            outgoing_allow: new.outgoing_allow,
            registration: new.registration,
            trusted_proxy,
            limits,
            tls,
            log,
            ..self.clone()
        };
        Ok((config, changes))
    }

    /// Whether a key that is live otherwise waits here: TLS is there from the start or not at all, and the relay has
    /// decided by the proxies who may push.
    fn is_fixed(&self, key: &str, new: &Self) -> bool {
        match key {
            "tls_cert" | "tls_key" => self.tls.is_some() != new.tls.is_some(),
            "trusted_proxy" => self.relay.on,
            _ => false,
        }
    }
}

fn table(config: &Config) -> Result<Table, ConfigError> {
    Table::try_from(File::from(config)).map_err(|e| ConfigError::Value(e.to_string()))
}

fn limits(was: Option<&Value>, is: Option<&Value>, changes: &mut Changes) {
    for (name, value) in is.and_then(Value::as_table).into_iter().flatten() {
        if was.and_then(|w| w.get(name)) != Some(value) {
            let list = if FIXED_LIMITS.contains(&name.as_str()) { &mut changes.later } else { &mut changes.now };
            list.push(format!("limits.{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{DEFAULT_FILE, Flags};
    use super::*;

    fn read(text: &str) -> Config {
        let file = File::parse(Path::new("t.toml"), text).unwrap();
        let flags = Flags { data_dir: Some("/x".into()), ..Flags::default() };
        Config::merge(flags, file, None, &|_| None).unwrap()
    }

    fn words(list: &[String]) -> String {
        list.join(" ")
    }

    #[test]
    fn what_is_live_changes_and_the_rest_waits() {
        let old = read("tls_cert = \"a\"\ntls_key = \"a\"");
        let new = read(
            "tls_cert = \"b\"\ntls_key = \"b\"\nlisten = \"127.0.0.1:1\"\nguests = \"off\"\nlog = \"warn\"\n\
             outgoing_allow = [\"10.0.0.0/8\"]\nlog_format = \"json\"\nname = \"other\"\n[limits]\nmessage_burst = 7\npayload_bytes = 60000\n",
        );
        let (now, changes) = old.reloaded(new.clone()).unwrap();
        assert_eq!(words(&changes.now), "guests limits.message_burst log outgoing_allow tls_cert tls_key");
        assert_eq!(words(&changes.later), "limits.payload_bytes listen log_format name");
        assert_eq!((now.guests, &now.log.filter, &now.tls), (new.guests, &new.log.filter, &new.tls));
        assert_eq!((&now.listen, &now.name, now.log.format), (&old.listen, &old.name, old.log.format));
        assert_eq!((now.limits.message_burst, now.limits.payload_bytes), (7, old.limits.payload_bytes));
        let (again, changes) = now.reloaded(new).unwrap();
        assert_eq!((again, words(&changes.now).as_str()), (now, ""), "a second reload changes nothing more");
    }

    #[test]
    fn tls_is_there_from_the_start_or_waits_and_so_do_proxies_beside_the_relay() {
        let (now, changes) = read("").reloaded(read("tls_cert = \"a\"\ntls_key = \"a\"")).unwrap();
        assert_eq!((now.tls, words(&changes.later).as_str()), (None, "tls_cert tls_key"));
        let relay = |more: &str| read(&format!("relay = true\nrelay_open = true\n{more}"));
        let (now, changes) = relay("").reloaded(relay("trusted_proxy = [\"10.0.0.1\"]")).unwrap();
        assert!(now.trusted_proxy.is_empty() && words(&changes.later) == "trusted_proxy");
        let (now, changes) = read("").reloaded(read("trusted_proxy = [\"10.0.0.1\"]")).unwrap();
        assert!(now.trusted_proxy.len() == 1 && words(&changes.now) == "trusted_proxy");
    }

    #[test]
    fn every_live_key_is_a_key() {
        for key in LIVE {
            assert!(
                DEFAULT_FILE.contains(&format!("\n{key} = "))
                    || DEFAULT_FILE.contains(&format!("\n#: {key} = "))
                    || DEFAULT_FILE.contains(&format!("\n[{key}]")),
                "{key}"
            );
        }
    }
}
