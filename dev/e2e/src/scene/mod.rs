//! The scene that a cluster is for: nodes behind a balancer, hundreds of clients, messages all the time, and one part
//! after another killed. What was promised is checked over the logs of all clients ([`history`]).
//!
//! [`member`] and [`official`] are the clients, [`link`] and [`timeline`] what they are made of. Here stands the
//! conductor: it sets the stage, gives the orders, breaks things, waits until presence is right again, and reports.

pub mod history;
pub mod link;
pub mod member;
pub mod official;
mod stage;
pub mod timeline;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use history::{Fault, Log, Truth};
use link::Transport;
use member::{Member, Order, Plan};
use official::Officials;
pub use stage::{Broker, Stage};

use crate::Account;

/// Presence is right on all nodes so long after each event.
const PRESENCE: Duration = Duration::from_secs(15);
/// After the last message everybody has everything within this.
const SETTLED: Duration = Duration::from_secs(30);

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// A node by SIGKILL; it is started again once presence is right without it.
    Node(usize),
    /// The bus by SIGKILL, and started again at once.
    Bus,
    /// The database as in a crash, and started again at once.
    Database,
}

/// How large, how long, and what happens.
#[derive(Clone, Debug)]
pub struct Script {
    /// Our own clients, by WebSocket and polling in turn.
    pub clients: usize,
    /// Official `socket.io-client`s besides.
    pub officials: usize,
    /// Rooms; each client is in one of them and in the hall.
    pub rooms: usize,
    /// Messages a second.
    pub rate: u32,
    /// How long messages are sent; the breaks are spread over it.
    pub time: Duration,
    /// In this order.
    pub breaks: Vec<Break>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Broken promises, and whatever a client complained of.
    pub faults: Vec<String>,
    /// Messages that clients were told to send.
    pub ordered: u64,
    /// Messages acknowledged.
    pub acknowledged: usize,
    /// Entries shown by all clients together.
    pub shown: usize,
    /// Connections beyond the first of each client.
    pub reconnects: u64,
    /// From the order to the acknowledgement: half of them, 99 of 100, the longest.
    pub waits: [Duration; 3],
    /// What was broken, and from when on presence was right on all nodes.
    pub healed: Vec<(String, Duration)>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, longest] = self.waits;
        writeln!(
            f,
            "messages: {} ordered, {} acknowledged, shown {} times",
            self.ordered, self.acknowledged, self.shown
        )?;
        writeln!(f, "reconnects: {}", self.reconnects)?;
        writeln!(f, "from order to acknowledgement: p50 {half:.1?}, p99 {most:.1?}, longest {longest:.1?}")?;
        for (what, after) in &self.healed {
            writeln!(f, "presence equal on all nodes from {after:.1?} on after: {what}")?;
        }
        match self.faults.len() {
            0 => write!(f, "every acknowledged message once, in one order everywhere, no hole"),
            n => write!(f, "{n} FAULTS:\n{}", self.faults.join("\n")),
        }
    }
}

/// The room that everybody is in; large enough that presence there is a count.
const HALL: &str = "hall";

struct Scene<'a> {
    stage: &'a mut Stage,
    script: &'a Script,
    members: Vec<Member>,
    officials: Option<Officials>,
    witness: Account,
    /// Who is in which room.
    rooms: BTreeMap<String, BTreeSet<String>>,
    report: Report,
}

/// Plays the script on a stage.
pub async fn play(stage: &mut Stage, script: &Script, test: &str) -> Report {
    let start = Instant::now();
    let mut scene = enter(stage, script, test).await;
    println!("{:.0?}: {} clients are in", start.elapsed(), script.clients + script.officials);
    let (mut sent, began) = (0, Instant::now());
    let pause = script.time / u32::try_from(script.breaks.len() + 1).unwrap_or(1);
    for what in script.breaks.clone() {
        scene.send_until(began, &mut sent, Instant::now() + pause / 2).await;
        scene.break_and_heal(what, began, &mut sent).await;
    }
    scene.send_until(began, &mut sent, began + script.time).await;
    println!("{:.0?}: {sent} messages were ordered", start.elapsed());
    scene.report.ordered = sent;
    scene.settle().await;
    scene.judge().await;
    scene.report
}

/// Accounts, rooms and clients; returns when everybody is in.
async fn enter<'a>(stage: &'a mut Stage, script: &'a Script, test: &str) -> Scene<'a> {
    let api = crate::Api::new(&stage.front());
    let witness = api.register("witness", "correct horse").await;
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for room in (0..script.rooms).map(|n| format!("room-{n}")).chain([HALL.to_owned()]) {
        witness.api.post("/rooms", &serde_json::json!({"room": room})).await.ok();
        rooms.insert(room, BTreeSet::new());
    }
    let mut plans = Vec::new();
    for n in 0..script.clients + script.officials {
        let account = api.guest(&format!("g{n}")).await;
        let own = vec![format!("room-{}", n % script.rooms), HALL.to_owned()];
        for room in &own {
            rooms.entry(room.clone()).or_default().insert(account.name().to_owned());
        }
        let transport = if n % 2 == 0 { Transport::WebSocket } else { Transport::Polling };
        let name = account.name().to_owned();
        plans.push(Plan { name, token: account.token, rooms: own, base: stage.front(), transport });
    }
    let officials = match plans.split_off(script.clients) {
        none if none.is_empty() => None,
        plans => Officials::start(test, &plans).await,
    };
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let members = plans.into_iter().map(|plan| Member::start(http.clone(), plan)).collect();
    let mut scene = Scene { stage, script, members, officials, witness, rooms, report: Report::default() };
    if scene.officials.is_none() {
        // They were left out, which has been noted.
        scene.rooms.values_mut().for_each(|all| all.retain(|name| scene.members.iter().any(|m| m.plan.name == *name)));
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while !scene.all_in().await {
        assert!(Instant::now() < deadline, "not all clients came in: {:?}", scene.complaints().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    scene
}

impl Scene<'_> {
    async fn all_in(&mut self) -> bool {
        let ours = self.members.iter().all(|m| m.state.lock().expect("no panic").is_in(&m.plan.rooms));
        ours && match &mut self.officials {
            Some(officials) => officials.report().await.iter().all(|r| r.joined.len() == 2),
            None => true,
        }
    }

    /// Gives orders at the script's rate until then.
    async fn send_until(&mut self, began: Instant, sent: &mut u64, until: Instant) {
        loop {
            self.send_due(began, sent).await;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Gives the orders that are due by now: to each client in turn, one in fifty to the hall.
    async fn send_due(&mut self, began: Instant, sent: &mut u64) {
        let due = (began.elapsed().as_secs_f64() * f64::from(self.script.rate)) as u64;
        while *sent < due {
            // A prime step, so that neighbours are in different rooms and on different transports.
            let all = self.members.len() + self.officials.as_ref().map_or(0, |o| o.names.len());
            let who = usize::try_from(*sent * 7919).unwrap_or(0) % all;
            let key = format!("m-{sent}");
            let own = |room: String| if (*sent).is_multiple_of(50) { HALL.to_owned() } else { room };
            match self.members.get(who) {
                Some(member) => {
                    let room = own(member.plan.rooms[0].clone());
                    member.send(Order { room, key, at: Instant::now() });
                }
                None => {
                    let room = own(format!("room-{}", who % self.script.rooms));
                    let officials = self.officials.as_mut().expect("there are more than our own");
                    let name = officials.names[who - self.members.len()].clone();
                    officials.send(&name, &room, &key).await;
                }
            }
            *sent += 1;
        }
    }

    async fn break_and_heal(&mut self, what: Break, began: Instant, sent: &mut u64) {
        match what {
            Break::Node(n) => {
                self.stage.cluster.kill9(n);
                self.heal(&format!("node {n} killed"), Some(n), began, sent).await;
                self.stage.cluster.restart(n).await;
                self.heal(&format!("node {n} started again"), None, began, sent).await;
            }
            Break::Bus => {
                self.stage.restart_bus().await;
                self.heal("the bus killed and started again", None, began, sent).await;
            }
            Break::Database => {
                self.stage.restart_database().await;
                self.heal("PostgreSQL crashed and started again", None, began, sent).await;
            }
        }
    }

    /// Goes on sending for [`PRESENCE`], at the end of which presence must be right on all nodes that live, and notes
    /// when it was wrong last: right after a kill it looks right, since nobody has noticed yet.
    async fn heal(&mut self, what: &str, without: Option<usize>, began: Instant, sent: &mut u64) {
        let start = Instant::now();
        let mut right_since = Duration::ZERO;
        loop {
            let last = start.elapsed() >= PRESENCE;
            let wrong = self.wrong_presence(without).await;
            if !wrong.is_empty() {
                right_since = start.elapsed();
            }
            if last {
                if let Some(first) = wrong.first() {
                    let more = wrong.len() - 1;
                    self.report.faults.push(format!("15 s after {what}, presence differs: {first} (and {more} more)"));
                }
                break;
            }
            self.send_until(began, sent, Instant::now() + Duration::from_millis(300)).await;
        }
        println!("{what}: presence was right from {right_since:.1?} on");
        self.report.healed.push((what.to_owned(), right_since));
    }

    /// What is wrong with presence, asked of each node by itself.
    async fn wrong_presence(&self, without: Option<usize>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (n, address) in self.stage.cluster.addresses().iter().enumerate().filter(|(n, _)| Some(*n) != without) {
            for (room, expected) in &self.rooms {
                if let Err(why) = self.presence_is(address, room, expected).await {
                    wrong.push(format!("node {n}, {room}: {why}"));
                }
            }
        }
        wrong
    }

    async fn presence_is(&self, address: &str, room: &str, expected: &BTreeSet<String>) -> Result<(), String> {
        let api = crate::Api::new(&format!("http://{address}")).with_token(&self.witness.token);
        if room == HALL {
            let present = self.ask(&api, &format!("/rooms/{room}")).await?["room"]["present"].clone();
            return if present == expected.len() { Ok(()) } else { Err(format!("{present} of {}", expected.len())) };
        }
        let answer = self.ask(&api, &format!("/presence?room={room}")).await?;
        let names = answer["present"].as_array().into_iter().flatten().filter_map(|p| p["user"]["name"].as_str());
        let present: BTreeSet<String> = names.map(str::to_owned).collect();
        let missing: Vec<_> = expected.difference(&present).take(5).collect();
        let beyond: Vec<_> = present.difference(expected).take(5).collect();
        if missing.is_empty() && beyond.is_empty() {
            return Ok(());
        }
        Err(format!("{} of {}, without {missing:?}, with {beyond:?}", present.len(), expected.len()))
    }

    /// Asks with patience for a node that is busy, but without panic: the store may be away.
    async fn ask(&self, api: &crate::Api, path: &str) -> Result<Value, String> {
        let asking = async {
            let request = api.request(reqwest::Method::GET, &format!("/api/v1{path}"));
            let answer = request.send().await.map_err(|e| e.to_string())?;
            let (status, text) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
            if !status.is_success() {
                return Err(format!("{status} {text}"));
            }
            serde_json::from_str(&text).map_err(|e| e.to_string())
        };
        tokio::time::timeout(Duration::from_secs(5), asking).await.unwrap_or_else(|_| Err("no answer in 5 s".into()))
    }

    /// Waits until all orders are answered and everybody is at the end of every room.
    async fn settle(&mut self) {
        let deadline = Instant::now() + SETTLED;
        loop {
            let unanswered: usize = self.members.iter().map(|m| m.state.lock().expect("no panic").unanswered()).sum();
            let mut open = unanswered as u64;
            if let Some(officials) = &mut self.officials {
                open += officials.report().await.iter().map(|r| r.unanswered).sum::<u64>();
            }
            if open == 0 && self.all_at_the_end().await {
                return;
            }
            if Instant::now() > deadline {
                if open > 0 {
                    self.report.faults.push(format!("{open} messages were not acknowledged {SETTLED:?} after the end"));
                }
                // Who is behind is the checker's to say.
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn all_at_the_end(&mut self) -> bool {
        let truth = self.truth_heads().await;
        let behind = |m: &Member| {
            let state = m.state.lock().expect("no panic");
            m.plan.rooms.iter().any(|room| truth.get(room).is_none_or(|head| state.at(room) < *head))
        };
        if self.members.iter().any(behind) {
            return false;
        }
        let Some(officials) = &mut self.officials else { return true };
        let reports = officials.report().await;
        let at = |list: &Vec<history::Shown>| list.last().map_or(0, |s| s.seq);
        reports.iter().all(|r| r.log.rooms.iter().all(|(room, list)| truth.get(room) == Some(&at(list))))
    }

    async fn truth_heads(&self) -> BTreeMap<String, u64> {
        let mut heads = BTreeMap::new();
        for room in self.rooms.keys() {
            if let Ok(summary) = self.ask(&self.witness.api, &format!("/rooms/{room}")).await {
                heads.insert(room.clone(), summary["room"]["head"].as_u64().unwrap_or(0));
            }
        }
        heads
    }

    async fn complaints(&mut self) -> Vec<String> {
        let mut all: Vec<String> =
            self.members.iter().flat_map(|m| m.state.lock().expect("no panic").complaints.clone()).collect();
        if let Some(officials) = &mut self.officials {
            for report in officials.report().await {
                all.extend(report.complaints.iter().map(|c| format!("{} (official): {c}", report.log.name)));
            }
        }
        all
    }

    /// Reads the store's own logs and compares.
    async fn judge(&mut self) {
        let mut truth = Truth::new();
        for room in self.rooms.keys() {
            let entry = |m: &Value| history::Shown {
                seq: m["seq"].as_u64().unwrap_or(0),
                key: m["client_id"].as_str().unwrap_or_default().to_owned(),
            };
            truth.insert(room.clone(), self.witness.api.history(room).await.iter().map(entry).collect());
        }
        let mut logs: Vec<Log> = Vec::new();
        let mut waits = Vec::new();
        for member in &self.members {
            let state = member.state.lock().expect("no panic");
            logs.push(state.log(&member.plan.name));
            waits.extend(&state.waits);
            self.report.reconnects += u64::from(state.connects.saturating_sub(1));
        }
        if let Some(officials) = &mut self.officials {
            for report in officials.report().await {
                self.report.reconnects += report.connects.saturating_sub(1);
                logs.push(report.log);
            }
        }
        let complaints = self.complaints().await;
        self.report.acknowledged = logs.iter().map(|l| l.acks.len()).sum();
        if self.report.acknowledged as u64 != self.report.ordered {
            let Report { ordered, acknowledged, .. } = &self.report;
            self.report.faults.push(format!("{acknowledged} of {ordered} messages were acknowledged"));
        }
        self.report.shown = logs.iter().flat_map(|l| l.rooms.values()).map(Vec::len).sum();
        waits.sort();
        let rank = |of: usize| waits.get((waits.len() * of / 100).min(waits.len().saturating_sub(1))).copied();
        self.report.waits = [50, 99, 100].map(|of| rank(of).unwrap_or_default());
        let faults: Vec<Fault> = history::check(&truth, &self.rooms, &logs);
        self.report.faults.extend(faults.iter().map(|f| format!("{f:?}")));
        self.report.faults.extend(complaints);
    }
}
