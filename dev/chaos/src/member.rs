//! A client that follows the protocol and writes down what it showed: it joins its rooms, sends what it is told to,
//! repairs gaps by `room:sync`, and after any loss of the line comes back with `session:resume` and sends again, with
//! the same `client_id`, what was not acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chat_e2e::link::{Link, Transport};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::event::Event;
use crate::recorder::Recorder;
use crate::timeline::Timeline;

/// A request is answered within 8 s; a line that is silent for longer is given up.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(250);
/// Waits between tries to connect: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Who it is and where it lives.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As the server knows it.
    pub name: String,
    /// An access token.
    pub token: String,
    /// Its rooms.
    pub rooms: Vec<String>,
    /// What it connects to, `http://…`.
    pub base: String,
    /// How it connects.
    pub transport: Transport,
}

/// A message to send: where, and the `client_id`, which is the text too.
type Order = (String, String);

#[derive(Debug, Default)]
struct State {
    timelines: BTreeMap<String, Timeline>,
    joined: BTreeSet<String>,
    /// Told to be sent and not acknowledged yet.
    pending: VecDeque<Order>,
    connects: u32,
}

impl State {
    /// The last number without a gap before it, in a room.
    fn at(&self, room: &str) -> u64 {
        self.timelines.get(room).map_or(0, Timeline::last)
    }
}

/// A running client. Dropped: gone.
#[derive(Debug)]
pub struct Member {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Member {
    /// Starts it; it connects by itself.
    pub fn start(http: reqwest::Client, plan: Plan, recorder: Recorder) -> Self {
        let (state, news) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        let run = Run { http, plan, recorder, state: state.clone(), news: news.clone(), epoch: None };
        Self { state, news, task: tokio::spawn(run.forever()) }
    }

    /// Tells it to send a message, now or when it is connected again.
    pub fn send(&self, room: &str, key: &str) {
        self.state.lock().expect("no member panics").pending.push_back((room.to_owned(), key.to_owned()));
        self.news.notify_one();
    }
}

/// What was asked on this connection.
enum Asked {
    Join(String),
    Resume,
    Sync(String),
    Send(String),
}

struct Run {
    http: reqwest::Client,
    plan: Plan,
    recorder: Recorder,
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    epoch: Option<String>,
}

/// One connection.
struct Session {
    link: Link,
    asked: HashMap<u64, (Asked, Instant)>,
    next_id: u64,
    /// Rooms whose gap is being fetched.
    syncing: BTreeSet<String>,
    /// Keys sent on this connection.
    sent: HashSet<String>,
    /// Keys to be sent again, not before a time.
    again: Vec<(Instant, String)>,
}

impl Run {
    async fn forever(mut self) {
        let mut wait = BACKOFF.0;
        loop {
            let connects = self.with(|s| s.connects);
            self.session().await;
            wait = if self.with(|s| s.connects) > connects { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
            // Spread by the name, so that 300 do not come in the same moment.
            let spread = self.plan.name.bytes().fold(0u64, |a, b| a.wrapping_mul(31).wrapping_add(b.into())) % 100;
            tokio::time::sleep(wait + wait.mul_f64(f64::from(u32::try_from(spread).unwrap_or(0)) / 100.0)).await;
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("no member panics"))
    }

    fn complain(&self, what: &str) {
        let what = format!("by {:?}: {what}", self.plan.transport);
        self.recorder.note(Event::Complaint { client: self.plan.name.clone(), what });
    }

    /// One connection, from its beginning to its end.
    async fn session(&mut self) {
        let Ok(link) = Link::open(&self.http, &self.plan.base, &self.plan.name, self.plan.transport).await else {
            return;
        };
        let mut session = Session {
            link,
            asked: HashMap::new(),
            next_id: 0,
            syncing: BTreeSet::new(),
            sent: HashSet::new(),
            again: Vec::new(),
        };
        if !session.link.send(format!("0/chat,{}", json!({"token": self.plan.token}))).await {
            return;
        }
        let ready = loop {
            match tokio::time::timeout(ANSWER, session.link.next()).await {
                Ok(Some(packet)) => match packet.strip_prefix("2/chat,").and_then(event) {
                    Some((name, data)) if name == "ready" => break data,
                    _ if packet.starts_with("4/chat,") => return self.complain(&format!("refused: {packet}")),
                    _ => {}
                },
                _ => return,
            }
        };
        self.with(|s| s.connects += 1);
        self.recorder.note(Event::Connected { client: self.plan.name.clone() });
        let epoch = ready["epoch"].as_str().unwrap_or_default().to_owned();
        if self.epoch.as_ref().is_some_and(|e| *e != epoch) {
            self.complain(&format!("the epoch became {epoch}"));
        }
        self.epoch = Some(epoch);
        if self.enter(&mut session).await.is_some() {
            while self.turn(&mut session).await.is_some() {}
        }
    }

    /// Back into the rooms that were joined, into the others for the first time, and what was not acknowledged again.
    async fn enter(&mut self, session: &mut Session) -> Option<()> {
        let epoch = self.epoch.clone();
        let at: BTreeMap<String, u64> = self.with(|s| s.joined.iter().map(|room| (room.clone(), s.at(room))).collect());
        if !at.is_empty() {
            session.ask("session:resume", &json!({"epoch": epoch, "rooms": at}), Asked::Resume).await?;
        }
        for room in self.plan.rooms.clone().into_iter().filter(|r| !at.contains_key(r)) {
            let payload = json!({"room": room, "after": 0, "epoch": epoch});
            session.ask("room:join", &payload, Asked::Join(room)).await?;
        }
        self.flush(session).await
    }

    /// Sends what waits and was not sent on this connection yet.
    async fn flush(&mut self, session: &mut Session) -> Option<()> {
        let waiting = |s: &mut State| s.pending.iter().filter(|o| !session.sent.contains(&o.1)).cloned().collect();
        let orders: Vec<Order> = self.with(waiting);
        for (room, key) in orders {
            let payload = json!({"room": room, "text": key, "client_id": key});
            session.sent.insert(key.clone());
            session.ask("message:send", &payload, Asked::Send(key)).await?;
        }
        Some(())
    }

    /// Waits for the next thing and does it; `None`: the connection is over.
    async fn turn(&mut self, session: &mut Session) -> Option<()> {
        tokio::select! {
            packet = session.link.next() => self.packet(session, &packet?).await,
            () = self.news.notified() => self.flush(session).await,
            () = tokio::time::sleep(TICK) => {
                if session.asked.values().any(|(_, since)| since.elapsed() > ANSWER) {
                    return None;
                }
                let now = Instant::now();
                for (_, key) in session.again.extract_if(.., |(at, _)| *at <= now) {
                    session.sent.remove(&key);
                }
                self.flush(session).await
            }
        }
    }

    async fn packet(&mut self, session: &mut Session, packet: &str) -> Option<()> {
        if let Some((name, data)) = packet.strip_prefix("2/chat,").and_then(event) {
            return self.told(session, &name, &data).await;
        }
        if let Some(rest) = packet.strip_prefix("3/chat,") {
            let from = rest.find('[')?;
            let (id, reply): (u64, Vec<Value>) =
                (rest[..from].parse().ok()?, serde_json::from_str(&rest[from..]).ok()?);
            let (asked, _) = session.asked.remove(&id)?;
            return self.answered(session, asked, reply.first().unwrap_or(&Value::Null)).await;
        }
        if packet.starts_with("1/chat") {
            self.complain("told to stay away (DISCONNECT)");
            return None;
        }
        Some(())
    }

    async fn told(&mut self, session: &mut Session, name: &str, data: &Value) -> Option<()> {
        let room = data["room"].as_str()?.to_owned();
        match (name, data["seq"].as_u64(), data["head"].as_u64()) {
            ("message:created", Some(seq), _) => {
                let key = data["client_id"].as_str().unwrap_or_default();
                self.offer(&room, seq, key);
            }
            ("room:head", _, Some(head)) => self.with(|s| s.timelines.entry(room.clone()).or_default().saw_head(head)),
            _ => return Some(()),
        }
        self.repair(session, room).await
    }

    /// Takes an entry, and writes down what could be shown by it.
    fn offer(&self, room: &str, seq: u64, key: &str) {
        for (seq, key) in self.with(|s| s.timelines.entry(room.to_owned()).or_default().offer(seq, key)) {
            let (client, room) = (self.plan.name.clone(), room.to_owned());
            self.recorder.note(Event::Shown { client, room, seq, key });
        }
    }

    /// Fetches what is missing, once at a time. Before the answer to the join everything is held.
    async fn repair(&mut self, session: &mut Session, room: String) -> Option<()> {
        let gap = self.with(|s| s.joined.contains(&room) && s.timelines.get(&room).is_some_and(Timeline::has_gap));
        let entering = session.asked.values().any(|(asked, _)| matches!(asked, Asked::Resume));
        if !gap || entering || !session.syncing.insert(room.clone()) {
            return Some(());
        }
        let payload = json!({"room": room, "after": self.with(|s| s.at(&room)), "epoch": self.epoch, "full": true});
        session.ask("room:sync", &payload, Asked::Sync(room)).await
    }

    async fn answered(&mut self, session: &mut Session, asked: Asked, reply: &Value) -> Option<()> {
        let ok = reply["ok"] == json!(true);
        let code = reply["error"]["code"].as_str().unwrap_or_default().to_owned();
        // What is away for the moment is asked for again; whoever enters does that by a new connection.
        let transient = matches!(code.as_str(), "unavailable" | "rate_limited");
        if !ok && !transient {
            self.complain(&format!("refused: {reply}"));
        }
        match asked {
            Asked::Send(key) => {
                if !ok {
                    let wait = reply["error"]["retry_after_ms"].as_u64().unwrap_or(300);
                    session.again.push((Instant::now() + Duration::from_millis(wait), key));
                    return Some(());
                }
                let seq = reply["seq"].as_u64()?;
                let order = self.with(|s| {
                    let at = s.pending.iter().position(|o| o.1 == key)?;
                    s.pending.remove(at)
                });
                if let Some((room, key)) = order {
                    self.recorder.note(Event::Ack { client: self.plan.name.clone(), room, key, seq });
                }
                Some(())
            }
            Asked::Join(room) if ok => {
                self.with(|s| s.joined.insert(room.clone()));
                self.recorder.note(Event::Joined { client: self.plan.name.clone(), room: room.clone() });
                self.synced(session, room, &reply["sync"]).await
            }
            Asked::Sync(room) => {
                session.syncing.remove(&room);
                if ok { self.synced(session, room, reply).await } else { Some(()) }
            }
            Asked::Resume if ok => self.resumed(session, reply).await,
            Asked::Join(_) | Asked::Resume => None,
        }
    }

    async fn resumed(&mut self, session: &mut Session, reply: &Value) -> Option<()> {
        if reply["gone"].as_array().is_some_and(|gone| !gone.is_empty()) {
            self.complain(&format!("thrown out of {}", reply["gone"]));
        }
        for (room, sync) in reply["rooms"].as_object()? {
            self.synced(session, room.clone(), sync).await?;
        }
        if let Some(next) = reply["next"].as_str() {
            let at =
                |s: &mut State| s.joined.iter().filter(|r| r.as_str() >= next).map(|r| (r.clone(), s.at(r))).collect();
            let rest: BTreeMap<String, u64> = self.with(at);
            session.ask("session:resume", &json!({"epoch": self.epoch, "rooms": rest}), Asked::Resume).await?;
        }
        Some(())
    }

    async fn synced(&mut self, session: &mut Session, room: String, sync: &Value) -> Option<()> {
        if sync["reset"] == json!(true) {
            self.complain(&format!("a reset of {room}: head {} after {}", sync["head"], self.with(|s| s.at(&room))));
            return Some(());
        }
        for entry in sync["entries"].as_array().into_iter().flatten() {
            let (seq, key) = (entry["seq"].as_u64().unwrap_or(0), entry["client_id"].as_str().unwrap_or_default());
            self.offer(&room, seq, key);
        }
        let head = sync["head"].as_u64().unwrap_or(0);
        self.with(|s| s.timelines.entry(room.clone()).or_default().saw_head(head));
        self.repair(session, room).await
    }
}

impl Session {
    async fn ask(&mut self, event: &str, payload: &Value, asked: Asked) -> Option<()> {
        self.next_id += 1;
        let id = self.next_id;
        self.asked.insert(id, (asked, Instant::now()));
        self.link.send(format!("2/chat,{id}{}", json!([event, payload]))).await.then_some(())
    }
}

/// The name and the one payload of an EVENT.
fn event(packet: &str) -> Option<(String, Value)> {
    let mut args: Vec<Value> = serde_json::from_str(&packet[packet.find('[')?..]).ok()?;
    let data = args.pop()?;
    Some((args.first()?.as_str()?.to_owned(), data))
}
