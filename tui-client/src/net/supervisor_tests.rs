//! The supervisor with a link that the test holds in its hand.

use std::sync::Mutex;

use chat_common::{ClientId, RoomRef};
use serde_json::{Value, json};

use super::super::transport::{End, Kind, LinkEvents};
use super::super::{OutboxState, TransportChoice};
use super::*;
use crate::server_url::ServerUrl;

/// What was emitted, and where to tell.
#[derive(Default)]
struct Hand {
    links: Mutex<Vec<(u64, LinkEvents)>>,
    emitted: Arc<Mutex<Vec<(u64, String, Value)>>>,
    woken: Arc<tokio::sync::Notify>,
}

struct FakeLink {
    conn: u64,
    emitted: Arc<Mutex<Vec<(u64, String, Value)>>>,
    woken: Arc<tokio::sync::Notify>,
}

impl Link for FakeLink {
    fn emit(&mut self, name: &str, payload: Value) -> bool {
        self.emitted.lock().unwrap().push((self.conn, name.to_owned(), payload));
        self.woken.notify_one();
        true
    }
}

impl Transport for Hand {
    fn connect(&self, conn: u64, _: Kind, _: &str, events: LinkEvents) -> Box<dyn Link> {
        self.links.lock().unwrap().push((conn, events));
        self.woken.notify_one();
        Box::new(FakeLink { conn, emitted: Arc::clone(&self.emitted), woken: Arc::clone(&self.woken) })
    }
}

impl Hand {
    /// Waits until something holds.
    async fn until<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                self.woken.notified().await;
            }
        })
        .await
        .expect("it does not come")
    }

    async fn tell(&self, conn: u64, event: LinkEvent) {
        let events = self.links.lock().unwrap().iter().find(|(c, _)| *c == conn).unwrap().1.clone();
        events.send((conn, event)).await.unwrap();
    }

    async fn packet(&self, conn: u64, name: &str, data: Value) {
        self.tell(conn, LinkEvent::Packet { name: name.to_owned(), data }).await;
    }

    async fn ready(&self, conn: u64) {
        self.until(|h| h.links.lock().unwrap().iter().any(|(c, _)| *c == conn).then_some(())).await;
        let user = json!({"id": "0000000000005", "name": "~ana", "display_name": "", "kind": "guest"});
        let ready = json!({"protocol": 1, "server": {"name": "s", "version": "1", "node": "n"}, "epoch": "e",
            "user": user, "role": "user", "limits": {}, "rooms": []});
        self.packet(conn, "ready", ready).await;
    }

    async fn request(&self, conn: u64, name: &str) -> Value {
        self.until(|h| {
            let emitted = h.emitted.lock().unwrap();
            emitted.iter().find(|(c, n, _)| *c == conn && n == name).map(|(_, _, p)| p.clone())
        })
        .await
    }
}

struct Given;

#[async_trait::async_trait]
impl crate::credentials::Tokens for Given {
    async fn access(&self, _: Option<&str>) -> Result<Access, TokenError> {
        Ok(Access { token: "t".to_owned(), expires_at: None })
    }
}

fn line() -> (Arc<Hand>, Arc<Cache>, NetHandle, mpsc::Receiver<NetEvent>) {
    let hand = Arc::new(Hand::default());
    let cache = Arc::new(Cache::in_memory(&Cache::provisional("http://127.0.0.1:1", "p")).unwrap());
    let options = NetOptions {
        server: ServerUrl::parse("http://127.0.0.1:1").unwrap(),
        tokens: Arc::new(Given),
        transport: TransportChoice::Websocket,
        ca_pem: None,
    };
    let (handle, events) = spawn(options, Arc::<Hand>::clone(&hand), Arc::clone(&cache));
    (hand, cache, handle, events)
}

fn message(key: &str) -> Outgoing {
    Outgoing {
        room: RoomRef::parse("lobby").unwrap(),
        text: "x".to_owned(),
        client_id: ClientId::parse(key).unwrap(),
        reply_to: None,
    }
}

async fn fate(events: &mut mpsc::Receiver<NetEvent>) -> OutboxState {
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match events.recv().await.expect("the line lives") {
                NetEvent::Outbox { state: OutboxState::Queued | OutboxState::Sending, .. } => {}
                NetEvent::Outbox { state, .. } => return state,
                _ => {}
            }
        }
    })
    .await
    .expect("its fate is told")
}

#[tokio::test]
async fn a_message_is_on_disk_before_it_is_on_the_wire_and_until_it_is_stored() {
    let (hand, cache, handle, mut events) = line();
    handle.send(message("k")).unwrap();
    hand.ready(1).await;
    let first = hand.request(1, "message:send").await;
    assert_eq!(cache.outbox().unwrap().len(), 1, "nothing is sent that is not kept");
    // The answer is lost with the connection: the same key goes out again.
    hand.tell(1, LinkEvent::Closed { reason: "cut".to_owned(), end: End::Broken }).await;
    handle.reconnect_now();
    hand.ready(2).await;
    let again = hand.request(2, "message:send").await;
    assert_eq!(first["client_id"], again["client_id"]);
    assert_eq!(cache.outbox().unwrap().len(), 1);
    let at = "2026-01-01T00:00:00.000Z";
    let reply = json!({"ok": true, "req_id": again["req_id"], "seq": 4, "at": at, "duplicate": true});
    hand.packet(2, "reply", reply).await;
    assert!(matches!(fate(&mut events).await, OutboxState::Stored { seq: chat_common::Seq(4), .. }));
    assert!(cache.outbox().unwrap().is_empty());
}

#[tokio::test]
async fn a_goodbye_gives_the_outbox_to_the_next_program() {
    let (hand, cache, handle, _events) = line();
    hand.ready(1).await;
    handle.send(message("k")).unwrap();
    hand.request(1, "message:send").await;
    assert!(!cache.claimable(SystemClock.now()).unwrap());
    handle.shutdown(Duration::from_secs(10)).await;
    assert!(cache.claimable(SystemClock.now()).unwrap());
}

#[tokio::test]
async fn the_line_ends_with_its_receiver() {
    let (hand, _cache, handle, events) = line();
    hand.ready(1).await;
    drop(events);
    tokio::time::timeout(Duration::from_secs(10), handle.commands.closed()).await.expect("it ends");
}
