//! The configuration, read again while the server runs: what may change now does, what waits is named, and what is
//! wrong changes nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Running, open, origins, policy};
use crate::config::{Config, ConfigError};
use crate::listen::{Loaded, Tls, TlsFiles, TrustedProxies, date, load_tls};
use crate::telemetry;

/// How often the certificate's end is looked at.
const LOOK: Duration = Duration::from_secs(12 * 3_600);
/// So long before its end the log says so.
const WARN_DAYS: i64 = 14;

/// Seconds of Unix time.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The certificate of these files, if it can be used now.
pub(super) fn certificate(files: &TlsFiles) -> Result<Loaded, ConfigError> {
    load_tls(files, now()).map_err(|error| ConfigError::Value(error.to_string()))
}

/// Says in time that the certificate in force ends.
pub(super) async fn remind(tls: Tls) -> Result<(), String> {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let until = tls.current().good_until;
        let days = (until - now()).div_euclid(86_400);
        if days < WARN_DAYS {
            let until = date(until);
            tracing::warn!(%until, "the TLS certificate ends soon: put a new one into its files, then send SIGHUP");
        }
    }
}

impl Running {
    /// Reads the configuration again. No connection ends by it.
    pub fn reload(&mut self, load: &dyn Fn() -> Result<Config, ConfigError>, log: &telemetry::Filter) {
        let read = load().and_then(|new| self.config.reloaded(new)).and_then(|(config, changes)| {
            let certificate = config.tls.as_ref().map(certificate).transpose()?;
            Ok((config, changes, certificate))
        });
        let (config, changes, certificate) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the configuration was not taken, what was in force stays; mend it and send \
                                         SIGHUP again");
                return;
            }
        };
        if let (Some(tls), Some(loaded)) = (&self.tls, certificate) {
            let names = loaded.own.names.join(", ");
            let until = date(loaded.good_until);
            tls.replace(loaded);
            tracing::info!(%names, %until, "the TLS certificate was read again, for new connections");
        }
        self.policy.set(policy(&config, self.address));
        self.allow_origin.set(origins(&config));
        self.trusted.set(TrustedProxies::new(config.trusted_proxy.clone()));
        self.caps.set(config.limits.connections_per_address);
        self.services.limits.set(config.limits.clone());
        self.services.outbound.allow(open::outgoing_allowed(&config));
        log.set(&config.log.filter);
        self.config = config;
        let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        tracing::info!(changed = %list(&changes.now), waits_for_a_restart = %list(&changes.later),
            "the configuration was read again");
    }
}
