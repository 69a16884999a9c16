//! Empties one connection's outbox into its socket, no faster than the peer reads, and ends it.
//!
//! The library's own buffer tells nobody how full it is and fails heartbeats when it is; so no more than a batch is put
//! into it while the TCP connection takes nothing (WebSocket), or until the next poll comes (long polling).

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::server::Hint;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError, TransportType};
use tokio::time::Instant;

use super::Gateway;
use super::call::raw;
use super::conn::Conn;
use super::outbox::{BATCH, BATCH_BYTES, Ending, Next, Out};

/// A reader that takes nothing for so long is cut.
const STALL: Duration = Duration::from_secs(10);
/// What had to be told at the end has so long to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// After a DISCONNECT the client has so long to close its side.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long to wait before looking again whether the peer reads, growing.
const LOOK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// Why nothing more can be emitted.
enum Stop {
    Stalled,
    Closed,
}

/// What was put into the library's buffer since the last poll (long polling only).
#[derive(Default)]
struct Credit {
    polls: u64,
    packets: usize,
    bytes: usize,
}

/// Runs until the connection has ended.
pub(super) async fn run(gateway: Arc<Gateway>, conn: Arc<Conn>, socket: Arc<Socket>) {
    let mut credit = Credit::default();
    let ending = loop {
        match conn.outbox.next().await {
            Next::End(ending) => break ending,
            Next::Packets(packets) => {
                let more = packets.len() >= BATCH;
                match emit_all(&conn, &socket, packets, &mut credit).await {
                    Ok(()) if more => tokio::task::yield_now().await,
                    Ok(()) => {}
                    Err(Stop::Stalled) => {
                        gateway.end(&conn, Ending::TooSlow);
                        break Ending::TooSlow;
                    }
                    Err(Stop::Closed) => {
                        gateway.end(&conn, Ending::Gone);
                        break Ending::Gone;
                    }
                }
            }
        }
    };
    finish(&gateway, &conn, &socket, ending).await;
}

async fn emit_all(conn: &Conn, socket: &Arc<Socket>, packets: Vec<Out>, credit: &mut Credit) -> Result<(), Stop> {
    let start = Instant::now();
    let mut pause = LOOK.0;
    // Looked at once for a batch and again after each wait; told to the outbox at once, too: a lock each would cost
    // more than the packet.
    let mut writable = may_write(conn, socket, credit);
    let (mut count, mut bytes) = (0, 0);
    for out in packets {
        loop {
            if writable {
                match emit(socket, &out) {
                    Ok(()) => break,
                    Err(SendError::Socket(SocketError::Closed)) => return Err(Stop::Closed),
                    Err(SendError::Socket(SocketError::InternalChannelFull)) => {}
                    Err(SendError::Serialize(error)) => {
                        tracing::error!(%error, conn = conn.id.0, "a packet could not be encoded and is not told");
                        break;
                    }
                }
            }
            conn.outbox.sent(std::mem::take(&mut count), std::mem::take(&mut bytes));
            let patience = if conn.outbox.is_ending() { LAST_WORDS } else { STALL };
            if start.elapsed() >= patience {
                return Err(Stop::Stalled);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
            writable = may_write(conn, socket, credit);
        }
        count += 1;
        bytes += out.size();
        credit.packets += 1;
        credit.bytes += out.size();
    }
    conn.outbox.sent(count, bytes);
    Ok(())
}

/// Whether the peer takes what it has been given so far.
fn may_write(conn: &Conn, socket: &Socket, credit: &mut Credit) -> bool {
    if socket.transport_type() == TransportType::Websocket {
        return !conn.transport.is_blocked();
    }
    let polls = conn.transport.polls();
    if credit.polls != polls {
        *credit = Credit { polls, ..Credit::default() };
    }
    credit.packets < BATCH && credit.bytes < BATCH_BYTES
}

fn emit(socket: &Arc<Socket>, out: &Out) -> Result<(), SendError> {
    match out {
        Out::Event(name, data) => socket.emit(name, &**data),
        Out::Ack(id, data) => {
            // The library hands out a sender only where a handler is called; it is made of the same parts.
            let mut none = Value::Bytes(bytes::Bytes::new());
            let Ok(sender) = <AckSender<LocalAdapter> as FromMessageParts<LocalAdapter>>::from_message_parts(
                socket,
                &mut none,
                &Some(*id),
            );
            sender.send(&**data)
        }
    }
}

async fn finish(gateway: &Arc<Gateway>, conn: &Arc<Conn>, socket: &Arc<Socket>, ending: Ending) {
    let websocket = socket.transport_type() == TransportType::Websocket;
    match ending {
        Ending::Gone => {}
        Ending::Refused(_) => {
            if let Err(error) = Arc::clone(socket).disconnect() {
                tracing::debug!(%error, conn = conn.id.0, "DISCONNECT could not be told; the transport is dropped");
                conn.transport.drop_now(websocket);
                return;
            }
            // A client that stays without a namespace only costs memory; one that connects again is another `Conn`.
            tokio::time::sleep(FAREWELL).await;
            if !gateway.hub.has_session(conn.sid) {
                conn.transport.drop_now(websocket);
            }
        }
        Ending::TooSlow => {
            let notice = Hint::Notice {
                code: "too_slow".into(),
                message: "you read more slowly than you are told; connect again".into(),
                retry_after_ms: None,
            };
            if let Err(error) = socket.emit(notice.name(), &*raw(&notice)) {
                tracing::debug!(%error, conn = conn.id.0, "a slow reader could not be told");
            } else if !conn.transport.is_blocked() {
                tokio::time::sleep(LOOK.1).await;
            }
            tracing::info!(conn = conn.id.0, user = %conn.user, "a slow reader was cut");
            conn.transport.drop_now(websocket);
        }
        Ending::Dropped => {
            // Let the library write out what it was given before the stream goes.
            tokio::time::sleep(LOOK.1).await;
            conn.transport.drop_now(websocket);
        }
    }
}
