//! The conductor: lets the clients in, gives the orders, follows the plan, waits after each fault until presence is
//! right again, and in the end until all is answered and everybody has everything; then the logs are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use chat_e2e::foreign::Language;
use chat_e2e::link::Transport;
use chat_e2e::{Account, Api};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::event::Event;
use crate::member::{Member, Plan};
use crate::official::Officials;
use crate::outsider::{MARK, Outsider};
use crate::recorder::Recorder;
use crate::schedule::Step;
use crate::stage::Stage;
use crate::summary::Summary;

/// Presence is right on all nodes so long after the end of a fault. Far more than is promised: the machine may be busy,
/// and clients notice a silent line only after 16 s. The report tells how long it took.
const HEALED: Duration = Duration::from_secs(60);
/// It must have been right for so long without a break.
const STEADY: Duration = Duration::from_secs(2);
/// After the last message everybody has everything within this.
const SETTLED: Duration = Duration::from_secs(60);
/// Everybody is in within this.
const ENTERED: Duration = Duration::from_secs(120);

/// The room that everybody is in; large enough that presence there is a count.
const HALL: &str = "hall";
/// The room that only those see who are in it.
const PRIVATE: &str = "vault";

/// Who plays, and how fast.
#[derive(Clone, Debug)]
pub struct Script {
    /// What made the plan.
    pub seed: u64,
    /// Our own clients, by WebSocket and polling in turn.
    pub ours: usize,
    /// Official `socket.io-client`s besides.
    pub node: usize,
    /// Official `python-socketio` clients besides.
    pub python: usize,
    /// Rooms; each client is in one of them and in the hall, every fourth in the private one too.
    pub rooms: usize,
    /// Messages a second.
    pub rate: u32,
    /// What is broken.
    pub plan: Vec<Step>,
}

/// What sends for one client.
enum Hand {
    Ours(Member),
    Node,
    Python,
}

struct Client {
    name: String,
    rooms: Vec<String>,
    hand: Hand,
}

struct Scene<'a> {
    stage: &'a mut Stage,
    script: &'a Script,
    recorder: Recorder,
    clients: Vec<Client>,
    node: Option<Officials>,
    python: Option<Officials>,
    _outsider: Outsider,
    witness: Account,
    /// Each node by itself, asked as the witness.
    nodes: Vec<Api>,
    /// Who is in which room.
    rooms: BTreeMap<String, BTreeSet<String>>,
    began: Instant,
    sent: u64,
}

/// Plays the script on a stage and writes the history to `path`.
pub async fn play(stage: &mut Stage, script: &Script, path: &Path, test: &str) -> Summary {
    let recorder = Recorder::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let about = format!(
        "{}, {} clients of ours, {} of socket.io-client, {} of python-socketio, {} messages/s",
        stage.about(),
        script.ours,
        script.node,
        script.python,
        script.rate
    );
    recorder.note(Event::Run { seed: script.seed, about });
    let start = Instant::now();
    let mut scene = enter(stage, script, recorder.clone(), test).await;
    println!("{:.0?}: {} clients are in", start.elapsed(), scene.clients.len());
    for (n, step) in script.plan.iter().enumerate() {
        scene.send_until(Instant::now() + step.calm).await;
        println!("{:.0?}: {}/{} {} for {:.1?}", start.elapsed(), n + 1, script.plan.len(), step.fault, step.lasts);
        scene.break_and_heal(step).await;
    }
    scene.settle().await;
    println!("{:.0?}: all is over, the logs are read", start.elapsed());
    scene.read_logs().await;
    recorder.note(Event::End {});
    Summary::of(&recorder.lines())
}

/// Accounts, rooms and clients; returns when everybody is in.
async fn enter<'a>(stage: &'a mut Stage, script: &'a Script, recorder: Recorder, test: &str) -> Scene<'a> {
    let api = Api::new(&stage.front());
    let witness = api.register("witness", "correct horse").await;
    let public = (0..script.rooms).map(|n| format!("room-{n}")).chain([HALL.to_owned()]);
    for room in public {
        witness.api.post("/rooms", &json!({"room": room})).await.ok();
    }
    witness.api.post("/rooms", &json!({"room": PRIVATE, "kind": "private"})).await.ok();
    let mut plans = Vec::new();
    for n in 0..script.ours + script.node + script.python {
        let account = api.guest(&format!("g{n}")).await;
        let mut rooms = vec![format!("room-{}", n % script.rooms), HALL.to_owned()];
        if n % 4 == 0 {
            let path = format!("/rooms/{PRIVATE}/members/{}", account.name());
            let invited = witness.api.put(&path, &json!({})).await;
            assert!(invited.status.is_success(), "{path}: {}", invited.text);
            rooms.push(PRIVATE.to_owned());
        }
        let transport = if n % 2 == 0 { Transport::WebSocket } else { Transport::Polling };
        let name = account.name().to_owned();
        let by = match n {
            n if n < script.ours => format!("ours by {transport:?}"),
            n if n < script.ours + script.node => "socket.io-client".to_owned(),
            _ => "python-socketio".to_owned(),
        };
        recorder.note(Event::Client { client: name.clone(), by });
        plans.push(Plan { name, token: account.token, rooms, base: stage.lane(n), transport });
    }
    let python_plans = plans.split_off(script.ours + script.node);
    let node_plans = plans.split_off(script.ours);
    let node = official(Language::Node, test, &node_plans, &recorder).await;
    let python = official(Language::Python, test, &python_plans, &recorder).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let mut clients = Vec::new();
    let client = |plan: &Plan, hand| Client { name: plan.name.clone(), rooms: plan.rooms.clone(), hand };
    for plan in plans {
        clients.push(client(&plan, Hand::Ours(Member::start(http.clone(), plan.clone(), recorder.clone()))));
    }
    // Those that are not installed were left out, which has been noted.
    clients.extend(node.iter().flat_map(|_| &node_plans).map(|plan| client(plan, Hand::Node)));
    clients.extend(python.iter().flat_map(|_| &python_plans).map(|plan| client(plan, Hand::Python)));
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for client in &clients {
        for room in &client.rooms {
            rooms.entry(room.clone()).or_default().insert(client.name.clone());
            let (room, client) = (room.clone(), client.name.clone());
            recorder.note(Event::Member { private: room == PRIVATE, room, client });
        }
    }
    let eve = api.register("eve", "correct horse").await;
    let _outsider = Outsider::start(eve, &stage.lane(0), PRIVATE, recorder.clone());
    let began = Instant::now();
    let nodes = stage.addresses().iter().map(|a| Api::new(&format!("http://{a}")).with_token(&witness.token)).collect();
    let scene =
        Scene { stage, script, recorder, clients, node, python, _outsider, witness, nodes, rooms, began, sent: 0 };
    let everybody_in =
        || scene.recorder.with(|p| scene.clients.iter().all(|c| c.rooms.iter().all(|room| p.is_in(&c.name, room))));
    while !everybody_in() {
        let complaints = scene.recorder.with(|p| p.complaints.clone());
        assert!(began.elapsed() < ENTERED, "not all clients came in: {complaints:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Scene { began: Instant::now(), ..scene }
}

async fn official(language: Language, test: &str, plans: &[Plan], recorder: &Recorder) -> Option<Officials> {
    if plans.is_empty() {
        return None;
    }
    Officials::start(language, test, plans, recorder).await
}

impl Scene<'_> {
    /// Gives orders at the script's rate until then.
    async fn send_until(&mut self, until: Instant) {
        loop {
            self.send_due().await;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Gives the orders that are due by now: to each client in turn, one in fifty to the hall, one in seven of those
    /// who may to the private room.
    async fn send_due(&mut self) {
        let due = (self.began.elapsed().as_secs_f64() * f64::from(self.script.rate)) as u64;
        while self.sent < due {
            let n = self.sent;
            self.sent += 1;
            // A prime step, so that neighbours are in different rooms and on different transports.
            let client = &self.clients[usize::try_from(n * 7_919).unwrap_or(0) % self.clients.len()];
            let (room, key) = match n {
                n if n.is_multiple_of(50) => (HALL, format!("m-{n}")),
                n if n.is_multiple_of(7) && client.rooms.len() > 2 => (PRIVATE, format!("{MARK}{n}")),
                n => (client.rooms[0].as_str(), format!("m-{n}")),
            };
            let name = client.name.clone();
            self.recorder.note(Event::Send { client: name.clone(), room: room.to_owned(), key: key.clone() });
            match (&client.hand, &mut self.node, &mut self.python) {
                (Hand::Ours(member), ..) => member.send(room, &key),
                (Hand::Node, Some(officials), _) | (Hand::Python, _, Some(officials)) => {
                    officials.send(&name, room, &key).await;
                }
                _ => {}
            }
        }
    }

    async fn break_and_heal(&mut self, step: &Step) {
        let what = step.fault.to_string();
        self.recorder.note(Event::Fault { fault: step.fault.kind().to_owned(), what: what.clone() });
        let ongoing = self.stage.begin(step.fault).await;
        self.send_until(Instant::now() + step.lasts).await;
        self.stage.end(step.fault, ongoing).await;
        self.heal(what, step.fault.watch()).await;
    }

    /// Goes on sending until presence has been right on all nodes for a while, and for at least `watch`: right after a
    /// kill it looks right, since nobody has noticed yet.
    async fn heal(&mut self, what: String, watch: Duration) {
        let start = Instant::now();
        let (mut right_since, mut last) = (Duration::ZERO, None);
        loop {
            let wrong = self.wrong_presence().await;
            let now = start.elapsed();
            match wrong.first() {
                Some(why) => {
                    right_since = now;
                    let why = format!("{why} (and {} more)", wrong.len() - 1);
                    last = Some(why.clone());
                    if now > HEALED {
                        println!("{what}: NOT HEALED: {why}");
                        return self.recorder.note(Event::NotHealed { what, why });
                    }
                }
                None if now >= watch && now >= right_since + STEADY => break,
                None => {}
            }
            self.send_until(Instant::now() + Duration::from_millis(300)).await;
        }
        let after_us = u64::try_from(right_since.as_micros()).unwrap_or(u64::MAX);
        self.recorder.note(Event::Healed { what, after_us, last });
    }

    /// What is wrong with presence, asked of each node by itself, all at once: orders must not wait for a node that
    /// does not answer.
    async fn wrong_presence(&self) -> Vec<String> {
        let every = self.nodes.iter().enumerate().flat_map(|(n, api)| self.rooms.iter().map(move |r| (n, api, r)));
        let asked = every.map(async |(n, api, (room, expected))| {
            let why = match presence(api, room).await {
                Err(why) => why,
                Ok((count, names)) => {
                    let names: Option<BTreeSet<String>> = names.map(|n| n.into_iter().collect());
                    if count == expected.len() as u64 && names.as_ref().is_none_or(|names| names == expected) {
                        return None;
                    }
                    let missing: Vec<_> = names.map_or_else(Vec::new, |n| expected.difference(&n).cloned().collect());
                    format!("{count} of {}, without {missing:?}", expected.len())
                }
            };
            Some(format!("node {n}, {room}: {why}"))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Waits until all orders are answered and everybody is at the end of every room.
    async fn settle(&mut self) {
        let start = Instant::now();
        // Who is behind, or without an answer, is the checker's to say.
        while start.elapsed() < SETTLED && !self.settled().await {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn settled(&self) -> bool {
        if self.recorder.with(|p| p.unanswered()) > 0 {
            return false;
        }
        let mut heads = BTreeMap::new();
        for room in self.rooms.keys() {
            let Ok(summary) = ask(&self.witness.api, &format!("/rooms/{room}")).await else { return false };
            heads.insert(room, summary["room"]["head"].as_u64().unwrap_or(u64::MAX));
        }
        self.recorder.with(|p| {
            let at_the_end = |room: &String, client: &String| p.at(client, room) >= heads[room];
            self.rooms.iter().all(|(room, all)| all.iter().all(|client| at_the_end(room, client)))
        })
    }

    /// Writes down what the store holds, whom each node counts as present, and whether a node panicked.
    async fn read_logs(&mut self) {
        for room in self.rooms.keys() {
            for message in self.witness.api.history(room).await {
                let seq = message["seq"].as_u64().unwrap_or(0);
                let key = message["client_id"].as_str().unwrap_or_default().to_owned();
                self.recorder.note(Event::Stored { room: room.clone(), seq, key });
            }
        }
        for (node, api) in self.nodes.iter().enumerate() {
            for room in self.rooms.keys() {
                let (count, names) = presence(api, room).await.unwrap_or_else(|e| panic!("presence: {e}"));
                self.recorder.note(Event::Present { node, room: room.clone(), count, names });
            }
        }
        for what in self.stage.panics() {
            self.recorder.note(Event::Complaint { client: "a node".to_owned(), what });
        }
    }
}

/// How many a node counts as present in a room, and whom; in the hall it names nobody.
async fn presence(api: &Api, room: &str) -> Result<(u64, Option<Vec<String>>), String> {
    if room == HALL {
        let summary = ask(api, &format!("/rooms/{room}")).await?;
        return Ok((summary["room"]["present"].as_u64().unwrap_or(0), None));
    }
    let answer = ask(api, &format!("/presence?room={room}")).await?;
    let present = answer["present"].as_array().into_iter().flatten();
    let names: Vec<String> = present.filter_map(|p| Some(p["user"]["name"].as_str()?.to_owned())).collect();
    Ok((names.len() as u64, Some(names)))
}

/// Asks with patience for a node that is busy, but without panic: the store may be away.
async fn ask(api: &Api, path: &str) -> Result<Value, String> {
    let asking = async {
        let request = api.request(Method::GET, &format!("/api/v1{path}"));
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
        if !status.is_success() {
            return Err(format!("{status} {text}"));
        }
        serde_json::from_str(&text).map_err(|e| e.to_string())
    };
    tokio::time::timeout(Duration::from_secs(5), asking).await.unwrap_or_else(|_| Err("no answer in 5 s".into()))
}
