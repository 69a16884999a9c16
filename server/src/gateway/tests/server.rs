//! A server with everything real but the time, on a port the system picks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chat_common::clock::ManualClock;
use chat_common::event::server::ServerInfo;
use chat_common::{Clock, Limits, SystemClock, rest};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, service_fn};

use super::client::{Client, SOON};
use crate::cluster::bus::ClusterBus;
use crate::cluster::envelope::Lineage;
use crate::cluster::local::LocalBus;
use crate::cluster::testing::Exchange;
use crate::cluster::{Bus, Signal};
use crate::domain::Live;
use crate::gateway::{self, GatewayHandle, Options};
use crate::listen;
use crate::service::{Caller, Parts, Services, accounts};
use crate::storage::NodeId;
use crate::storage::sqlite::{Durability, SqliteOptions, SqliteStore};

/// See the module.
pub(super) struct Server {
    pub addr: SocketAddr,
    pub services: Arc<Services>,
    pub gateway: GatewayHandle,
    pub clock: Arc<ManualClock>,
    _stop: tokio_util::sync::DropGuard,
    _dir: Option<tempfile::TempDir>,
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::with(Limits::default(), Options::default()).await
    }

    pub(super) async fn with(limits: Limits, options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let store = SqliteOptions { durability: Durability::Normal, ..SqliteOptions::new(dir.path().join("chat.db")) };
        let store = Arc::new(SqliteStore::open(store, clock.clone()).unwrap());
        let (bus, signals) = LocalBus::new();
        Self { _dir: Some(dir), ..Self::node(store, clock, Arc::new(bus), signals, limits, options).await }
    }

    /// Two nodes on one store and one exchange.
    pub(super) async fn pair(exchange: &Arc<Exchange>) -> [Self; 2] {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let store = SqliteOptions { durability: Durability::Normal, ..SqliteOptions::new(dir.path().join("chat.db")) };
        let store = Arc::new(SqliteStore::open(store, clock.clone()).unwrap());
        let node = async |id| {
            let (local, signals) = LocalBus::new();
            let (wire, heard) = exchange.end();
            let bus = ClusterBus::new(Arc::new(local), Arc::new(wire), Lineage(1), NodeId(id));
            tokio::spawn(Arc::clone(&bus).run(heard));
            let limits = Limits {
                messages_per_second: 10_000,
                message_burst: 10_000,
                requests_per_second: 10_000,
                request_burst: 10_000,
                ..Limits::default()
            };
            Self::node(store.clone(), clock.clone(), bus, signals, limits, Options::default()).await
        };
        [Self { _dir: Some(dir), ..node(1).await }, node(2).await]
    }

    async fn node(
        store: Arc<SqliteStore>,
        clock: Arc<ManualClock>,
        bus: Arc<dyn Bus>,
        signals: Receiver<Signal>,
        limits: Limits,
        options: Options,
    ) -> Self {
        let services = Services::start(Parts {
            store,
            bus,
            clock: clock.clone(),
            limits,
            server: ServerInfo { name: "test".into(), version: "0".into(), node: "a".into() },
            node: NodeId(1),
            auth: accounts::Auth::from_key(&[7; 32]),
            outbound: crate::outbound::Outbound::public(),
        });
        let (layer, gateway) = gateway::start(Arc::clone(&services), signals, options);
        let stop = CancellationToken::new();
        let listener = listen::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let addr = listener.local_addr().unwrap();
        let options = listen::Options {
            head_time: listen::HEAD_TIME,
            trusted: Live::default(),
            tls: None,
            caps: listen::Caps::new(1_000),
            drain: stop.clone(),
            cut: stop.clone(),
            tracker: TaskTracker::new(),
        };
        let nothing = |_: Request<Incoming>| async {
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            Ok::<_, Infallible>(response)
        };
        tokio::spawn(listen::serve(listener, layer.layer(service_fn(nothing)), options));
        let server = Self { addr, services, gateway, clock, _stop: stop.drop_guard(), _dir: None };
        until(|| server.gateway.gateway.store_up.load(Ordering::Relaxed)).await;
        server
    }

    /// A guest's session.
    pub(super) async fn session(&self, name: &str) -> rest::Session {
        let origin = accounts::Origin {
            address: [127, 0, 0, 1].into(),
            agent: None,
            registration: accounts::Registration::Open,
            guests: true,
        };
        accounts::guest(&self.services, &origin, rest::Guest { name: name.into() }).await.unwrap()
    }

    /// A guest with a connection.
    pub(super) async fn guest(&self, name: &str) -> Client {
        let session = self.session(name).await;
        Client::connect(self.addr, &session.access_token).await.0
    }

    /// Who a token proves.
    pub(super) async fn caller(&self, token: &str) -> Caller {
        accounts::authenticate(&self.services, token).await.unwrap()
    }
}

/// Waits for a condition.
pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the condition in time");
}
