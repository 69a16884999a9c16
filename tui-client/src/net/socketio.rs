//! The Socket.IO client; the only file that knows the library `rust_socketio`, and works around it:
//!
//! - Its tasks cannot be stopped and may spin after a failure, so every connection lives in a small runtime on a thread
//!   of its own; dropping the runtime ends them all, whatever state they are in.
//! - It says nothing when the server just closes the connection. Its reading task ends then, which the runtime's own
//!   count of living tasks shows the moment the thread would go to sleep: no polling.
//! - Its callbacks must not wait: they only `try_send`. Its acknowledgements collide: none are used.
//! - It panics where a peer breaks off in the middle of a binary event; on its own thread that is only an end.
//! - `connect` is done before the server has said yes; a refusal comes as an error event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::transport::{End, Kind, Link, LinkEvent, LinkEvents, Transport};
use crate::server_url::ServerUrl;

const NAMESPACE: &str = "/chat";
/// Until the transport stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// One packet onto the wire; a peer that takes nothing for so long is gone.
const EMIT_LIMIT: Duration = Duration::from_secs(10);
/// The farewell.
const GOODBYE_LIMIT: Duration = Duration::from_millis(300);
/// Packets waiting to go out; beyond, the link is given up.
const OUTGOING: usize = 256;
/// The protocol allows 48 KiB; an event of more than this many bytes (roughly counted) ends the connection.
const LARGEST: usize = 1024 * 1024;
/// How the library begins the text of a CONNECT_ERROR.
const CONNECT_ERROR: &str = "Received an ConnectError frame: ";

/// Makes Socket.IO connections to one server.
#[derive(Clone)]
pub struct SocketIo {
    server: ServerUrl,
    ca_pem: Option<Arc<[u8]>>,
    namespace: &'static str,
    /// Constant, so that a balancer can send all requests of this program to one node.
    key: String,
}

impl SocketIo {
    /// For one server.
    pub fn new(server: ServerUrl, ca_pem: Option<Arc<[u8]>>) -> Self {
        Self { server, ca_pem, namespace: NAMESPACE, key: format!("{:016x}", crate::cache::random_bits()) }
    }

    /// The same for the relay's namespace, where nobody asks for a token.
    pub fn relay(server: ServerUrl, ca_pem: Option<Arc<[u8]>>) -> Self {
        Self { namespace: "/", ..Self::new(server, ca_pem) }
    }

    fn builder(&self, kind: Kind, token: &str) -> Result<ClientBuilder, native_tls::Error> {
        let mut url = self.server.join(&["socket.io", ""]);
        url.query_pairs_mut().append_pair("k", &self.key);
        let mut builder = ClientBuilder::new(url.as_str())
            .namespace(self.namespace)
            .reconnect(false)
            .reconnect_on_disconnect(false)
            .transport_type(match kind {
                Kind::Websocket => TransportType::Websocket,
                Kind::Polling => TransportType::Polling,
            });
        if !token.is_empty() {
            builder = builder.auth(json!({ "token": token }));
        }
        if let Some(pem) = &self.ca_pem {
            let mut tls = native_tls::TlsConnector::builder();
            tls.add_root_certificate(native_tls::Certificate::from_pem(pem)?);
            builder = builder.tls_config(tls.build()?);
        }
        Ok(builder)
    }
}

impl Transport for SocketIo {
    fn connect(&self, conn: u64, kind: Kind, token: &str, events: LinkEvents) -> Box<dyn Link> {
        let (commands, wishes) = mpsc::channel(OUTGOING);
        let teller = Teller { conn, events, over: Arc::default(), why: Arc::default() };
        let builder = self.builder(kind, token);
        let on_thread = teller.clone();
        let thread =
            std::thread::Builder::new().name(format!("{}{conn}", super::LINK_THREAD)).spawn(move || match builder {
                Ok(builder) => live(builder, kind, wishes, &on_thread),
                Err(e) => on_thread.close(format!("the CA file cannot be used: {e}"), End::Broken),
            });
        if let Err(e) = thread {
            teller.close(format!("no thread for the connection: {e}"), End::Broken);
        }
        Box::new(SocketLink { commands })
    }
}

/// Tells what happens, from callbacks that must not wait.
#[derive(Clone)]
struct Teller {
    conn: u64,
    events: LinkEvents,
    /// Set, with the reason, when the link has to end.
    over: Arc<Notify>,
    why: Arc<std::sync::Mutex<Option<(String, End)>>>,
}

impl Teller {
    /// Tells an event; when the queue is full the link ends, and the next one's resume brings what was lost.
    fn tell(&self, event: LinkEvent) {
        if self.events.try_send((self.conn, event)).is_err() {
            self.end("this program could not keep up with the server", End::Broken);
        }
    }

    /// Asks for the end; the first reason counts.
    fn end(&self, reason: impl Into<String>, end: End) {
        let mut why = self.why.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if why.is_none() {
            *why = Some((reason.into(), end));
        }
        drop(why);
        self.over.notify_one();
    }

    fn reason(&self) -> (String, End) {
        let mut why = self.why.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        why.take().unwrap_or_else(|| ("the server closed the connection".to_owned(), End::Broken))
    }

    /// The last word; may wait, so only outside a runtime.
    fn close(&self, reason: String, end: End) {
        // Nobody listening any more is as good.
        let _ = self.events.blocking_send((self.conn, LinkEvent::Closed { reason, end }));
    }

    fn packet(&self, event: &Event, payload: Payload) {
        let name = match event {
            Event::Custom(name) => name.clone(),
            _ => "message".to_owned(),
        };
        // Only text with an object in it is of this protocol.
        if let Payload::Text(values) = payload
            && let Some(data) = values.into_iter().next()
        {
            if exceeds(&data, LARGEST) {
                self.end("the server sent an event of more than 1 MiB", End::Broken);
            } else {
                self.tell(LinkEvent::Packet { name, data });
            }
        }
    }

    fn error(&self, payload: Payload) {
        let text = match payload {
            Payload::Text(values) => match values.into_iter().next() {
                Some(Value::String(s)) => s,
                other => other.map(|v| v.to_string()).unwrap_or_default(),
            },
            _ => String::new(),
        };
        match text.strip_prefix(CONNECT_ERROR) {
            Some(json) => {
                let message = match serde_json::from_str::<Value>(json) {
                    Ok(Value::Object(map)) => map.get("message").and_then(Value::as_str).map(str::to_owned),
                    Ok(Value::String(s)) => Some(s),
                    _ => None,
                };
                self.tell(LinkEvent::Refused(message.unwrap_or_else(|| json.to_owned())));
            }
            // The library has no words for what happened.
            None => {
                tracing::debug!(text, "link");
                self.end("the connection broke", End::Broken);
            }
        }
    }
}

/// Whether a value takes more than about `budget` bytes; stops counting there.
fn exceeds(value: &Value, budget: usize) -> bool {
    fn count(value: &Value, left: &mut usize) -> bool {
        let own = match value {
            Value::String(s) => s.len() + 2,
            _ => 4,
        };
        if own > *left {
            return true;
        }
        *left -= own;
        match value {
            Value::Array(items) => items.iter().any(|v| count(v, left)),
            Value::Object(map) => map.iter().any(|(k, v)| {
                let over = k.len() + 3 > *left;
                *left = left.saturating_sub(k.len() + 3);
                over || count(v, left)
            }),
            _ => false,
        }
    }
    let mut left = budget;
    count(value, &mut left)
}

struct SocketLink {
    commands: mpsc::Sender<(String, Value)>,
}

impl Link for SocketLink {
    fn emit(&mut self, name: &str, payload: Value) -> bool {
        self.commands.try_send((name.to_owned(), payload)).is_ok()
    }
}

/// One connection from beginning to end, on its own thread.
fn live(builder: ClientBuilder, kind: Kind, wishes: mpsc::Receiver<(String, Value)>, teller: &Teller) {
    // Armed once the reading task runs. Polling keeps connection tasks besides; there an error event tells the end.
    let armed = Arc::new(AtomicBool::new(false));
    let (watch, over) = (Arc::clone(&armed), Arc::clone(&teller.over));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            if watch.load(Ordering::Acquire)
                && tokio::runtime::Handle::current().metrics().num_alive_tasks() == 0
                && watch.swap(false, Ordering::AcqRel)
            {
                over.notify_one();
            }
        })
        .build();
    match runtime {
        Ok(runtime) => {
            let watch = (kind == Kind::Websocket).then_some(armed);
            let ended = runtime.block_on(talk(builder, watch, wishes, teller));
            // Ends every task of the library at once.
            runtime.shutdown_background();
            if let Some((reason, end)) = ended {
                teller.close(reason, end);
            }
        }
        Err(e) => teller.close(format!("no runtime for the connection: {e}"), End::Broken),
    }
}

/// `None` when the link was dropped, so that nobody wants to know.
async fn talk(
    builder: ClientBuilder,
    watch: Option<Arc<AtomicBool>>,
    mut wishes: mpsc::Receiver<(String, Value)>,
    teller: &Teller,
) -> Option<(String, End)> {
    let (on_any, on_error, on_close) = (teller.clone(), teller.clone(), teller.clone());
    let builder = builder
        .on_any(move |event, payload, _| {
            on_any.packet(&event, payload);
            async {}.boxed()
        })
        .on(Event::Error, move |payload, _| {
            on_error.error(payload);
            async {}.boxed()
        })
        .on(Event::Close, move |_, _| {
            on_close.end("the server ended the session", End::ByServer);
            async {}.boxed()
        });
    let client = tokio::select! {
        client = tokio::time::timeout(CONNECT_LIMIT, builder.connect()) => match client {
            Ok(Ok(client)) => client,
            Ok(Err(e)) => {
                let (cause, end) = cause(&e);
                return Some((format!("cannot connect: {cause}"), end));
            }
            Err(_) => return Some(("cannot connect: no answer within 10 s".to_owned(), End::Broken)),
        },
        // Nothing can be sent before `Opened`: this is the link being dropped.
        None = wishes.recv() => return None,
    };
    if let Some(watch) = watch {
        watch.store(true, Ordering::Release);
    }
    teller.tell(LinkEvent::Opened);
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some((name, payload)) => match tokio::time::timeout(EMIT_LIMIT, client.emit(name, payload)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => return Some((format!("the connection broke: {}", cause(&e).0), End::Broken)),
                    Err(_) => return Some(("the server takes nothing any more".to_owned(), End::Broken)),
                },
                None => {
                    goodbye(&client).await;
                    return None;
                }
            },
            () = teller.over.notified() => return Some(teller.reason()),
        }
    }
}

/// The innermost cause, which alone means something to people (the others name addresses with session ids), and whether
/// it means that nobody is there.
fn cause(error: &(dyn std::error::Error + 'static)) -> (String, End) {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let (mut text, mut end, mut next) = (error.to_string(), End::Broken, Some(error));
    while let Some(e) = next {
        let io = e.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if io.is_some_and(|k| matches!(k, ConnectionRefused | HostUnreachable | NetworkUnreachable)) {
            end = End::Unreachable;
        }
        text = e.to_string();
        next = e.source();
    }
    if text.contains("failed to lookup address") || text.contains("os error 111") {
        end = End::Unreachable;
    }
    (text, end)
}

/// Tells the server, so that presence need not wait for a time-out.
async fn goodbye(client: &Client) {
    match tokio::time::timeout(GOODBYE_LIMIT, client.disconnect()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => tracing::debug!("the server did not hear the farewell"),
    }
}

#[cfg(test)]
#[path = "socketio_tests.rs"]
mod tests;
