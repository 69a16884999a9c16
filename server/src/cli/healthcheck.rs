//! `chat-server healthcheck`: asks the server that this configuration names, on this machine, whether it is ready. For
//! containers and supervisors that bring no HTTP client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::config::Config;

/// For each step: connecting, the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer; `/readyz` has some hundred.
const ANSWER: u64 = 64 * 1024;

/// What `/readyz` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200: ready.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// Ready, or an error that says why not.
pub fn run(config: &Config) -> anyhow::Result<String> {
    let answer = ask(config)?;
    if answer.status != 200 {
        bail!("not ready ({}): {}", answer.status, answer.body.trim());
    }
    Ok("ready".to_owned())
}

/// Asks `/readyz`.
pub fn ask(config: &Config) -> anyhow::Result<Answer> {
    let address = near(config)?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("nothing answers at {address}; is the server running, and is this its --listen?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let said = match &config.tls {
        None => exchange(stream),
        Some(_) => {
            let name = ServerName::IpAddress(address.ip().into());
            exchange(StreamOwned::new(ClientConnection::new(Arc::new(trusting()?), name)?, stream))
        }
    };
    let said = said.with_context(|| format!("no answer from {address}"))?;
    parse(&said).with_context(|| format!("{address} does not answer like a chat-server"))
}

/// Where the server is reached from this machine: an address for all interfaces stands for loopback.
fn near(config: &Config) -> anyhow::Result<SocketAddr> {
    let listen = &config.listen;
    if listen.port == 0 {
        bail!("port 0 is any free one: name the server's own with --listen HOST:PORT");
    }
    let mut found = (listen.host.as_str(), listen.port)
        .to_socket_addrs()
        .with_context(|| format!("cannot find the host of --listen {listen}"))?;
    let mut address = found.next().with_context(|| format!("the host of --listen {listen} has no address"))?;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    Ok(address)
}

fn exchange(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut said = Vec::new();
    match stream.take(ANSWER).read_to_end(&mut said) {
        // Over TLS an end without a farewell is an error, and the answer is whole all the same.
        Err(error) if said.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&said).into_owned()),
    }
}

fn parse(said: &str) -> Option<Answer> {
    let status = said.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (_, body) = said.split_once("\r\n\r\n")?;
    Some(Answer { status, body: body.to_owned() })
}

/// The question is whether our own port answers, nothing secret is said, and the certificate is for another name than
/// that of loopback: whose it is does not matter here.
fn trusting() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    config.enable_sni = false;
    Ok(config)
}

#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_rubbish_is_none() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "{}"));
        for rubbish in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2", "HTTP/1.1 200 OK"] {
            assert_eq!(parse(rubbish), None, "{rubbish}");
        }
    }
}
