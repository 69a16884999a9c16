//! One connection: who it is, what waits for it, and how it is doing. It never holds its socket, which holds it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use chat_common::event::server::Hint;
use chat_common::{Limits, UserId};
use socketioxide::TransportType;
use socketioxide::socket::{Sid, Socket};
use tokio_util::sync::CancellationToken;

use crate::cluster::ConnId;
use crate::listen::ConnHandle;
use crate::service::Caller;

use super::bucket::Bucket;
use super::call::{Channels, Payload};
use super::inbox::Waiting;
use super::outbox::{Outbox, Pushed};
use super::told::{Kind, Told};
use super::transport::Transport;
use super::writer::Credit;

/// See the module.
#[derive(Debug)]
pub(super) struct Conn {
    /// Of this connection alone.
    pub id: ConnId,
    /// The Socket.IO session it belongs to; a client may connect to it again after a DISCONNECT.
    pub sid: Sid,
    /// Whose; never another's.
    pub user: UserId,
    /// Replaced as a whole; read for each request. Never held across an await.
    caller: Mutex<Arc<Caller>>,
    /// What waits for the socket.
    pub outbox: Outbox,
    /// The library's socket; it holds this, so not the other way round.
    pub socket: OnceLock<Weak<Socket>>,
    /// Where frames go past the library: once everything it was given has left.
    pub line: OnceLock<ConnHandle>,
    /// That was tried in vain: everything goes through the library.
    pub no_line: AtomicBool,
    /// What long polling was given since the last poll. Only whoever empties the outbox looks at it.
    pub credit: Mutex<Credit>,
    /// What carries it.
    pub transport: Arc<Transport>,
    /// No more requests are handled.
    pub ended: CancellationToken,
    /// CONNECT was answered.
    pub started: AtomicBool,
    /// When it came.
    pub born: Instant,
    /// Requests queued and being handled.
    pub requests: AtomicUsize,
    /// Bytes of them.
    pub request_bytes: AtomicUsize,
    waiting: Mutex<Waiting>,
    warned: AtomicBool,
    bucket: Mutex<Bucket>,
}

impl Conn {
    pub(super) fn new(caller: Caller, id: ConnId, sid: Sid, transport: Arc<Transport>, limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            id,
            sid,
            user: caller.user.id,
            caller: Mutex::new(Arc::new(Caller { conn: Some(id), ..caller })),
            outbox: Outbox::new(limits),
            socket: OnceLock::new(),
            line: OnceLock::new(),
            no_line: AtomicBool::new(false),
            credit: Mutex::default(),
            transport,
            ended: CancellationToken::new(),
            started: AtomicBool::new(false),
            born: now,
            requests: AtomicUsize::new(0),
            request_bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
            warned: AtomicBool::new(false),
            bucket: Mutex::new(Bucket::new(limits.requests_per_second, limits.request_burst, now)),
        }
    }

    /// Who asks on it now.
    pub(super) fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.caller.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a fresh proof in place of the old one.
    pub(super) fn replace_caller(&self, caller: Caller) {
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Caller { conn: Some(self.id), ..caller });
        self.warned.store(false, Ordering::Relaxed);
    }

    /// True once for each proof: that its end is near has to be told.
    pub(super) fn warn_once(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Takes one request from its share, or says when there will be one.
    pub(super) fn take_request(&self) -> Result<(), Duration> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }

    /// Requests that wait for the one under way. Never held across an await.
    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The library's socket, while there is one.
    pub(super) fn socket(&self) -> Option<Arc<Socket>> {
        self.socket.get()?.upgrade()
    }

    /// The library's socket, where it runs over WebSocket.
    pub(super) fn websocket(&self) -> Option<Arc<Socket>> {
        self.socket().filter(|socket| socket.transport_type() == TransportType::Websocket)
    }

    /// Tells a hint that must not be left out while the connection lives.
    #[must_use]
    pub(super) fn tell(&self, hint: &Hint) -> Pushed {
        self.outbox.push(Told::event(hint.name(), hint))
    }

    /// Sends a reply to each channel that was asked for.
    #[must_use]
    pub(super) fn reply(&self, channels: &Channels, payload: &Payload) -> Pushed {
        let kinds = [channels.ack.map(Kind::Ack), channels.event.then_some(Kind::Event("reply"))];
        let asked = kinds.into_iter().flatten();
        if asked.clone().next().is_none() {
            return Pushed::Ok;
        }
        self.outbox.push(Told::run(asked.map(|kind| (kind, &**payload))))
    }
}
