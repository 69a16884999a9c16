//! Requests of one connection, from the packet to the reply: in the order they came, one at a time, `ping` first.
//!
//! The library calls handlers of one socket concurrently; this handler runs in its reading task and only queues. The
//! queue is bounded in requests and bytes; what finds it full is answered `rate_limited`. The task that serves it lives
//! while there is something to serve.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_common::event::session::{Ping, PingReply};
use chat_common::event::{Request, message};
use chat_common::{ErrorBody, ErrorCode};
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{MessageHandler, Value};
use socketioxide::socket::Socket;

use super::call::{Answer, Call, Channels, decode, encode, parse, refuse};
use super::conn::Conn;
use super::{Cx, Gateway, Route};
use crate::service::counters::Edge;

/// Requests waiting on one connection.
const QUEUE: usize = 128;
/// Bytes of them.
const QUEUE_BYTES: usize = 512 * 1024;
/// A request is answered within 8 s; what takes longer goes on unseen and is answered `unavailable`.
const ANSWER: Duration = Duration::from_millis(7_500);
/// When to come back after finding the queue full.
const COME_BACK: Duration = Duration::from_secs(1);

/// A request with the function that serves it.
#[derive(Debug)]
pub(super) struct Queued {
    route: Route,
    call: Call,
}

/// What waits behind the request under way.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    serving: bool,
    queue: VecDeque<Queued>,
}

/// The one handler of a socket, for every event.
pub(super) struct Inbox {
    gateway: Arc<Gateway>,
    conn: Arc<Conn>,
}

/// Tells this handler from the library's closures.
pub(super) struct InOrder;

impl MessageHandler<LocalAdapter, InOrder> for Inbox {
    fn call(&self, _socket: Arc<Socket>, packet: Value, ack: Option<i64>) {
        let Value::Str(text, attachments) = packet else { return };
        let binary = attachments.is_some_and(|a| !a.is_empty());
        let at = Instant::now();
        if let Some((channels, answer)) = self.receive(text.as_str(), binary, ack) {
            send(&self.gateway, &self.conn, &channels, answer, at);
        }
    }
}

impl Inbox {
    pub(super) fn new(gateway: Arc<Gateway>, conn: Arc<Conn>) -> Self {
        Self { gateway, conn }
    }

    /// Queues a request, or gives its answer at once.
    fn receive(&self, text: &str, binary: bool, ack: Option<i64>) -> Option<(Channels, Answer)> {
        if self.conn.ended.is_cancelled() || self.gateway.fence_if_stopped() {
            return None;
        }
        let parsed = parse(text, ack);
        let mut channels = parsed.channels;
        let now = |error| move |channels: Channels| Some((channels.clone(), refuse(&channels, error)));
        let limits = &self.gateway.services.limits;
        if parsed.event != message::Send::NAME
            && let Err(wait) = self.conn.take_request()
        {
            return now(too_often("too many requests on this connection", wait))(channels);
        }
        let Some(route) = self.gateway.routes.get(parsed.event).copied() else {
            channels.event |= channels.ack.is_none();
            let error = ErrorBody::new(ErrorCode::Unsupported, "this server does not know this request");
            return now(error)(channels);
        };
        if text.len() > limits.payload_bytes {
            let message = format!("a request has at most {} bytes", limits.payload_bytes);
            return now(ErrorBody::new(ErrorCode::TooLarge, message))(channels);
        }
        if binary {
            return now(ErrorBody::invalid("payload", "binary attachments are not taken; send JSON"))(channels);
        }
        let payload = match parsed.payload {
            Ok(payload) => payload,
            Err(error) => return now(error)(channels),
        };
        if parsed.event == Ping::NAME {
            let answer = decode::<Ping>(payload).map(|_| PingReply { at: self.gateway.services.clock.now() });
            let answer = encode(&channels, answer);
            return Some((channels, answer));
        }
        if self.gateway.is_draining() {
            return now(ErrorBody::new(ErrorCode::Unavailable, "the server is stopping; connect again"))(channels);
        }
        self.enqueue(route, Call { conn: self.conn.id, payload: payload.into(), channels, at: Instant::now() })
    }

    fn enqueue(&self, route: Route, call: Call) -> Option<(Channels, Answer)> {
        let size = call.payload.len();
        let held = self.conn.request_bytes.load(Ordering::Relaxed);
        let mut waiting = self.conn.waiting();
        if held + size > QUEUE_BYTES || waiting.queue.len() >= QUEUE {
            drop(waiting);
            let full = too_often("too many requests wait on this connection", COME_BACK);
            return Some((call.channels.clone(), refuse(&call.channels, full)));
        }
        self.conn.requests.fetch_add(1, Ordering::Relaxed);
        self.conn.request_bytes.fetch_add(size, Ordering::Relaxed);
        let queued = Queued { route, call };
        if std::mem::replace(&mut waiting.serving, true) {
            waiting.queue.push_back(queued);
        } else {
            drop(waiting);
            self.gateway.tasks.spawn(serve(Arc::clone(&self.gateway), Arc::clone(&self.conn), queued));
        }
        None
    }
}

fn too_often(what: &str, wait: Duration) -> ErrorBody {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    ErrorBody { retry_after_ms: Some(ms), ..ErrorBody::new(ErrorCode::RateLimited, format!("{what}; slow down")) }
}

/// Handles a connection's requests one after the other until none waits or it ends. The one under way is finished all
/// the same.
async fn serve(gateway: Arc<Gateway>, conn: Arc<Conn>, first: Queued) {
    let mut next = Some(first);
    while let Some(Queued { route, call }) = next {
        if conn.ended.is_cancelled() {
            return;
        }
        let size = call.payload.len();
        handle(&gateway, &conn, route, call).await;
        conn.requests.fetch_sub(1, Ordering::Relaxed);
        conn.request_bytes.fetch_sub(size, Ordering::Relaxed);
        let mut waiting = conn.waiting();
        next = waiting.queue.pop_front();
        if next.is_none() {
            // What a burst has needed is given back.
            *waiting = Waiting::default();
        }
    }
}

async fn handle(gateway: &Arc<Gateway>, conn: &Arc<Conn>, route: Route, call: Call) {
    let (at, until) = (call.at, tokio::time::Instant::from_std(call.at + ANSWER));
    let channels = call.channels.clone();
    let late = || refuse(&channels, ErrorBody::new(ErrorCode::Unavailable, "it takes too long; try again"));
    let answer = if tokio::time::timeout_at(until, conn.outbox.has_room()).await.is_err() {
        late()
    } else {
        let cx = Cx { gateway: Arc::clone(gateway), conn: Arc::clone(conn), caller: conn.caller() };
        let mut work = route(cx, call);
        match tokio::time::timeout_at(until, &mut work).await {
            Ok(answer) => answer,
            Err(_) => {
                // It may have committed already; what follows a commit must not be dropped half way.
                gateway.tasks.spawn(work);
                late()
            }
        }
    };
    send(gateway, conn, &channels, answer, at);
}

/// Counts an answer to what came at `at`, and sends it.
fn send(gateway: &Arc<Gateway>, conn: &Arc<Conn>, channels: &Channels, answer: Answer, at: Instant) {
    let Answer { payload, refused } = answer;
    gateway.services.counters.answered(Edge::Socket, at.elapsed(), refused);
    if let Some(code) = refused {
        tracing::debug!(conn = conn.id.0, req_id = channels.req_id.as_deref(), %code, "a request was refused");
    }
    gateway.heed(conn, conn.reply(channels, &payload));
}

/// `ping`, where it did not overtake.
pub(super) async fn ping(cx: &Cx, _: Ping) -> crate::service::Result<PingReply> {
    Ok(PingReply { at: cx.services().clock.now() })
}
