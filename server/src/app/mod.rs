//! The composition root: puts store, services and edges together, starts them in order and stops them in order.

mod bus;
mod command;
mod feed;
mod node;
mod notify;
mod open;
mod outgoing;
mod reload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

pub use command::main;

use crate::cli::admin::{self, Desk};
use crate::cluster::local::{Listener, LocalBus};
use crate::cluster::tap::TapBus;
use crate::cluster::{Bus, Lane};
use crate::config::{BusUrl, Config, ConfigError, Listen};
use crate::domain::Live;
use crate::domain::policy::{Policy, Surroundings};
use crate::gateway;
use crate::lifecycle::Lifecycle;
use crate::listen::{self, Caps, Tls, TrustedProxies};
use crate::relay::{self, RelayHandle};
use crate::rest::{self, Rest};
use crate::service::overview::Overview;
use crate::service::{self, Services, presence};

/// The first answer of the store is waited for so long.
const READY_TIME: Duration = Duration::from_secs(5);
/// Sockets are told and cut within this.
const GATEWAY_TIME: Duration = Duration::from_secs(8);
/// Requests under way are finished within this, then cut.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// What was cut has ended within this.
const CUT_TIME: Duration = Duration::from_secs(2);
/// Writes under way are stored within this.
const WRITE_TIME: Duration = Duration::from_secs(5);
/// The store has written everything out within this.
const CLOSE_TIME: Duration = Duration::from_secs(4);

/// A server that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where `/metrics` is served, if not there.
    pub metrics_address: Option<SocketAddr>,
    /// What is in force, where it was not changed since.
    config: Config,
    /// Who may come in, and why.
    pub policy: Live<Policy>,
    allow_origin: Live<Vec<String>>,
    trusted: Live<TrustedProxies>,
    caps: Caps,
    tls: Option<Tls>,
    /// The use cases, for tests and tools within the process.
    pub services: Arc<Services>,
    bus: Option<String>,
    life: Lifecycle,
    gateway: gateway::GatewayHandle,
    relay: Option<RelayHandle>,
}

/// Starts everything; when it returns, the server answers.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let life = Lifecycle::default();
    let tls = config.tls.as_ref().map(reload::certificate).transpose()?.map(Tls::new);
    // First of all the address: a second server on the same machine is told about the port, not about the database.
    let listener = bind("--listen", &config.listen).await?;
    let address = listener.local_addr()?;
    let metrics = match &config.metrics_listen {
        Some(listen) => Some(bind("--metrics-listen", listen).await?),
        None => None,
    };
    open::data_dir(&config.data_dir)?;
    let open::Opened { store, died } = open::store(&config).await?;
    let (local, signals) = LocalBus::new();
    let (heard, nodes) = (local.listen(Lane::Relay), local.listen(Lane::Presence));
    let (bus, tap) = TapBus::new(Arc::new(local));
    let id = node::new_id()?;
    let bus = bus::open(&config, Arc::new(bus), &*store, id, &life)?;
    let services = Services::start(open::parts(&config, store, Arc::clone(&bus), id)?);
    life.worker("store", async move { Err(died.await) });
    let policy = Live::new(policy(&config, address));
    let allow_origin = Live::new(origins(&config));

    let (layer, gateway) = gateway::start(services.clone(), signals, gateway_options(&config, allow_origin.clone()));
    if let Some(nodes) = nodes {
        presence::listen(&services, nodes);
    }
    life.worker("node", {
        let (services, fenced) = (Arc::clone(&services), gateway.clone());
        let bus = service::node::wire_and_key(&node::bus_name(&config.bus), services.auth.fingerprint());
        let about = service::node::About { address: address.to_string(), bus };
        service::node::run(services, about, move || fenced.fence(), life.end.clone())
    });
    let overview = Overview::new(&services, Arc::new(gateway.clone()));
    gateway.serve_admin(overview.clone());
    life.worker("overview", overview.clone().run(life.end.clone()));
    life.worker("retention", service::retention::run(Arc::clone(&services), life.end.clone()));
    let watched = gateway.clone();
    life.worker("gateway", async move { watched.ended().await });
    let feed = feed::start(&config, &services, &tap, &life)?;
    outgoing::start(&config, &services, &tap, &life, id);
    let (routes, relay) = relay(&config, address, &gateway, &services, bus, heard)?;
    if let Some(relay) = relay.clone() {
        life.worker("relay", async move { relay.ended().await });
    }
    let rest = Rest::new(rest::Parts {
        services: services.clone(),
        policy: policy.clone(),
        allow_origin: allow_origin.clone(),
        tap,
        edge: Arc::new(gateway.clone()),
        data_dir: config.data_dir.clone(),
        metrics_apart: metrics.is_some(),
        feed,
        relay: relay.as_ref().map(told_of_relay),
        drain: life.drain.clone(),
    });
    let trusted = Live::new(TrustedProxies::new(config.trusted_proxy.clone()));
    let caps = Caps::new(config.limits.connections_per_address);
    let options = listen::Options {
        trusted: trusted.clone(),
        tls: tls.clone(),
        head_time: listen::HEAD_TIME,
        caps: caps.clone(),
        drain: life.drain.clone(),
        cut: life.end.clone(),
        tracker: life.tracker.clone(),
    };
    let metrics_address = serve_metrics(metrics, &rest, &options, &life)?;
    let service = tower::Layer::layer(&layer, rest::router(rest).merge(routes));
    life.worker("listener", async move {
        listen::serve(listener, service, options).await;
        Ok(())
    });
    match admin::bind(&config.data_dir) {
        Ok(bound) => {
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            let base = Some(format!("{scheme}://{address}"));
            let desk = Desk { services: services.clone(), overview: Some(overview), base };
            life.worker("admin socket", admin::serve(bound, desk, life.drain.clone()));
        }
        // The chat works without it; `chat-server user …` then needs the server stopped.
        Err(error) => tracing::warn!(%error, folder = %config.data_dir.display(), "no admin socket in the data folder"),
    }
    // A chat that starts while its disk is slow is not ready, but it is there and says so.
    if tokio::time::timeout(READY_TIME, gateway.ready()).await.is_err() {
        tracing::warn!("the store does not answer yet; new connections are refused until it does");
    }
    let bus = bus::describe(&config.bus);
    if let Some(tls) = tls.clone() {
        life.worker("certificate", reload::remind(tls));
    }
    Ok(Running {
        address,
        metrics_address,
        config,
        policy,
        allow_origin,
        trusted,
        caps,
        tls,
        services,
        bus,
        life,
        gateway,
        relay,
    })
}

/// Serves `/metrics` at its own address, without TLS, to the end of the drain: it is then that one looks. Who waits for
/// connections to end does not wait for these.
fn serve_metrics(
    listener: Option<TcpListener>,
    rest: &Rest,
    options: &listen::Options,
    life: &Lifecycle,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(listener) = listener else { return Ok(None) };
    let address = listener.local_addr()?;
    let (drain, tracker) = (life.end.clone(), TaskTracker::new());
    let options = listen::Options { tls: None, drain, tracker, ..options.clone() };
    let routes = rest::metrics::router(rest.clone());
    life.worker("metrics listener", async move {
        listen::serve(listener, routes, options).await;
        Ok(())
    });
    Ok(Some(address))
}

/// As the `Origin` header has them.
fn origins(config: &Config) -> Vec<String> {
    config.allow_origin.iter().map(|o| o.as_str().to_owned()).collect()
}

fn gateway_options(config: &Config, allow_origin: Live<Vec<String>>) -> gateway::Options {
    gateway::Options {
        polling: config.transports.polling,
        websocket: config.transports.websocket,
        tls: config.tls.is_some(),
        allow_origin,
        relay: config.relay.on,
    }
}

/// What `/readyz` and `/metrics` tell of the relay.
fn told_of_relay(relay: &RelayHandle) -> rest::Relay {
    let (health, connections) = (relay.clone(), relay.clone());
    rest::Relay { health: Arc::new(move || health.health()), connections: Arc::new(move || connections.connections()) }
}

/// The relay's routes and namespaces, if it is on.
fn relay(
    config: &Config,
    address: SocketAddr,
    gateway: &gateway::GatewayHandle,
    services: &Services,
    bus: Arc<dyn Bus>,
    heard: Option<Listener>,
) -> anyhow::Result<(axum::Router, Option<RelayHandle>)> {
    if !config.relay.on {
        return Ok((axum::Router::new(), None));
    }
    let parts = relay::Parts {
        io: gateway.io().clone(),
        lines: Arc::new(gateway.clone()),
        config: config.relay.clone(),
        nearby: address.ip().is_loopback() && config.trusted_proxy.is_empty(),
        clock: Arc::clone(&services.clock),
        limits: services.limits.clone(),
        bus: heard.filter(|_| config.bus != BusUrl::Local).map(|heard| (bus, heard)),
    };
    let (routes, handle) = relay::start(parts).map_err(ConfigError::Value)?;
    Ok((routes, Some(handle)))
}

async fn bind(flag: &str, listen: &Listen) -> anyhow::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((listen.host.as_str(), listen.port))
        .await
        .with_context(|| format!("cannot find the host of {flag} {listen}"))?
        .collect();
    let address = addresses.first().with_context(|| format!("the host of {flag} {listen} has no address"))?;
    listen::bind(*address).map_err(|error| {
        let next = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "another program listens there; stop it, or take another port with {flag} HOST:PORT (port 0: any)"
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need a privilege; take a higher one with {flag}")
            }
            _ => format!("this machine has no such address; name one of its own with {flag}"),
        };
        anyhow::anyhow!("cannot listen on {listen}: {error}: {next}")
    })
}

fn policy(config: &Config, address: SocketAddr) -> Policy {
    let around = Surroundings {
        loopback: address.ip().is_loopback(),
        proxy: !config.trusted_proxy.is_empty(),
        tls: config.tls.is_some(),
        bus: config.bus != BusUrl::Local,
        relay: config.relay.on,
    };
    Policy { guests: config.guests, registration: config.registration, around }
}

impl Running {
    /// The first lines on standard output; the first one is what supervisors and tests look for.
    pub fn greeting(&self) -> String {
        let bus = self.bus.as_ref().map(|bus| format!("bus: {bus}\n")).unwrap_or_default();
        let metrics = self.metrics_address.map(|at| format!("metrics: http://{at}/metrics\n")).unwrap_or_default();
        format!(
            "chat-server {} ready on {}\ndata folder: {}\n{bus}{metrics}access: {}\n\
             the first admin: chat-server user add NAME --admin{}",
            env!("CARGO_PKG_VERSION"),
            self.url(),
            self.config.data_dir.display(),
            self.policy.describe(),
            data_dir_hint(&self.config.data_dir),
        )
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Why the process had to stop, if it had to.
    pub fn failure(&self) -> Option<String> {
        self.life.failure()
    }

    /// Waits until a worker has died.
    pub async fn failed(&self) {
        self.life.drain.cancelled().await;
    }

    /// Stops in order: nothing new; sockets are told to come back later and cut; requests are finished; writes are
    /// stored; the store is closed. Each step has its time, 30 s all in all.
    pub async fn stop(self) {
        self.life.drain.cancel();
        if let Some(relay) = &self.relay {
            tokio::join!(self.gateway.drain(GATEWAY_TIME), relay.drain(GATEWAY_TIME));
        } else {
            self.gateway.drain(GATEWAY_TIME).await;
        }
        service::node::leave(&self.services).await;
        if !self.life.connections_ended(REQUEST_TIME).await {
            tracing::warn!("requests under way are cut");
        }
        if !self.life.workers_ended(CUT_TIME).await || !self.life.connections_ended(CUT_TIME).await {
            tracing::warn!("some tasks have not ended");
        }
        if tokio::time::timeout(WRITE_TIME, self.services.drain()).await.is_err() {
            tracing::warn!("some writes have not ended; their senders were not told that they are stored");
        }
        // What the last writes have to tell.
        self.services.bus.close().await;
        if tokio::time::timeout(CLOSE_TIME, self.services.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; it recovers at the next start");
        }
        tracing::info!("stopped");
    }
}

/// The command for the first admin must find the same data folder.
fn data_dir_hint(data_dir: &std::path::Path) -> String {
    let usual = Config::load(crate::config::Flags::default(), &|k| std::env::var(k).ok()).map(|c| c.data_dir);
    match usual {
        Ok(usual) if usual == data_dir => String::new(),
        _ => format!(" --data-dir {}", data_dir.display()),
    }
}
