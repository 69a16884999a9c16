//! The Socket.IO edge: namespace `/chat`, and `/admin` for those who watch (`admin`). Each request is one line of the
//! table below; what it does is a service's.
//!
//! The way in: `door` (origin, draining) → the library → `session` (CONNECT) → `inbox` (in order) → the table → a
//! service → the reply. The way out: bus → `fanout` (order, holes) → `hub` (who follows) → `told` (encoded once) →
//! `outbox` (bounded) → `writer` → the connection, past the library; long polling goes through it.

mod admin;
mod authority;
mod bucket;
mod call;
mod census;
mod chorus;
mod conn;
mod door;
mod fanout;
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod inbox;
pub mod origin;
mod outbox;
mod session;
mod subscribe;
mod told;
mod transport;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_common::ErrorBody;
use chat_common::event::server::Hint;
use chat_common::event::{Request, custom, history, member, message, presence, room, session as of_session, user};
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo, TransportType};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cluster::Signal;
use crate::domain::Live;
use crate::listen::{ConnHandle, Line, Lines};
use crate::service::counters::Cut;
use crate::service::{self, Caller, Services};
use crate::trail;

use call::{Answer, Call};
use conn::Conn;
pub use door::{Door, GatewayLayer, Passed};
use hub::Hub;
use outbox::Ending;
use transport::Transports;

/// CONNECTs that are judged and welcomed at once; some for each of the store's readers.
const ENTRANCE: usize = 32;
/// A CONNECT is answered within this from the handshake on. A client that says nothing holds a socket for so long.
const CONNECTED: Duration = Duration::from_secs(20);
/// Bytes read from a WebSocket at once.
const READ_BUFFER: usize = 1024;

/// A request's reply in the making.
type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;
/// Decodes a request, calls what serves it, encodes the reply.
type Route = fn(Cx, Call) -> Work;

/// What serves a request: the whole edge, the connection, and who asks.
struct Cx {
    gateway: Arc<Gateway>,
    conn: Arc<Conn>,
    caller: Arc<Caller>,
}

impl Cx {
    fn services(&self) -> &Arc<Services> {
        &self.gateway.services
    }
}

/// Every request of `/chat` (the event's name stands at its type in `chat_common::event`) and what serves it:
/// `services` are called with `(services, caller, request)`, `connection` with `(connection's context, request)`.
macro_rules! events {
    (services: { $($request:ty => $service:path,)* } connection: { $($own:ty => $here:path,)* }) => {
        fn routes() -> HashMap<&'static str, Route> {
            HashMap::from([
                $((<$request>::NAME, (|cx, call| answer(call, move |req: $request| async move {
                    $service(cx.services(), &cx.caller, req).await
                })) as Route),)*
                $((<$own>::NAME, (|cx, call| answer(call, move |req: $own| async move {
                    $here(&cx, req).await
                })) as Route),)*
            ])
        }

        /// A payload read as the request of that name, and written again.
        fn again(event: &str, payload: &str) -> Option<Result<String, ErrorBody>> {
            $(if event == <$request>::NAME {
                return Some(call::decode::<$request>(payload).map(|request| call::raw(&request).get().to_owned()));
            })*
            $(if event == <$own>::NAME {
                return Some(call::decode::<$own>(payload).map(|request| call::raw(&request).get().to_owned()));
            })*
            None
        }
    };
}

events! {
    services: {
        room::List           => service::rooms::list,
        room::Create         => service::rooms::create,
        room::Delete         => service::rooms::delete,
        room::Update         => service::rooms::update,
        room::Invite         => service::rooms::invite,
        room::Transfer       => service::rooms::transfer,
        room::SyncRequest    => service::sync::sync,

        message::Send        => service::messages::send,
        message::Edit        => service::messages::edit,
        message::Delete      => service::messages::delete,
        message::React       => service::messages::react,

        history::Get         => service::history::get,
        history::Thread      => service::history::thread,
        history::Search      => service::search::search,
        history::Mark        => service::read::mark,

        presence::Typing     => service::presence::typing,
        presence::Set        => service::presence::set,
        presence::Get        => service::presence::get,

        member::List         => service::members::list,
        member::Kick         => service::members::kick,
        member::Ban          => service::members::ban,
        member::Unban        => service::members::unban,
        member::Mute         => service::members::mute,
        member::SetRole      => service::members::role,

        user::Get            => service::profile::get,
        user::SetProfile     => service::profile::set,
        user::Block          => service::profile::block,

        custom::Send         => service::custom::send,
    }
    connection: {
        room::Join           => subscribe::join,
        room::Subscribe      => subscribe::subscribe,
        room::Unsubscribe    => subscribe::unsubscribe,
        room::Leave          => subscribe::leave,
        room::Resume         => subscribe::resume,
        of_session::Refresh  => session::refresh,
        of_session::Ping     => inbox::ping,
    }
}

fn answer<R, F, Fut>(call: Call, serve: F) -> Work
where
    R: Request,
    F: FnOnce(R) -> Fut,
    Fut: Future<Output = service::Result<R::Reply>> + Send + 'static,
{
    match call::decode::<R>(&call.payload) {
        Ok(request) => {
            let work = serve(request);
            Box::pin(trail::follow(call.trail(), async move {
                call::encode(&call.channels, work.await.map_err(ErrorBody::from))
            }))
        }
        Err(error) => Box::pin(std::future::ready(call::refuse(&call.channels, error))),
    }
}

/// How the edge is set up. What is allowed stands in [`Services::limits`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Long polling is offered.
    pub polling: bool,
    /// WebSocket is offered.
    pub websocket: bool,
    /// Our listener speaks TLS itself.
    pub tls: bool,
    /// Foreign origins whose pages may connect, as `https://app.example`.
    pub allow_origin: Live<Vec<String>>,
    /// Every origin may shake hands (for the relay's namespaces); `/chat` is `forbidden` to foreign ones.
    pub relay: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { polling: true, websocket: true, tls: false, allow_origin: Live::default(), relay: false }
    }
}

/// The edge's state; one a process.
struct Gateway {
    services: Arc<Services>,
    options: Options,
    routes: HashMap<&'static str, Route>,
    hub: Hub,
    transports: Transports,
    /// The authority log is to be read now.
    authority: Notify,
    /// It is to be looked whether the store is back.
    look: Notify,
    /// Counts the readings of the authority log that ended something.
    authority_round: AtomicU64,
    /// New sessions can be judged.
    store_up: AtomicBool,
    draining: AtomicBool,
    next_conn: AtomicU64,
    /// Slow readers that were cut last.
    cuts: Mutex<VecDeque<Cut>>,
    /// CONNECTs that are judged at once. The others wait here and not for the store's readers: whoever comes back with
    /// everybody else waits for longer than a read may.
    entrance: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// One of the two workers has ended.
    worker_ended: CancellationToken,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("connections", &self.hub.len()).finish_non_exhaustive()
    }
}

impl Gateway {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Cuts every connection: this node has been dead for a while without knowing. Clients reconnect and resume.
    fn fence(self: &Arc<Self>) {
        for conn in self.hub.all() {
            self.end(&conn, Ending::Dropped);
        }
    }

    /// Where the process was stopped for long: fences it before anything that waited is done or told; true: it did.
    fn fence_if_stopped(self: &Arc<Self>) -> bool {
        let stopped = self.services.node.was_stopped();
        if stopped {
            self.fence();
        }
        stopped
    }
}

/// Starts the edge: gives the layer for the HTTP service and the handle to stop it. `signals` is the bus's end that is
/// read here.
pub fn start(
    services: Arc<Services>,
    signals: mpsc::Receiver<Signal>,
    options: Options,
) -> (GatewayLayer, GatewayHandle) {
    let transports = options.clone();
    let hub = Hub::new(Arc::clone(&services.bus));
    let gateway = Arc::new(Gateway {
        services,
        options,
        routes: routes(),
        hub,
        transports: Transports::default(),
        authority: Notify::new(),
        look: Notify::new(),
        authority_round: AtomicU64::new(0),
        store_up: AtomicBool::new(false),
        draining: AtomicBool::new(false),
        next_conn: AtomicU64::new(1),
        cuts: Mutex::default(),
        entrance: Semaphore::new(ENTRANCE),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        worker_ended: CancellationToken::new(),
    });
    let (layer, io) = socket_io(&transports, gateway.services.limits.payload_bytes);
    let (of_check, of_welcome) = (Arc::clone(&gateway), Arc::clone(&gateway));
    let welcome = async move |connect: session::Connect| session::welcome(of_welcome, connect).await;
    io.ns("/chat", welcome.with(async move |connect: session::Connect| session::connect(of_check, connect).await));
    let of_presence = Arc::downgrade(&gateway);
    gateway.services.presence.ask_followed(move |room| of_presence.upgrade().is_some_and(|g| g.hub.is_followed(room)));
    // Dropped at the worker's end, by a panic too.
    let (fanout_ends, authority_ends) =
        (gateway.worker_ended.clone().drop_guard(), gateway.worker_ended.clone().drop_guard());
    let (of_fanout, of_authority) = (Arc::clone(&gateway), Arc::clone(&gateway));
    gateway.tasks.spawn(async move {
        let _ends = fanout_ends;
        fanout::run(of_fanout, signals).await;
    });
    gateway.tasks.spawn(async move {
        let _ends = authority_ends;
        authority::run(of_authority).await;
    });
    let layer = GatewayLayer { io: layer, gateway: Arc::clone(&gateway) };
    (layer, GatewayHandle { gateway, io })
}

fn socket_io(options: &Options, payload_bytes: usize) -> (socketioxide::layer::SocketIoLayer, SocketIo) {
    let builder = SocketIo::builder()
        .req_path("/socket.io")
        .ping_interval(Duration::from_secs(10))
        .ping_timeout(Duration::from_secs(5))
        .connect_timeout(CONNECTED)
        .upgrade_timeout(Duration::from_secs(10))
        // `/chat` asks for none; Node's broadcasts with acknowledgement, which the relay serves, name a time of their own.
        .ack_timeout(Duration::from_secs(60))
        // No more than some batches stand in it (the writers): a heartbeat must never find it full.
        .max_buffer_size(16_384)
        .max_payload(payload_bytes as u64)
        // It is held by every connection, and most requests are shorter; what is longer gets what it needs.
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(payload_bytes)
        .ws_max_frame_size(payload_bytes)
        .with_parser(ParserConfig::common().max_incoming_binaries(1).max_incoming_binary_buf_size(payload_bytes));
    match (options.polling, options.websocket) {
        (true, false) => builder.transports([TransportType::Polling]),
        (false, true) => builder.transports([TransportType::Websocket]),
        _ => builder.transports([TransportType::Polling, TransportType::Websocket]),
    }
    .build_layer()
}

/// Stops the edge. Cheap to clone.
#[derive(Clone)]
pub struct GatewayHandle {
    gateway: Arc<Gateway>,
    io: SocketIo,
}

impl GatewayHandle {
    /// For further namespaces (the relay's).
    pub fn io(&self) -> &SocketIo {
        &self.io
    }

    /// Connections to `/chat`.
    pub fn connections(&self) -> usize {
        self.gateway.hub.len()
    }

    /// Cuts every connection, at once; clients reconnect and resume.
    pub fn fence(&self) {
        self.gateway.fence();
    }

    /// Waits until new sessions are taken: the store answers and the authority log has been read once.
    pub async fn ready(&self) {
        while !self.gateway.store_up.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ends when the fan-out or the watch over authority has ended; `Err` where nobody stopped them. Without either the
    /// process must not go on.
    pub async fn ended(&self) -> Result<(), String> {
        self.gateway.worker_ended.cancelled().await;
        if self.gateway.stop.is_cancelled() {
            Ok(())
        } else {
            Err("the fan-out or the watch over authority has ended".to_owned())
        }
    }

    /// Stops: no new sessions or requests, clients told when to come back, queues flushed, transports dropped. Takes
    /// no longer than `within`.
    pub async fn drain(&self, within: Duration) {
        let gateway = &self.gateway;
        gateway.draining.store(true, Ordering::Relaxed);
        let conns = gateway.hub.all();
        let spread = u64::try_from(conns.len()).unwrap_or(u64::MAX).clamp(1_000, 10_000);
        for conn in &conns {
            let notice = Hint::Notice {
                code: "draining".into(),
                message: "the server is stopping; connect again in a moment".into(),
                retry_after_ms: Some(500 + random_below(spread)),
            };
            gateway.heed(conn, conn.tell(&notice));
        }
        let idle = |conn: &Arc<Conn>| conn.outbox.is_empty() && conn.requests.load(Ordering::Relaxed) == 0;
        let flushed = async {
            while !gateway.hub.all().iter().all(idle) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(within.mul_f32(0.8), flushed).await.is_err() {
            tracing::warn!("not every connection took what it was told before the stop");
        }
        for conn in gateway.hub.all() {
            gateway.end(&conn, Ending::Dropped);
        }
        gateway.stop.cancel();
        gateway.tasks.close();
        if tokio::time::timeout(within.mul_f32(0.2), gateway.tasks.wait()).await.is_err() {
            tracing::debug!("some connections' tasks have not ended");
        }
    }
}

impl Lines for GatewayHandle {
    fn of(&self, session: &str, handle: Option<&ConnHandle>) -> Option<Arc<dyn Line>> {
        let sid = session.parse().ok()?;
        Some(self.gateway.transports.of(sid, handle, std::time::Instant::now()))
    }
}

fn random_below(n: u64) -> u64 {
    getrandom::u64().map_or(n / 2, |r| r % n)
}

#[cfg(test)]
mod tests;
