//! HTTP to addresses that others have named: looked up once, checked, and called at exactly the address that was
//! checked, so that no name can mean something else in between. No redirect is followed, no proxy asked, no cookie kept.
//! What is public stands in `domain::address`.

mod call;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::domain::{Refusal, address};

/// Looking a name up may take so long.
const LOOK_UP: Duration = Duration::from_secs(5);
/// One call may take so long, from the look-up to the answer.
pub const CALL: Duration = Duration::from_secs(10);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// Headers beside those of every call.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: bytes::Bytes,
}

/// What was answered; the body is of no interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The header Retry-After, where it is a number of seconds.
    pub retry_after: Option<Duration>,
}

/// Who calls.
#[async_trait]
pub trait Caller: Send + Sync {
    /// Posts once; `Err` says in words why there is no answer.
    async fn call(&self, post: &Post) -> Result<Answer, String>;
}

/// Says which addresses that are not public may be called all the same.
pub type Allowed = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The caller of this server. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    allowed: Arc<RwLock<Allowed>>,
    /// Made for the first call that needs it.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Outbound {
    /// Public addresses, and those.
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed: Arc::new(RwLock::new(allowed)), tls: Arc::default() }
    }

    /// From now on public addresses, and those.
    pub fn allow(&self, allowed: Allowed) {
        *self.allowed.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }

    fn allowed(&self) -> Allowed {
        Arc::clone(&self.allowed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Public addresses alone.
    pub fn public() -> Self {
        Self::new(Arc::new(|_| false))
    }

    /// Whether an address may be called, as far as can be told now; its host is looked up.
    pub async fn check(&self, url: &str) -> Result<(), Refusal> {
        let url = address::outgoing(url, &*self.allowed())?;
        self.places(&url).await.map(drop)
    }

    /// Where an address leads: each place may be called, or none is.
    async fn places(&self, url: &Url) -> Result<Vec<SocketAddr>, Refusal> {
        let invalid = |message: String| Refusal::Invalid { field: "url", message };
        let port = url.port_or_known_default().unwrap_or(443);
        let places: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(a)) => vec![(a, port).into()],
            Some(Host::Ipv6(a)) => vec![(a, port).into()],
            Some(Host::Domain(name)) => {
                let unknown = |why: String| invalid(format!("the host {name} cannot be found: {why}"));
                match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, port))).await {
                    Ok(Ok(found)) => found.collect(),
                    Ok(Err(error)) => return Err(unknown(error.to_string())),
                    Err(_) => return Err(unknown("no name server answers".to_owned())),
                }
            }
            None => Vec::new(),
        };
        let allowed = self.allowed();
        for place in &places {
            address::permitted(place.ip(), &*allowed)?;
        }
        if places.is_empty() { Err(invalid("the host has no address".to_owned())) } else { Ok(places) }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        // A failure is not kept: the machine's certificates may be installed meanwhile.
        let config = client_config()?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

#[async_trait]
impl Caller for Outbound {
    async fn call(&self, post: &Post) -> Result<Answer, String> {
        let called = async {
            let url = address::outgoing(&post.url, &*self.allowed()).map_err(|e| e.to_string())?;
            let places = self.places(&url).await.map_err(|e| e.to_string())?;
            let tls = if url.scheme() == "https" { Some(self.tls()?) } else { None };
            call::post(&url, &places, tls, post).await
        };
        match tokio::time::timeout(CALL, called).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", CALL.as_secs())),
        }
    }
}

/// Trusts the authorities that the machine trusts.
fn client_config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine trusts no authority; install its certificates (ca-certificates)".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
