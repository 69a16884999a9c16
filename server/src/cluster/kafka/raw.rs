//! The two questions of Kafka's protocol that the client crate does not know: a topic's settings, read and changed.
//! One short connection of its own; TLS and login as for the rest.

use std::io::Cursor;
use std::sync::Arc;

use rsasl::config::SASLConfig;
use rsasl::prelude::{Mechname, SASLClient};
use rskafka::client::SaslConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::options::Settings;

const SASL_HANDSHAKE: i16 = 17;
const DESCRIBE_CONFIGS: i16 = 32;
const SASL_AUTHENTICATE: i16 = 36;
const INCREMENTAL_ALTER_CONFIGS: i16 = 44;
/// The kind of thing whose settings are meant.
const TOPIC: u8 = 2;
/// An answer larger than this is not one to these questions.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The connection.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not what the protocol says.
    #[error("the broker's answer is not readable")]
    Answer,
    /// The login was refused.
    #[error("the broker refuses the login: {0}")]
    Login(String),
    /// The broker said no.
    #[error("the broker refuses (error {code}): {why}")]
    Refused {
        /// Kafka's number.
        code: i16,
        /// Its words.
        why: String,
    },
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection to one broker, logged in.
pub struct Raw {
    stream: Box<dyn Stream>,
    next: i32,
}

impl Raw {
    /// Connects to the first broker that answers; give it a time limit.
    pub async fn connect(settings: &Settings) -> Result<Self, RawError> {
        let mut last = RawError::Answer;
        for broker in &settings.brokers {
            match Self::connect_to(broker, settings).await {
                Ok(raw) => return Ok(raw),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect_to(broker: &str, settings: &Settings) -> Result<Self, RawError> {
        let tcp = TcpStream::connect(broker).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &settings.tls {
            None => Box::new(tcp),
            Some(config) => {
                let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host).to_owned();
                let name = ServerName::try_from(host).map_err(|e| std::io::Error::other(e.to_string()))?;
                Box::new(tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?)
            }
        };
        let mut raw = Self { stream, next: 0 };
        if let Some(sasl) = &settings.sasl {
            raw.login(sasl).await?;
        }
        Ok(raw)
    }

    async fn ask(&mut self, api: i16, version: i16, body: &[u8]) -> Result<Answer, RawError> {
        self.next += 1;
        let mut message = Vec::with_capacity(body.len() + 32);
        message.extend(api.to_be_bytes());
        message.extend(version.to_be_bytes());
        message.extend(self.next.to_be_bytes());
        put_str(&mut message, "chat-server");
        message.extend(body);
        let length = i32::try_from(message.len()).map_err(|_| RawError::Answer)?;
        self.stream.write_all(&[&length.to_be_bytes()[..], &message].concat()).await?;
        self.stream.flush().await?;
        let length = usize::try_from(self.stream.read_i32().await?).map_err(|_| RawError::Answer)?;
        if length > MAX_ANSWER {
            return Err(RawError::Answer);
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await?;
        let mut answer = Answer(Cursor::new(bytes));
        if answer.i32()? == self.next { Ok(answer) } else { Err(RawError::Answer) }
    }

    async fn login(&mut self, sasl: &SaslConfig) -> Result<(), RawError> {
        let (mechanism, login) = match sasl {
            SaslConfig::Plain(login) => ("PLAIN", login),
            SaslConfig::ScramSha256(login) => ("SCRAM-SHA-256", login),
            SaslConfig::ScramSha512(login) => ("SCRAM-SHA-512", login),
            SaslConfig::Oauthbearer(_) => return Err(RawError::Login("OAUTHBEARER is not known here".to_owned())),
        };
        let mut body = Vec::new();
        put_str(&mut body, mechanism);
        let mut answer = self.ask(SASL_HANDSHAKE, 1, &body).await?;
        if answer.i16()? != 0 {
            return Err(RawError::Login(format!("it does not offer {mechanism}")));
        }
        let failed = |e: &dyn std::fmt::Display| RawError::Login(e.to_string());
        let config = SASLConfig::with_credentials(None, login.username.clone(), login.password.clone())
            .map_err(|e| failed(&e))?;
        let name = Mechname::parse(mechanism.as_bytes()).map_err(|e| failed(&e))?;
        let mut session = SASLClient::new(config).start_suggested(&[name]).map_err(|e| failed(&e))?;
        let mut said: Option<Vec<u8>> = None;
        loop {
            let mut to_send = Vec::new();
            let state = session.step(said.as_deref(), &mut to_send).map_err(|e| failed(&e))?;
            if state.has_sent_message() {
                let mut body = Vec::new();
                put_bytes(&mut body, &to_send);
                let mut answer = self.ask(SASL_AUTHENTICATE, 0, &body).await?;
                let (code, why) = (answer.i16()?, answer.string()?);
                if code != 0 {
                    return Err(RawError::Login(why.unwrap_or_else(|| format!("error {code}"))));
                }
                said = Some(answer.bytes()?);
            }
            if state.is_finished() {
                return Ok(());
            }
        }
    }

    /// The values of some of a topic's settings, in that order; `None`: the broker does not know it.
    pub async fn topic_settings(&mut self, topic: &str, names: &[&str]) -> Result<Vec<Option<String>>, RawError> {
        let mut body = Vec::new();
        put_len(&mut body, 1);
        body.push(TOPIC);
        put_str(&mut body, topic);
        put_len(&mut body, names.len());
        for name in names {
            put_str(&mut body, name);
        }
        // No synonyms.
        body.push(0);
        let mut answer = self.ask(DESCRIBE_CONFIGS, 1, &body).await?;
        let _throttled = answer.i32()?;
        if answer.i32()? != 1 {
            return Err(RawError::Answer);
        }
        answer.refused()?;
        let (_kind, _name) = (answer.u8()?, answer.string()?);
        let mut found = vec![None; names.len()];
        for _ in 0..answer.i32()? {
            let (name, value) = (answer.string()?.unwrap_or_default(), answer.string()?);
            let (_read_only, _source, _secret) = (answer.u8()?, answer.u8()?, answer.u8()?);
            for _ in 0..answer.i32()? {
                let _synonym = (answer.string()?, answer.string()?, answer.u8()?);
            }
            if let Some(at) = names.iter().position(|n| *n == name) {
                found[at] = value;
            }
        }
        Ok(found)
    }

    /// Sets some of a topic's settings and leaves the others as they are.
    pub async fn set_topic(&mut self, topic: &str, settings: &[(&str, String)]) -> Result<(), RawError> {
        let mut body = Vec::new();
        put_len(&mut body, 1);
        body.push(TOPIC);
        put_str(&mut body, topic);
        put_len(&mut body, settings.len());
        for (name, value) in settings {
            put_str(&mut body, name);
            // To set, not to append.
            body.push(0);
            put_str(&mut body, value);
        }
        // Not only to check.
        body.push(0);
        let mut answer = self.ask(INCREMENTAL_ALTER_CONFIGS, 0, &body).await?;
        let _throttled = answer.i32()?;
        if answer.i32()? != 1 {
            return Err(RawError::Answer);
        }
        answer.refused()
    }
}

fn put_len(to: &mut Vec<u8>, n: usize) {
    to.extend(i32::try_from(n).unwrap_or(i32::MAX).to_be_bytes());
}

fn put_str(to: &mut Vec<u8>, s: &str) {
    to.extend(i16::try_from(s.len()).unwrap_or(i16::MAX).to_be_bytes());
    to.extend(s.as_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_len(to, bytes.len());
    to.extend(bytes);
}

/// An answer, read from its beginning.
struct Answer(Cursor<Vec<u8>>);

impl Answer {
    fn take(&mut self, n: usize) -> Result<&[u8], RawError> {
        let from = usize::try_from(self.0.position()).map_err(|_| RawError::Answer)?;
        let to = from.checked_add(n).ok_or(RawError::Answer)?;
        self.0.set_position(u64::try_from(to).map_err(|_| RawError::Answer)?);
        self.0.get_ref().get(from..to).ok_or(RawError::Answer)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RawError> {
        self.take(N)?.try_into().map_err(|_| RawError::Answer)
    }

    fn u8(&mut self) -> Result<u8, RawError> {
        Ok(self.fixed::<1>()?[0])
    }

    fn i16(&mut self) -> Result<i16, RawError> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    fn i32(&mut self) -> Result<i32, RawError> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    fn string(&mut self) -> Result<Option<String>, RawError> {
        let Ok(length) = usize::try_from(self.i16()?) else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    fn bytes(&mut self) -> Result<Vec<u8>, RawError> {
        let length = usize::try_from(self.i32()?).unwrap_or_default();
        Ok(self.take(length)?.to_vec())
    }

    fn refused(&mut self) -> Result<(), RawError> {
        match (self.i16()?, self.string()?) {
            (0, _) => Ok(()),
            (code, why) => Err(RawError::Refused { code, why: why.unwrap_or_default() }),
        }
    }
}
