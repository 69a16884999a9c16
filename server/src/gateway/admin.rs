//! The namespace `/admin`, for admins of the server: what `service::overview` tells, each second and as things happen.
//! There are no requests but `session:refresh`.
//!
//! A watcher that does not read is told less, never cut: the next second holds all that the last one held. Its right is
//! looked at again each second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chat_common::event::Request;
use chat_common::event::admin::{AUDIT, SNAPSHOT, TICK};
use chat_common::event::session::{Refresh, RefreshReply};
use chat_common::{ErrorBody, ErrorCode};
use serde_json::Value;
use socketioxide::TransportType;
use socketioxide::extract::{AckSender, Data};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::{DisconnectReason, Socket};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::call::{Channels, Payload, encode, raw};
use super::door::Foreign;
use super::session::{Connect, Refused, WELCOME};
use super::transport::Transport;
use super::{Gateway, GatewayHandle};
use crate::listen::ConnHandle;
use crate::service::overview::{Overview, Told};
use crate::service::{Caller, accounts};

/// Those who watch at once, on this node.
const WATCHERS: usize = 32;
/// Audit lines that are kept for a watcher that does not read; the oldest are left out.
const WAITING: usize = 100;

/// One who watches; stands in the socket's extensions.
#[derive(Debug)]
struct Watcher {
    token: Mutex<String>,
    transport: Arc<Transport>,
    gone: CancellationToken,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Watcher {
    fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GatewayHandle {
    /// Serves `/admin` with what `overview` tells.
    pub fn serve_admin(&self, overview: Overview) {
        let places = Arc::new(Semaphore::new(WATCHERS));
        let (of_check, of_welcome) = (Arc::clone(&self.gateway), Arc::clone(&self.gateway));
        let welcome = async move |connect: Connect| welcome(&of_welcome, &overview, &connect.socket);
        let check = async move |connect: Connect| check(&of_check, &places, connect).await;
        self.io.ns("/admin", welcome.with(check));
    }
}

/// Judges a CONNECT; the message of a refusal is what CONNECT_ERROR says.
async fn check(gateway: &Gateway, places: &Arc<Semaphore>, connect: Connect) -> Result<(), String> {
    let Connect { socket, token } = connect;
    let handle = socket.req_parts().extensions.get::<ConnHandle>().cloned();
    let transport = gateway.transports.of(socket.id, handle.as_ref(), Instant::now());
    let admitted = match token {
        _ if transport.connects_too_often() => Err(Refused::Later),
        _ if socket.req_parts().extensions.get::<Foreign>().is_some() => {
            Err(Refused::Told(ErrorBody::new(ErrorCode::Forbidden, "this origin is not allowed here")))
        }
        Err(error) => Err(Refused::Told(error)),
        Ok(token) => match tokio::time::timeout(WELCOME, judge(gateway, &token)).await {
            Ok(Ok(_)) => Ok(token),
            Ok(Err(refused)) => Err(refused),
            Err(_) => Err(Refused::Later),
        },
    };
    let admitted = admitted.and_then(|token| match Arc::clone(places).try_acquire_owned() {
        Ok(place) => Ok((token, place)),
        Err(_) => {
            let text = format!("{WATCHERS} watch this node already; close one");
            Err(Refused::Told(ErrorBody::new(ErrorCode::RateLimited, text)))
        }
    });
    match admitted {
        Ok((token, place)) => {
            let (token, place) = (Mutex::new(token), Mutex::new(Some(place)));
            socket.extensions.insert(Arc::new(Watcher { token, transport, gone: CancellationToken::new(), place }));
            Ok(())
        }
        Err(refused) => {
            let websocket = socket.transport_type() == TransportType::Websocket;
            let error = match refused {
                Refused::Told(error) => {
                    tracing::debug!(code = %error.code, "a watcher was refused");
                    if transport.refused() {
                        transport.drop_now(websocket);
                    }
                    error
                }
                Refused::Later => {
                    transport.drop_now(websocket);
                    ErrorBody::new(ErrorCode::Unavailable, "not now; connect again")
                }
            };
            Err(error.to_string())
        }
    }
}

/// Whom the token proves, if that is an admin.
async fn judge(gateway: &Gateway, token: &str) -> Result<Caller, Refused> {
    if gateway.is_draining() {
        return Err(Refused::Later);
    }
    let caller = accounts::authenticate(&gateway.services, token).await?;
    caller.needs_admin()?;
    Ok(caller)
}

/// CONNECT was answered.
fn welcome(gateway: &Arc<Gateway>, overview: &Overview, socket: &Arc<Socket>) {
    let Some(watcher) = socket.extensions.get::<Arc<Watcher>>() else { return };
    let gone = watcher.gone.clone();
    socket.on_disconnect(async move |_: DisconnectReason| gone.cancel());
    let (of_gateway, of_watcher) = (Arc::clone(gateway), Arc::clone(&watcher));
    socket.on(Refresh::NAME, async move |Data::<Value>(request), ack: AckSender| {
        refresh(&of_gateway, &of_watcher, request, ack).await;
    });
    let task = watch(Arc::clone(gateway), overview.clone(), watcher, Arc::clone(socket));
    gateway.tasks.spawn(task);
}

/// `session:refresh`, answered as an acknowledgement.
async fn refresh(gateway: &Gateway, watcher: &Watcher, request: Value, ack: AckSender) {
    let wrong = |_| Refused::Told(ErrorBody::invalid("token", "send an access or API token as `token`"));
    let fresh = match serde_json::from_value::<Refresh>(request).map_err(wrong) {
        Ok(Refresh { token }) => judge(gateway, &token).await.map(|caller| (token, caller.expires_at)),
        Err(refused) => Err(refused),
    };
    let answer = match fresh {
        Ok((token, expires_at)) => {
            *watcher.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
            Ok(RefreshReply { expires_at })
        }
        Err(Refused::Told(error)) => Err(error),
        Err(Refused::Later) => Err(ErrorBody::new(ErrorCode::Unavailable, "not now; try again")),
    };
    let answer = encode(&Channels::default(), answer);
    if let Err(error) = ack.send(&*answer.payload) {
        tracing::debug!(%error, "a watcher has gone before it was answered");
    }
}

/// Tells one watcher until it goes, loses its right, or the node stops.
async fn watch(gateway: Arc<Gateway>, overview: Overview, watcher: Arc<Watcher>, socket: Arc<Socket>) {
    let _place = watcher.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let services = Arc::clone(&gateway.services);
    let Ok(caller) = judge(&gateway, &watcher.token()).await else { return leave(&socket) };
    let (snapshot, mut told) = match overview.watch(&services, &caller).await {
        Ok(begun) => begun,
        Err(error) => {
            tracing::debug!(%error, "a watcher could not begin");
            return leave(&socket);
        }
    };
    let mut out = Outlet { socket, transport: Arc::clone(&watcher.transport), polls: None, waiting: VecDeque::new() };
    out.tell(SNAPSHOT, raw(&snapshot));
    loop {
        let next = tokio::select! {
            next = told.recv() => next,
            () = watcher.gone.cancelled() => return,
            () = gateway.stop.cancelled() => {
                let websocket = out.socket.transport_type() == TransportType::Websocket;
                return watcher.transport.drop_now(websocket);
            }
        };
        match next {
            Ok(Told::Audit(line)) => out.keep(raw(&*line)),
            Ok(Told::Tick(tick)) => {
                // A store that is away takes nobody's right.
                if let Err(Refused::Told(_)) = judge(&gateway, &watcher.token()).await {
                    return leave(&out.socket);
                }
                out.tell(TICK, raw(&*tick));
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return leave(&out.socket),
        }
    }
}

fn leave(socket: &Arc<Socket>) {
    if let Err(error) = Arc::clone(socket).disconnect() {
        tracing::debug!(%error, "a watcher has gone already");
    }
}

/// The way to one watcher. The library's buffer does not tell how full it is, so that it is given something only while
/// the peer takes it.
struct Outlet {
    socket: Arc<Socket>,
    transport: Arc<Transport>,
    /// Polls seen when something was given last (long polling).
    polls: Option<u64>,
    waiting: VecDeque<Payload>,
}

impl Outlet {
    fn takes(&mut self) -> bool {
        if self.socket.transport_type() == TransportType::Websocket {
            return !self.transport.is_blocked();
        }
        let polls = self.transport.polls();
        self.polls.replace(polls) != Some(polls)
    }

    /// An audit line, told before the next tick.
    fn keep(&mut self, line: Payload) {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(line);
    }

    /// Tells what waits and then this, or leaves this out.
    fn tell(&mut self, event: &str, data: Payload) {
        if !self.takes() {
            return;
        }
        let lines = std::mem::take(&mut self.waiting).into_iter().map(|line| (AUDIT, line));
        for (event, data) in lines.chain([(event, data)]) {
            if let Err(error) = self.socket.emit(event, &*data) {
                tracing::debug!(%error, "a watcher could not be told");
            }
        }
    }
}
