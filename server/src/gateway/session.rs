//! A connection's life: CONNECT with its token, `ready`, `session:refresh`, the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_common::event::server::Hint;
use chat_common::event::session::{Refresh, RefreshReply};
use chat_common::rest::Scope;
use chat_common::{ErrorBody, ErrorCode};
use serde::Deserialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{FromConnectParts, Value};
use socketioxide::socket::{DisconnectReason, Socket};
use tokio::task::JoinHandle;

use crate::cluster::ConnId;
use crate::domain::Refusal;
use crate::listen::ConnHandle;
use crate::service::{Caller, Error, Result, accounts, presence, sync};

use super::chorus::After;
use super::conn::Conn;
use super::door::Foreign;
use super::inbox::Inbox;
use super::outbox::{Ending, Pushed};
use super::told::Told;
use super::transport::Transport;
use super::{CONNECTED, Cx, Gateway, writer};

/// So many outboxes are emptied at once; each costs some microseconds.
const FEW: usize = 16;
/// So many by one task.
const MANY: usize = 64;
/// CONNECT and `ready` are done within this, or the transport is dropped.
pub(super) const WELCOME: Duration = Duration::from_secs(8);

/// A CONNECT packet: the socket it came on and its payload.
pub(super) struct Connect {
    pub socket: Arc<Socket>,
    pub token: std::result::Result<String, ErrorBody>,
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

impl FromConnectParts<LocalAdapter> for Connect {
    type Error = Infallible;
    fn from_connect_parts(socket: &Arc<Socket>, auth: &Option<Value>) -> std::result::Result<Self, Infallible> {
        let token = match auth {
            Some(Value::Str(json, _)) => serde_json::from_str::<Auth>(json.as_str()).ok().map(|auth| auth.token),
            _ => None,
        };
        let none = || ErrorBody::new(ErrorCode::Unauthorized, "CONNECT carries {\"token\": \"…\"}; log in for one");
        Ok(Self { socket: Arc::clone(socket), token: token.ok_or_else(none) })
    }
}

/// Why a CONNECT is not answered with CONNECT.
pub(super) enum Refused {
    /// Told as CONNECT_ERROR.
    Told(ErrorBody),
    /// Not now: the transport is dropped, so that official clients come back.
    Later,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable | Error::Internal => Self::Later,
            other => Self::Told(other.body()),
        }
    }
}

/// Judges a CONNECT to `/chat`; on `Ok` the handlers are in place, before CONNECT is answered.
pub(super) async fn connect(gateway: Arc<Gateway>, connect: Connect) -> std::result::Result<(), String> {
    let Connect { socket, token } = connect;
    let handle = socket.req_parts().extensions.get::<ConnHandle>().cloned();
    let transport = gateway.transports.of(socket.id, handle.as_ref(), Instant::now());
    let websocket = socket.transport_type() == socketioxide::TransportType::Websocket;
    // Waits its turn as long as the library waits for the answer.
    let turn = tokio::time::timeout(CONNECTED, gateway.entrance.acquire()).await;
    let admitted = match token {
        _ if !matches!(turn, Ok(Ok(_))) => Err(Refused::Later),
        _ if transport.connects_too_often() => Err(Refused::Later),
        _ if socket.req_parts().extensions.get::<Foreign>().is_some() => {
            Err(Refused::Told(ErrorBody::new(ErrorCode::Forbidden, "this origin is not allowed here")))
        }
        Err(error) => Err(Refused::Told(error)),
        Ok(token) => match tokio::time::timeout(WELCOME, admit(&gateway, &socket, &transport, &token)).await {
            Ok(admitted) => admitted,
            Err(_) => Err(Refused::Later),
        },
    };
    match admitted {
        Ok(conn) => {
            attach(&gateway, &conn, &socket);
            Ok(())
        }
        Err(Refused::Told(error)) => {
            tracing::debug!(code = %error.code, "a connection was refused");
            if transport.refused() {
                transport.drop_now(websocket);
            }
            Err(error.to_string())
        }
        Err(Refused::Later) => {
            transport.drop_now(websocket);
            Err(ErrorBody::new(ErrorCode::Unavailable, "not now; connect again").to_string())
        }
    }
}

/// Finds out who it is and takes the connection in.
async fn admit(
    gateway: &Arc<Gateway>,
    socket: &Socket,
    transport: &Arc<Transport>,
    token: &str,
) -> std::result::Result<Arc<Conn>, Refused> {
    if gateway.is_draining() || !gateway.store_up.load(Ordering::Relaxed) {
        return Err(Refused::Later);
    }
    let services = &gateway.services;
    let round = gateway.authority_round.load(Ordering::SeqCst);
    let caller = accounts::authenticate(services, token).await?;
    // A connection is told things from its first event on.
    caller.needs(Scope::Read)?;
    let id = ConnId(gateway.next_conn.fetch_add(1, Ordering::Relaxed));
    let conn = Arc::new(Conn::new(caller, id, socket.id, Arc::clone(transport), &services.limits));
    let max = services.limits.connections_per_user;
    if gateway.hub.add(&conn, max as usize).is_err() {
        let text = format!("this user has {max} connections already; close one");
        return Err(Refused::Told(ErrorBody {
            retry_after_ms: Some(10_000),
            ..ErrorBody::new(ErrorCode::RateLimited, text)
        }));
    }
    // What was revoked while we asked did not find the connection; so ask again.
    if gateway.authority_round.load(Ordering::SeqCst) != round
        && let Err(error) = accounts::authenticate(services, token).await
    {
        gateway.hub.remove(&conn);
        return Err(error.into());
    }
    Ok(conn)
}

/// Registers the handlers. A connection has no task of its own while nothing is asked or told.
fn attach(gateway: &Arc<Gateway>, conn: &Arc<Conn>, socket: &Arc<Socket>) {
    socket.on_fallback(Inbox::new(Arc::clone(gateway), Arc::clone(conn)));
    let (of_gateway, of_conn) = (Arc::clone(gateway), Arc::clone(conn));
    socket.on_disconnect(async move |reason: DisconnectReason| {
        tracing::debug!(conn = of_conn.id.0, %reason, "a connection ended");
        of_gateway.end(&of_conn, Ending::Gone);
    });
    socket.extensions.insert(Arc::clone(conn));
    // Once: a connection is made for one socket.
    let _set = conn.socket.set(Arc::downgrade(socket));
    if conn.outbox.is_ending() {
        // It was ended while it had no socket to be told on.
        gateway.tasks.spawn(writer::run(Arc::clone(gateway), Arc::clone(conn), Vec::new()));
    }
}

/// CONNECT was answered: the user is present, and `ready` goes out before everything else.
pub(super) async fn welcome(gateway: Arc<Gateway>, connect: Connect) {
    let Some(conn) = connect.socket.extensions.get::<Arc<Conn>>() else { return };
    conn.started.store(true, Ordering::Relaxed);
    let services = &gateway.services;
    let ready = async {
        presence::connected(services, conn.user, conn.id).await;
        // It may have ended meanwhile; who is gone must not stay present.
        if conn.ended.is_cancelled() {
            presence::disconnected(services, conn.user, conn.id);
        }
        sync::ready(services, &conn.caller()).await
    };
    let turn = tokio::time::timeout(CONNECTED, gateway.entrance.acquire()).await;
    let ready = tokio::time::timeout(WELCOME, ready).await;
    drop(turn);
    match ready {
        Ok(Ok(ready)) => gateway.heed(&conn, conn.outbox.open(Told::event("ready", &ready))),
        Ok(Err(error)) => {
            tracing::debug!(%error, conn = conn.id.0, "no `ready` could be made");
            gateway.end(&conn, Ending::Dropped);
        }
        Err(_) => gateway.end(&conn, Ending::Dropped),
    }
}

/// `session:refresh`
pub(super) async fn refresh(cx: &Cx, req: Refresh) -> Result<RefreshReply> {
    let round = cx.gateway.authority_round.load(Ordering::SeqCst);
    let caller = accounts::authenticate(cx.services(), &req.token).await?;
    if caller.user.id != cx.conn.user {
        return Err(Error::Refused(Refusal::Forbidden("this token is another user's; connect anew with it")));
    }
    let expires_at = caller.expires_at;
    cx.conn.replace_caller(caller);
    if cx.gateway.authority_round.load(Ordering::SeqCst) != round
        && let Err(error) = accounts::authenticate(cx.services(), &req.token).await
    {
        cx.gateway.end(&cx.conn, Ending::Refused(error.body()));
        return Err(error);
    }
    Ok(RefreshReply { expires_at })
}

/// A caller with the user as it is now.
pub(super) fn with_user(caller: &Caller, row: &crate::storage::UserRow) -> Caller {
    Caller { user: row.user.clone(), role: row.role, ..caller.clone() }
}

impl Gateway {
    /// Ends a connection; only the first reason counts. From here on it is told nothing but why.
    pub(super) fn end(self: &Arc<Self>, conn: &Arc<Conn>, ending: Ending) {
        let last = match &ending {
            Ending::Refused(error) => {
                let notice = Hint::Notice {
                    code: error.code.to_string(),
                    message: error.message.clone(),
                    retry_after_ms: error.retry_after_ms,
                };
                Some(Told::event(notice.name(), &notice))
            }
            _ => None,
        };
        self.hub.remove(conn);
        let (gone, slow) = (ending == Ending::Gone, ending == Ending::TooSlow);
        let Some(idle) = conn.outbox.end(ending, last) else { return };
        if slow {
            self.note_cut(conn);
        }
        conn.ended.cancel();
        if conn.started.load(Ordering::Relaxed) {
            presence::disconnected(&self.services, conn.user, conn.id);
        }
        if idle && !gone {
            self.tasks.spawn(writer::run(Arc::clone(self), Arc::clone(conn), Vec::new()));
        }
    }

    /// Does what follows from having put something into a connection's outbox.
    pub(super) fn heed(self: &Arc<Self>, conn: &Arc<Conn>, pushed: Pushed) {
        match pushed {
            Pushed::Ok => {}
            Pushed::Wake => writer::flush(self, conn, &mut Vec::new()),
            Pushed::Full => self.end(conn, Ending::TooSlow),
        }
    }

    /// The same for many, over the threads there are; gives what to wait for before more is told, so that nobody who
    /// reads is found with a full outbox.
    pub(super) fn settle(self: &Arc<Self>, after: After) -> Vec<JoinHandle<()>> {
        for conn in after.overflown {
            self.end(&conn, Ending::TooSlow);
        }
        if after.wake.len() <= FEW {
            after.wake.iter().for_each(|conn| writer::flush(self, conn, &mut Vec::new()));
            return Vec::new();
        }
        let mut wake = after.wake;
        let mut tasks = Vec::with_capacity(wake.len() / MANY + 1);
        while !wake.is_empty() {
            let some = wake.split_off(wake.len().saturating_sub(MANY));
            let gateway = Arc::clone(self);
            tasks.push(self.tasks.spawn(async move {
                let mut batch = Vec::new();
                some.iter().for_each(|conn| writer::flush(&gateway, conn, &mut batch));
            }));
        }
        tasks
    }
}
