//! The line to a relay: one connection to the namespace `/`, made again for ever, and what is pushed there. No session,
//! no log, nothing to repair: what is missed is missed, as in the earlier systems.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::backoff::{Jitter, delay};
use super::socketio::SocketIo;
use super::transport::{End, Kind, LinkEvent, Transport as _};
use super::{NetOptions, TransportChoice};

/// What pushes are called.
const EVENT: &str = "EmitData";
/// Pushes waiting to be printed; when more come, the connection is given up and made again.
const QUEUE: usize = 256;
/// A connection that lived for so long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// What a listener is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The transport stands.
    Connected,
    /// A push, as it came.
    Pushed(Value),
    /// The connection is gone, for this reason; the next try comes after so long.
    Lost(String, Duration),
    /// The server has no relay, or lets nobody in; nothing follows.
    Refused(String),
}

/// Listens until the receiver is dropped.
pub fn listen(options: &NetOptions) -> mpsc::Receiver<Heard> {
    let (told, heard) = mpsc::channel(QUEUE);
    tokio::spawn(run(SocketIo::relay(options.server.clone(), options.ca_pem.clone()), options.transport, told));
    heard
}

async fn run(sockets: SocketIo, transport: TransportChoice, told: mpsc::Sender<Heard>) {
    let mut jitter = Jitter::new(crate::cache::random_bits());
    let mut kind = if transport == TransportChoice::Polling { Kind::Polling } else { Kind::Websocket };
    let mut failures = 0;
    for conn in 0.. {
        let (events, mut link_events) = mpsc::channel(QUEUE);
        let begun = tokio::time::Instant::now();
        let link = sockets.connect(conn, kind, "", events);
        let mut opened = false;
        let (reason, end) = loop {
            let event = tokio::select! {
                event = link_events.recv() => event,
                () = told.closed() => return,
            };
            let heard = match event.map(|(_, event)| event) {
                Some(LinkEvent::Opened) => {
                    opened = true;
                    Heard::Connected
                }
                Some(LinkEvent::Packet { name, data }) if name == EVENT => Heard::Pushed(data),
                Some(LinkEvent::Packet { .. }) => continue,
                Some(LinkEvent::Refused(why)) => Heard::Refused(why),
                Some(LinkEvent::Closed { reason, end }) => break (reason, end),
                None => break ("the connection broke".to_owned(), End::Broken),
            };
            let over = matches!(heard, Heard::Refused(_));
            if told.send(heard).await.is_err() || over {
                return;
            }
        };
        drop(link);
        failures = if opened && begun.elapsed() > GOOD { 1 } else { failures + 1 };
        // What does not let a WebSocket pass may let polling, and the other way round.
        if transport == TransportChoice::Auto && !opened && end == End::Broken {
            kind = if kind == Kind::Websocket { Kind::Polling } else { Kind::Websocket };
        }
        let wait = delay(failures, &mut jitter);
        if told.send(Heard::Lost(reason, wait)).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = told.closed() => return,
        }
    }
}
