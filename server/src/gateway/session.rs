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

use crate::cluster::ConnId;
use crate::domain::Refusal;
use crate::listen::ConnHandle;
use crate::service::{Caller, Error, Result, accounts, presence, sync};

use super::call::raw;
use super::conn::Conn;
use super::door::Foreign;
use super::inbox::{self, Inbox};
use super::outbox::{Ending, Out};
use super::transport::Transport;
use super::{Cx, Gateway, writer};

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
    let admitted = match token {
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

/// Registers the handlers and starts the two tasks of a connection.
fn attach(gateway: &Arc<Gateway>, conn: &Arc<Conn>, socket: &Arc<Socket>) {
    let (inbox, requests) = Inbox::new(Arc::clone(gateway), Arc::clone(conn));
    socket.on_fallback(inbox);
    let (of_gateway, of_conn) = (Arc::clone(gateway), Arc::clone(conn));
    socket.on_disconnect(async move |reason: DisconnectReason| {
        tracing::debug!(conn = of_conn.id.0, %reason, "a connection ended");
        of_gateway.end(&of_conn, Ending::Gone);
    });
    socket.extensions.insert(Arc::clone(conn));
    // Once: a connection is made for one socket.
    let _set = conn.socket.set(Arc::downgrade(socket));
    gateway.tasks.spawn(writer::run(Arc::clone(gateway), Arc::clone(conn), Arc::clone(socket)));
    gateway.tasks.spawn(inbox::serve(Arc::clone(gateway), Arc::clone(conn), requests));
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
    match tokio::time::timeout(WELCOME, ready).await {
        Ok(Ok(ready)) => conn.outbox.open(Out::Event("ready", raw(&ready))),
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
                Some(Out::Event(notice.name(), raw(&notice)))
            }
            _ => None,
        };
        // First, since the hub tells some things past the outbox.
        self.hub.remove(conn);
        let slow = ending == Ending::TooSlow;
        if !conn.outbox.end(ending, last) {
            return;
        }
        if slow {
            self.note_cut(conn);
        }
        conn.ended.cancel();
        if conn.started.load(Ordering::Relaxed) {
            presence::disconnected(&self.services, conn.user, conn.id);
        }
    }

    /// Ends every connection of the list as a slow reader.
    pub(super) fn cut(self: &Arc<Self>, overflown: Vec<Arc<Conn>>) {
        for conn in overflown {
            self.end(&conn, Ending::TooSlow);
        }
    }
}
