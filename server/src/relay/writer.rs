//! Empties one socket's queue no faster than the peer reads, and ends it. The library's own buffer tells nobody how
//! full it is; so no more than a batch goes into it while the TCP connection takes nothing, or until the next poll.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError, TransportType};

use super::Core;
use super::peer::{BATCH, BATCH_BYTES, Ending, Next, Out, Peer};
use super::value::Tree;

/// A reader that takes nothing for so long is cut.
const STALL: Duration = Duration::from_secs(10);
/// What waits at the end has so long to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long to wait before looking again whether the peer reads, growing.
const LOOK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What was put into the library's buffer since the last poll (long polling only).
#[derive(Default)]
struct Credit {
    polls: u64,
    packets: usize,
    bytes: usize,
}

/// Runs until the socket has ended.
pub(super) async fn run(core: Arc<Core>, peer: Arc<Peer>, socket: Arc<Socket>) {
    let mut credit = Credit::default();
    let ending = loop {
        match peer.next().await {
            Next::End(ending) => break ending,
            Next::Packets(packets) => {
                if let Err(ending) = emit_all(&peer, &socket, packets, &mut credit).await {
                    break ending;
                }
            }
        }
    };
    core.end(&peer, ending);
    finish(&peer, socket, ending).await;
}

async fn emit_all(peer: &Peer, socket: &Arc<Socket>, packets: Vec<Out>, credit: &mut Credit) -> Result<(), Ending> {
    let start = Instant::now();
    let mut pause = LOOK.0;
    for out in packets {
        loop {
            if may_write(peer, socket, credit) {
                match emit(socket, &out) {
                    Ok(()) => break,
                    Err(SendError::Socket(SocketError::Closed)) => return Err(Ending::Gone),
                    Err(SendError::Socket(SocketError::InternalChannelFull)) => {}
                    Err(SendError::Serialize(error)) => {
                        tracing::warn!(%error, "an event for the relay's clients could not be encoded and is not told");
                        break;
                    }
                }
            }
            if start.elapsed() >= if peer.is_ending() { LAST_WORDS } else { STALL } {
                return Err(Ending::TooSlow);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
        }
        credit.packets += 1;
        credit.bytes += out.size();
        peer.sent(1, out.size());
    }
    Ok(())
}

/// Whether the peer takes what it has been given so far.
fn may_write(peer: &Peer, socket: &Socket, credit: &mut Credit) -> bool {
    if socket.transport_type() == TransportType::Websocket {
        return !peer.line.is_blocked();
    }
    let polls = peer.line.polls();
    if credit.polls != polls {
        *credit = Credit { polls, ..Credit::default() };
    }
    credit.packets < BATCH && credit.bytes < BATCH_BYTES
}

fn emit(socket: &Arc<Socket>, out: &Out) -> Result<(), SendError> {
    match out {
        Out::Event(name, args) => socket.emit(name, &**args),
        Out::Ask(name, args, answer, until) => {
            let acked = socket.emit_with_ack::<_, Tree>(name, &**args)?;
            let (answer, until) = (Arc::clone(answer), tokio::time::Instant::from_std(*until));
            tokio::spawn(async move {
                if let Ok(Ok(Tree(value))) = tokio::time::timeout_at(until, acked).await {
                    answer(value);
                }
            });
            Ok(())
        }
        Out::Ack(id, args) => {
            // The library hands out a sender only where a handler is called; it is made of the same parts.
            let mut none = Value::Bytes(Bytes::new());
            let Ok(sender) = <AckSender<LocalAdapter> as FromMessageParts<LocalAdapter>>::from_message_parts(
                socket,
                &mut none,
                &Some(*id),
            );
            sender.send(&**args)
        }
    }
}

async fn finish(peer: &Peer, socket: Arc<Socket>, ending: Ending) {
    let websocket = socket.transport_type() == TransportType::Websocket;
    match ending {
        Ending::Gone => {}
        Ending::TooSlow => {
            tracing::info!(sid = %peer.sid, namespace = peer.nsp.path(), "a slow reader of the relay was cut");
            peer.line.drop_now(websocket);
        }
        Ending::Kicked { close } => {
            if let Err(error) = socket.disconnect() {
                tracing::debug!(%error, "DISCONNECT could not be told; the transport is dropped");
                peer.line.drop_now(websocket);
            } else if close {
                // Let it leave before the stream goes.
                tokio::time::sleep(LOOK.1).await;
                peer.line.drop_now(websocket);
            }
        }
        Ending::Dropped => {
            tokio::time::sleep(LOOK.1).await;
            peer.line.drop_now(websocket);
        }
    }
}
