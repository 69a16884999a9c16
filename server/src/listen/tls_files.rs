//! Certificate and key from PEM files, looked at before they are used: what a client would refuse is refused here,
//! with a sentence that says what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::tls_cert::{self, Facts, date};

/// Files are small; what is larger is another kind of file.
const BYTES: u64 = 1024 * 1024;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to an authority; PEM.
    pub cert: PathBuf,
    /// Its private key; PEM.
    pub key: PathBuf,
}

/// A certificate that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What connections are secured with.
    pub(super) config: Arc<ServerConfig>,
    /// The server's own certificate.
    pub own: Facts,
    /// Until when all of the chain is good, in seconds of Unix time.
    pub good_until: i64,
}

/// Why certificate and key cannot be used; the sentence names the file and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the TLS {what} {path} cannot be read: {why}", path = path.display())]
    Unreadable {
        /// `certificate` or `key`
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's word and the way out.
        why: String,
    },
    /// A file holds something else.
    #[error("the TLS {what} {path} {why}", path = path.display())]
    Other {
        /// `certificate` or `key`
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What it is and what it should be.
        why: String,
    },
}

/// Reads both, and looks at them at this second of Unix time.
pub fn load(files: &TlsFiles, now: i64) -> Result<Loaded, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&files.cert)?;
    let key = private_key(&files.key)?;
    let wrong = |why: String| TlsError::Other { what: "certificate", path: files.cert.clone(), why };
    let facts = judge(&chain, now).map_err(wrong)?;
    let Some(own) = facts.first().cloned() else {
        return Err(wrong("holds no certificate".to_owned()));
    };
    belongs(files, &chain, &key, &provider)?;
    order(&facts).map_err(wrong)?;
    let good_until = facts.iter().map(|f| f.not_after).min().unwrap_or_default();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    let mut config = config;
    // WebSocket and long polling are HTTP/1.1; a client that wants nothing else is told so in the handshake.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded { config: Arc::new(config), own, good_until })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error: std::io::Error| {
        let next = match error.kind() {
            std::io::ErrorKind::NotFound => "; name the right file, or make one as docs/install.md shows",
            std::io::ErrorKind::IsADirectory => "; name the file within it",
            std::io::ErrorKind::PermissionDenied => "; let the user that runs the server read it (chgrp, chmod 640)",
            _ => "",
        };
        TlsError::Unreadable { what, path: path.to_owned(), why: format!("{error}{next}") }
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > BYTES {
        let why = format!("has {length} bytes; a PEM file has some thousand");
        return Err(TlsError::Other { what, path: path.to_owned(), why });
    }
    std::fs::read(path).map_err(failed)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read("certificate", path)?;
    let wrong = |why: String| TlsError::Other { what: "certificate", path: path.to_owned(), why };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, pem::Error>>()
        .map_err(|error| wrong(damaged(&error)))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(wrong(match contains(&bytes, "PRIVATE KEY-----") {
        true => "holds a key and no certificate; are --tls-cert and --tls-key exchanged?".to_owned(),
        false => {
            "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); `openssl x509 -inform der` makes one \
                  of a binary file"
                .to_owned()
        }
    }))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read("key", path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let why = if contains(&bytes, "ENCRYPTED") {
            "is encrypted, and nobody is there at the start to type its password; `openssl pkey -in FILE -out NEW` takes \
             it off"
                .to_owned()
        } else if contains(&bytes, "-----BEGIN CERTIFICATE-----") {
            "holds a certificate and no key; are --tls-cert and --tls-key exchanged?".to_owned()
        } else if matches!(error, pem::Error::NoItemsFound) {
            "holds no key in PEM form (-----BEGIN PRIVATE KEY-----); certbot calls it privkey.pem".to_owned()
        } else {
            damaged(&error)
        };
        TlsError::Other { what: "key", path: path.to_owned(), why }
    })
}

/// The library's words for a file that was cut off are numbers.
fn damaged(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "is cut off: its last -----END line is missing; copy it anew".to_owned()
        }
        _ => "is damaged: between -----BEGIN and -----END stands what is no base64; copy it anew".to_owned(),
    }
}

fn contains(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|w| w == words.as_bytes())
}

/// What is known of each, if all can be read and are good now.
fn judge(chain: &[CertificateDer<'_>], now: i64) -> Result<Vec<Facts>, String> {
    let mut all = Vec::new();
    for (i, der) in chain.iter().enumerate() {
        let which = if chain.len() == 1 { String::new() } else { format!("(number {} of it) ", i + 1) };
        let facts = tls_cert::read(der).ok_or_else(|| format!("{which}cannot be read; copy it anew"))?;
        if facts.not_after < now {
            let ended = date(facts.not_after);
            return Err(format!("{which}expired on {ended}; renew it (certbot renew), or put the new one there"));
        }
        if facts.not_before > now {
            let begins = date(facts.not_before);
            return Err(format!("{which}is good from {begins} on; is this machine's clock right?"));
        }
        all.push(facts);
    }
    Ok(all)
}

/// Each but the last was signed by the next.
fn order(facts: &[Facts]) -> Result<(), String> {
    for (i, pair) in facts.windows(2).enumerate() {
        if pair[0].issuer != pair[1].subject {
            return Err(format!(
                "is in the wrong order: number {} of it did not sign number {}; the server's own comes first, then the one \
                 that signed it, and so on (certbot's fullchain.pem is right)",
                i + 2,
                i + 1
            ));
        }
    }
    Ok(())
}

/// The key is the first one's.
fn belongs(
    files: &TlsFiles,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<(), TlsError> {
    let fits =
        |der: &CertificateDer<'static>| match CertifiedKey::from_der(vec![der.clone()], key.clone_key(), provider) {
            Ok(_) => Ok(true),
            Err(rustls::Error::InconsistentKeys(_)) => Ok(false),
            Err(error) => Err(error),
        };
    let wrong = |what, path: &Path, why| Err(TlsError::Other { what, path: path.to_owned(), why });
    let Some((first, others)) = chain.split_first() else { return Ok(()) };
    match fits(first) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error) => return wrong("key", &files.key, format!("cannot be used: {error}; take an ECDSA or RSA key")),
    }
    if let Some(at) = others.iter().position(|der| fits(der) == Ok(true)) {
        let why = format!("is in the wrong order: the key belongs to number {} of it; put that one first", at + 2);
        return wrong("certificate", &files.cert, why);
    }
    let why = format!("does not belong to {}; take the two that were made together", files.cert.display());
    wrong("key", &files.key, why)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// 2026-11-22.
    const NOW: i64 = 1_795_305_600;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
    }

    /// The first certificate of a file.
    pub fn der(name: &str) -> Vec<u8> {
        certificates(&fixture(name)).unwrap()[0].to_vec()
    }

    /// For `localhost`, from a file of the fixtures.
    pub fn loaded(cert: &str, key: &str) -> Result<Loaded, TlsError> {
        load(&TlsFiles { cert: fixture(cert), key: fixture(key) }, NOW)
    }

    #[test]
    fn a_chain_in_order_is_taken_and_its_end_is_the_earliest() {
        let one = loaded("leaf.pem", "leaf.key").unwrap();
        let chain = loaded("chain.pem", "leaf.key").unwrap();
        assert_eq!(one.own, chain.own);
        assert_eq!(one.own.names, ["localhost", "127.0.0.1"]);
        assert!(chain.good_until <= one.own.not_after && chain.good_until > NOW);
    }

    #[test]
    fn what_a_client_would_refuse_is_refused_with_the_way_out() {
        let folder = fixture("");
        let said = |cert: &str, key: &str| {
            loaded(cert, key).unwrap_err().to_string().replace(&folder.display().to_string(), "/etc/tls/")
        };
        let lines: Vec<String> = [
            ("nowhere.pem", "leaf.key"),
            ("leaf.pem", "nowhere.key"),
            ("leaf.key", "leaf.key"),
            ("leaf.pem", "leaf.pem"),
            ("leaf.pem", "other.key"),
            ("leaf.pem", "encrypted.key"),
            ("leaf.pem", "rubbish.pem"),
            ("rubbish.pem", "leaf.key"),
            ("damaged.pem", "leaf.key"),
            ("cut.pem", "leaf.key"),
            ("turned.pem", "leaf.key"),
            ("strange.pem", "leaf.key"),
            ("expired.pem", "expired.key"),
            ("future.pem", "future.key"),
            ("", "leaf.key"),
        ]
        .into_iter()
        .map(|(cert, key)| said(cert, key))
        .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
