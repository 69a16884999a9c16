//! A socket's life on `/` and `/events`: CONNECT, which anyone may, as in the earlier systems; its handlers; its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, FromConnectParts, Value};
use socketioxide::socket::{DisconnectReason, Socket};

use crate::listen::ConnHandle;

use super::Core;
use super::events::{self, Inbox};
use super::peer::{Ending, Peer};
use super::wire::Nsp;
use super::writer;

/// Bytes that may wait for a socket, of the configured: a push alone has up to 100 kB.
const BYTES: usize = 4;

/// The socket of a CONNECT packet.
struct Coming(Arc<Socket>);

impl FromConnectParts<LocalAdapter> for Coming {
    type Error = Infallible;
    fn from_connect_parts(socket: &Arc<Socket>, _: &Option<Value>) -> Result<Self, Infallible> {
        Ok(Self(Arc::clone(socket)))
    }
}

/// Opens a namespace.
pub(super) fn open(core: &Arc<Core>, io: &SocketIo, nsp: Nsp) {
    let core = Arc::clone(core);
    let welcome = async |coming: Coming| {
        if let Some(peer) = coming.0.extensions.get::<Arc<Peer>>() {
            peer.open();
        }
    };
    io.ns(nsp.path(), welcome.with(async move |coming: Coming| connect(&core, nsp, &coming.0)));
}

/// Before CONNECT is answered, so that no event can beat the handlers.
fn connect(core: &Arc<Core>, nsp: Nsp, socket: &Arc<Socket>) -> Result<(), String> {
    let handle = socket.req_parts().extensions.get::<ConnHandle>();
    let line = core.lines.of(socket.id.as_str(), handle).ok_or("not now; connect again")?;
    if core.draining.load(Ordering::Relaxed) || line.connects_too_often() {
        line.drop_now(socket.transport_type() == socketioxide::TransportType::Websocket);
        return Err("not now; connect again".to_owned());
    }
    let bounds = (core.limits.queue_packets, core.limits.queue_bytes.saturating_mul(BYTES));
    let peer = Arc::new(Peer::new(socket.id.as_str(), nsp, line, bounds, core.clock.now()));
    // Once: a peer is made for one socket.
    let _set = peer.socket.set(Arc::downgrade(socket));
    if nsp == Nsp::Events {
        // The first packet always has room.
        let _room = peer.push(events::greeting());
        socket.on_fallback(Inbox { core: Arc::clone(core), peer: Arc::clone(&peer) });
    }
    let (of_core, of_peer) = (Arc::clone(core), Arc::clone(&peer));
    socket.on_disconnect(async move |reason: DisconnectReason| {
        tracing::debug!(sid = %of_peer.sid, namespace = nsp.path(), %reason, "a client of the relay has gone");
        of_core.end(&of_peer, Ending::Gone);
    });
    socket.extensions.insert(Arc::clone(&peer));
    core.hub.add(&peer);
    core.tasks.spawn(writer::run(Arc::clone(core), peer, Arc::clone(socket)));
    Ok(())
}
