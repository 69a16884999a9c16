//! Empties one connection's outbox, no faster than the peer reads, and ends it.
//!
//! On a WebSocket frames go straight to the connection, by whoever has put them into the outbox (`flush`); a task
//! (`run`) takes over only to wait for a peer that does not read, and for the end. The library has a queue of its own,
//! so first a mark is sent through it: when that has come out nothing of ours is left in there, and order holds.
//!
//! Long polling goes through the library. Its buffer tells nobody how full it is and fails heartbeats when it is; so no
//! more than a batch is put into it until the next poll comes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chat_common::event::server::Hint;
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError, TransportType};
use tokio::time::Instant;

use crate::listen::{ConnHandle, Mark, Wrote};

use super::Gateway;
use super::conn::Conn;
use super::outbox::{BATCH, BATCH_BYTES, Ending, Next};
use super::told::{Kind, Out, Told};

/// A reader that takes nothing for so long is cut.
const STALL: Duration = Duration::from_secs(10);
/// What had to be told at the end has so long to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// After a DISCONNECT the client has so long to close its side.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long to wait before looking again whether the peer reads, growing.
const LOOK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));
/// The event that marks the end of what the library was given. It never reaches the peer.
const MARK: &str = "chat:mark";

/// Why nothing more can be emitted.
enum Stop {
    Stalled,
    Closed,
}

/// What was put into the library's buffer since the last poll (long polling only).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credit {
    polls: u64,
    packets: usize,
    bytes: usize,
}

/// Empties the outbox as far as the peer takes it; what then waits is left to a task. Only for the one who was told to.
/// `batch` is empty before and after.
pub(super) fn flush(gateway: &Arc<Gateway>, conn: &Arc<Conn>, batch: &mut Vec<Out>) {
    if let Some(line) = conn.line.get() {
        loop {
            match conn.outbox.take(batch) {
                Next::Idle => return,
                Next::End(_) => break,
                Next::Emit => {}
            }
            match line.write_frames(batch.iter().map(|out| &out.frames)) {
                Wrote::All => {}
                Wrote::Rest => break,
                Wrote::Gone => {
                    batch.clear();
                    return gateway.end(conn, Ending::Gone);
                }
            }
        }
    }
    gateway.tasks.spawn(run(Arc::clone(gateway), Arc::clone(conn), std::mem::take(batch)));
}

/// Empties the outbox until nothing waits or the connection has ended; `written` is on its way already.
pub(super) async fn run(gateway: Arc<Gateway>, conn: Arc<Conn>, written: Vec<Out>) {
    let Some(socket) = conn.socket() else { return };
    let ending = match drive(&conn, &socket, written).await {
        Ok(None) => return,
        Ok(Some(ending)) => ending,
        Err(Stop::Stalled) => {
            gateway.end(&conn, Ending::TooSlow);
            Ending::TooSlow
        }
        Err(Stop::Closed) => {
            gateway.end(&conn, Ending::Gone);
            Ending::Gone
        }
    };
    finish(&gateway, &conn, &socket, ending).await;
}

/// `None`: nothing waits any more.
async fn drive(conn: &Conn, socket: &Arc<Socket>, mut batch: Vec<Out>) -> Result<Option<Ending>, Stop> {
    if let Some(line) = conn.line.get().filter(|_| !batch.is_empty()) {
        flushed(conn, line).await?;
    }
    loop {
        match conn.outbox.take(&mut batch) {
            Next::Idle => return Ok(None),
            Next::End(ending) => return Ok(Some(ending)),
            Next::Emit => {}
        }
        if let Some(line) = line(conn, socket).await? {
            match line.write_frames(batch.iter().map(|out| &out.frames)) {
                Wrote::All => {}
                Wrote::Rest => flushed(conn, line).await?,
                Wrote::Gone => return Err(Stop::Closed),
            }
        } else {
            emit_all(conn, socket, &batch).await?;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until what was written has left.
async fn flushed(conn: &Conn, line: &ConnHandle) -> Result<(), Stop> {
    let ended = async {
        conn.ended.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        left = line.flushed(STALL) => left.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => Stop::Stalled,
            _ => Stop::Closed,
        }),
        () = ended => Err(Stop::Stalled),
    }
}

/// The connection that frames are written to; `None` while they have to go through the library.
async fn line<'a>(conn: &'a Conn, socket: &Socket) -> Result<Option<&'a ConnHandle>, Stop> {
    if conn.line.get().is_some()
        || conn.no_line.load(Ordering::Relaxed)
        || conn.outbox.is_ending()
        || socket.transport_type() != TransportType::Websocket
    {
        return Ok(conn.line.get());
    }
    // Without randomness it is not tried: a mark that can be guessed could be sent by a peer.
    let mark = getrandom::u64().ok().map(|n| n.to_string());
    let Some(number) = mark.and_then(|n| RawValue::from_string(n).ok()) else { return Ok(None) };
    let mark = Mark::new(Told::event(MARK, &number).frames.to_vec());
    if !conn.transport.watch_for(Some(&mark)) {
        conn.no_line.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    let passed = match socket.emit(MARK, &number) {
        Ok(()) => tokio::select! {
            handle = mark.passed() => Ok(Some(handle)),
            () = conn.ended.cancelled() => Ok(None),
            () = tokio::time::sleep(STALL) => if conn.transport.is_blocked() { Err(Stop::Stalled) } else { Ok(None) },
        },
        Err(SendError::Socket(SocketError::Closed)) => Err(Stop::Closed),
        Err(_) => Ok(None),
    }?;
    conn.transport.watch_for(None);
    match passed {
        // Once: only one at a time gets here.
        Some(handle) => drop(conn.line.set(handle)),
        None => conn.no_line.store(!conn.ended.is_cancelled(), Ordering::Relaxed),
    }
    Ok(conn.line.get())
}

async fn emit_all(conn: &Conn, socket: &Arc<Socket>, batch: &[Out]) -> Result<(), Stop> {
    let start = Instant::now();
    let mut pause = LOOK.0;
    let mut credit = *conn.credit.lock().unwrap_or_else(PoisonError::into_inner);
    for out in batch {
        for (kind, payload) in out.packets() {
            loop {
                if may_write(conn, socket, &mut credit) {
                    match emit(socket, kind, payload) {
                        Ok(()) => break,
                        Err(SendError::Socket(SocketError::Closed)) => return Err(Stop::Closed),
                        Err(SendError::Socket(SocketError::InternalChannelFull)) => {}
                        Err(SendError::Serialize(error)) => {
                            tracing::error!(%error, conn = conn.id.0, "a packet could not be encoded and is not told");
                            break;
                        }
                    }
                }
                let patience = if conn.outbox.is_ending() { LAST_WORDS } else { STALL };
                if start.elapsed() >= patience {
                    return Err(Stop::Stalled);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK.1);
            }
            credit.packets += 1;
            credit.bytes += payload.get().len();
        }
    }
    *conn.credit.lock().unwrap_or_else(PoisonError::into_inner) = credit;
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

fn emit(socket: &Arc<Socket>, kind: Kind, payload: &RawValue) -> Result<(), SendError> {
    match kind {
        Kind::Event(name) => socket.emit(name, payload),
        Kind::Ack(id) => {
            // The library hands out a sender only where a handler is called; it is made of the same parts.
            let mut none = Value::Bytes(bytes::Bytes::new());
            let Ok(sender) = <AckSender<LocalAdapter> as FromMessageParts<LocalAdapter>>::from_message_parts(
                socket,
                &mut none,
                &Some(id),
            );
            sender.send(payload)
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
            if let Err(error) = socket.emit(notice.name(), &notice) {
                tracing::debug!(%error, conn = conn.id.0, "a slow reader could not be told");
            } else if !conn.transport.is_blocked() {
                tokio::time::sleep(LOOK.1).await;
            }
            tracing::info!(conn = conn.id.0, user = %conn.user, "a slow reader was cut");
            conn.transport.drop_now(websocket);
        }
        Ending::Dropped => {
            // Let what was written leave before the stream goes.
            tokio::time::sleep(LOOK.1).await;
            conn.transport.drop_now(websocket);
        }
    }
}
