//! What stands behind `?` in a `kafka://` address, and the client made of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::config::KafkaUrl;

/// The largest answer that is read. A fetch asks for far less, but a broker gives a whole batch of another producer.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// What is known behind `?`, for the message about one that is not.
const KNOWN: &str = "tls, ca, sasl, partitions, replication";

/// Why an address is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A word that means nothing here.
    #[error("kafka://…/{topic} does not know the option `{name}`; known are {KNOWN}")]
    Unknown {
        /// Of the address.
        topic: String,
        /// As written.
        name: String,
    },
    /// A value that is none.
    #[error("kafka://…/{topic}: `{name}` must be {wanted}")]
    Value {
        /// Of the address.
        topic: String,
        /// The option.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
    /// The certificates could not be read.
    #[error("kafka://…/{topic}: no certificates in {place}: {why}; name a PEM file with ?tls=true&ca=FILE")]
    Certificates {
        /// Of the address.
        topic: String,
        /// Where.
        place: String,
        /// What went wrong.
        why: String,
    },
}

/// An address, understood. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Settings {
    /// `HOST:PORT`, at least one.
    pub brokers: Vec<String>,
    /// Its name.
    pub topic: String,
    /// Partitions of a topic that is made.
    pub partitions: i32,
    /// Copies of each partition of a topic that is made.
    pub replication: i16,
    /// How to log in.
    pub sasl: Option<SaslConfig>,
    /// How to encrypt.
    pub tls: Option<Arc<ClientConfig>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("login", &self.sasl.is_some())
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads an address; `partitions`: how many a topic gets that is made, unless the address says.
    pub fn read(url: &KafkaUrl, partitions: i32) -> Result<Self, OptionsError> {
        let mut settings = Self {
            brokers: url.brokers.clone(),
            topic: url.topic.clone(),
            partitions,
            replication: 1,
            sasl: None,
            tls: None,
        };
        let (mut tls, mut ca, mut mechanism) = (false, None, None);
        let wrong = |name, wanted| OptionsError::Value { topic: url.topic.clone(), name, wanted };
        for (name, value) in &url.options {
            match name.as_str() {
                "tls" => tls = value.parse().map_err(|_| wrong("tls", "true or false"))?,
                "ca" => ca = Some(value.as_str()),
                "sasl" => mechanism = Some(value.as_str()),
                "partitions" => {
                    settings.partitions = within(value, 1_000).ok_or_else(|| wrong("partitions", "1 to 1000"))?;
                }
                "replication" => {
                    let copies = within(value, 9).and_then(|n| i16::try_from(n).ok());
                    settings.replication = copies.ok_or_else(|| wrong("replication", "1 to 9"))?;
                }
                other => return Err(OptionsError::Unknown { topic: url.topic.clone(), name: other.to_owned() }),
            }
        }
        settings.sasl = match (&url.login, mechanism) {
            (None, None) => None,
            (None, Some(_)) => return Err(wrong("sasl", "beside a login: kafka://USER:PASSWORD@HOST:PORT/TOPIC")),
            (Some((user, password)), mechanism) => {
                let login = Credentials::new(user.clone(), password.clone());
                Some(match mechanism.unwrap_or("plain") {
                    "plain" => SaslConfig::Plain(login),
                    "scram-sha-256" => SaslConfig::ScramSha256(login),
                    "scram-sha-512" => SaslConfig::ScramSha512(login),
                    _ => return Err(wrong("sasl", "plain, scram-sha-256 or scram-sha-512")),
                })
            }
        };
        settings.tls = match (tls, ca) {
            (true, ca) => Some(Arc::new(client_config(&url.topic, ca)?)),
            (false, Some(_)) => return Err(wrong("ca", "beside tls=true")),
            (false, None) => None,
        };
        Ok(settings)
    }

    /// A password that crosses the network readable for everyone on the way.
    pub fn password_in_clear(&self) -> bool {
        self.tls.is_none() && matches!(self.sasl, Some(SaslConfig::Plain(_)))
    }

    /// A client of its own; it asks the brokers who leads what, so give it a time limit.
    pub async fn client(&self, id: &str) -> rskafka::client::error::Result<Client> {
        // Whoever uses the client tries again by itself and says so meanwhile: the client's own patience is short.
        let patience = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 3.0,
            deadline: Some(Duration::from_millis(200)),
        };
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id(id)
            .max_message_size(MAX_ANSWER)
            .backoff_config(patience);
        if let Some(sasl) = &self.sasl {
            builder = builder.sasl_config(sasl.clone());
        }
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        builder.build().await
    }
}

fn within(value: &str, most: i32) -> Option<i32> {
    value.parse().ok().filter(|n| (1..=most).contains(n))
}

/// Trusts the authorities of a file, or those of the machine.
fn client_config(topic: &str, ca: Option<&str>) -> Result<ClientConfig, OptionsError> {
    let place = ca.unwrap_or("this machine's store").to_owned();
    let failed = |why: String| OptionsError::Certificates { topic: topic.to_owned(), place: place.clone(), why };
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let found = CertificateDer::pem_file_iter(Path::new(file)).map_err(|e| failed(e.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|e| failed(e.to_string()))?;
                roots.add(certificate).map_err(|e| failed(e.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(failed("none found".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Settings, OptionsError> {
        Settings::read(&url.parse().unwrap(), 12)
    }

    #[test]
    fn options_are_read_and_defaults_hold() {
        let plain = read("kafka://a:9092/chat").unwrap();
        assert_eq!((plain.partitions, plain.replication), (12, 1));
        assert!(plain.sasl.is_none() && plain.tls.is_none());
        let full = read("kafka://me:pw@a:9092,b:9092/chat?sasl=scram-sha-512&partitions=24&replication=3").unwrap();
        assert_eq!((full.partitions, full.replication, full.brokers.len()), (24, 3, 2));
        assert!(matches!(full.sasl, Some(SaslConfig::ScramSha512(_))) && !full.password_in_clear());
        assert!(read("kafka://me:pw@a:9092/chat").unwrap().password_in_clear());
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_shown() {
        for (url, said) in [
            ("kafka://a:9092/chat?retention=5", "does not know the option `retention`; known are tls"),
            ("kafka://a:9092/chat?partitions=0", "`partitions` must be 1 to 1000"),
            ("kafka://a:9092/chat?replication=many", "`replication` must be"),
            ("kafka://a:9092/chat?tls=yes", "`tls` must be true or false"),
            ("kafka://a:9092/chat?ca=/x", "beside tls=true"),
            ("kafka://a:9092/chat?sasl=plain", "beside a login"),
            ("kafka://me:geheim@a:9092/chat?sasl=gssapi", "plain, scram-sha-256 or scram-sha-512"),
            ("kafka://a:9092/chat?tls=true&ca=/nowhere.pem", "/nowhere.pem"),
        ] {
            let error = read(url).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("geheim"), "{url}: {error}");
        }
        let settings = read("kafka://me:geheim@a:9092/chat").unwrap();
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
