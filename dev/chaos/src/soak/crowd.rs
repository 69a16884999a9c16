//! The load on sockets: those who stay and talk, those who come and go, those who do not read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_e2e::link::Transport;
use chat_e2e::{Account, Api, Server};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::line::Line;
use super::web::ask;
use super::work::{Kind, Work};
use crate::schedule::Dice;

/// Rooms beside the hall, where everybody is.
pub const ROOMS: usize = 12;
/// The room that everybody is in.
pub const HALL: &str = "hall";
/// Accounts that visitors come with, in turn with guests that were not there before.
const REGULARS: usize = 40;
/// Connections that fill the rooms beforehand: their sends are committed together.
const FILLERS: usize = 64;
/// A talker does something on average this often.
const PAUSE: Duration = Duration::from_secs(8);
/// One who does not read is cut within this; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is talked about: few words, so that searches find much.
pub const WORDS: [&str; 8] = ["build", "deploy", "green", "red", "điện", "テスト", "release", "https://example.org/x"];

/// Where it happens; clones are the same place.
#[derive(Clone)]
pub struct Place {
    /// `http://…`
    pub base: String,
    /// Counts.
    pub work: Arc<Work>,
    /// Owner of all rooms.
    pub host: Account,
    /// REST without a token; one for all, since a client reads the machine's certificates when it is made.
    pub(super) door: Api,
    pub(super) http: reqwest::Client,
    regulars: Arc<Vec<Account>>,
}

impl Place {
    /// Accounts and rooms.
    pub async fn furnish(server: &Server, work: &Arc<Work>) -> Self {
        let door = server.api();
        let host = door.register("host", "a battery and a staple").await;
        for room in (0..ROOMS).map(room).chain([HALL.to_owned()]) {
            host.api.post("/rooms", &json!({"room": room})).await.ok();
        }
        let mut regulars = Vec::new();
        for n in 0..REGULARS {
            regulars.push(door.guest(&format!("regular{n}")).await);
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { base: server.url(), work: Arc::clone(work), host, door, http, regulars: Arc::new(regulars) }
    }

    async fn open(&self, account: &Account, by: Transport) -> Result<Line, String> {
        let line = Line::open(&self.http, &self.base, &account.token, by).await;
        self.work.note(Kind::Connects, line)
    }

    /// A guest that was not there before.
    async fn guest(&self, name: &str) -> Result<Account, String> {
        let request = self.door.request(Method::POST, "/api/v1/auth/guest").json(&json!({"name": name}));
        let session = self.work.note(Kind::Guests, ask(request).await)?;
        let text = |field: &str| session[field].as_str().unwrap_or_default().to_owned();
        let (token, refresh) = (text("access_token"), text("refresh_token"));
        Ok(Account { api: self.door.with_token(&token), token, refresh, user: session["user"].clone() })
    }
}

/// The name of a room.
pub fn room(n: usize) -> String {
    format!("room-{n}")
}

/// A text of a few words.
pub fn text(dice: &mut Dice) -> String {
    let words: Vec<&str> = (0..dice.between(2, 30)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
    words.join(" ")
}

/// Two of three by WebSocket.
fn transport(n: usize) -> Transport {
    if n % 3 == 2 { Transport::Polling } else { Transport::WebSocket }
}

/// Sends so many messages as fast as they are acknowledged, into all rooms.
pub async fn fill(place: &Place, messages: usize) {
    let each = messages.div_ceil(FILLERS);
    let fillers = (0..FILLERS).map(async |n| {
        let (account, own) = (&place.regulars[n % place.regulars.len()], room(n % ROOMS));
        let mut dice = Dice::new(n as u64 + 1);
        let mut line = place.open(account, Transport::WebSocket).await?;
        line.ask("room:join", json!({"room": own})).await?;
        for _ in 0..each {
            let payload = json!({"room": own, "text": text(&mut dice), "client_id": key(&mut dice)});
            line.ask("message:send", payload).await?;
        }
        Ok::<_, String>(())
    });
    for filled in join_all(fillers).await {
        filled.unwrap_or_else(|e| panic!("the rooms cannot be filled: {e}"));
    }
}

/// Stays and talks, and comes back whenever the line is lost.
pub async fn talk(place: Place, n: usize, mut dice: Dice) {
    // Spread over the first half minute.
    tokio::time::sleep(Duration::from_millis(dice.between(0, 30_000))).await;
    let account = loop {
        match place.guest(&format!("talker{n}")).await {
            Ok(account) => break account,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    };
    loop {
        if let Ok(line) = place.open(&account, transport(n)).await
            && let Err(why) = stay(&place, line, n, &mut dice).await
        {
            place.work.failed(Kind::Touches, &why);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn stay(place: &Place, mut line: Line, n: usize, dice: &mut Dice) -> Result<(), String> {
    let own = room(n % ROOMS);
    for room in [&own, HALL] {
        line.ask("room:join", json!({"room": room})).await?;
    }
    let mut last = 0;
    loop {
        line.listen(Duration::from_millis(dice.between(0, 2 * PAUSE.as_millis() as u64))).await?;
        let to = if dice.below(50) == 0 { HALL } else { &own };
        let payload = json!({"room": to, "text": text(dice), "client_id": key(dice)});
        let sent = line.ask("message:send", payload).await;
        let reply = place.work.note(Kind::Sends, sent)?;
        if to == own {
            last = reply["seq"].as_u64().unwrap_or(0);
        }
        let (kind, event, payload) = something(dice, &own, last);
        let done = line.ask(event, payload).await;
        place.work.note(kind, done)?;
    }
}

/// What somebody does beside sending.
fn something(dice: &mut Dice, room: &str, seq: u64) -> (Kind, &'static str, Value) {
    match dice.below(8) {
        0 if seq > 0 => (Kind::Touches, "message:edit", json!({"room": room, "seq": seq, "text": text(dice)})),
        1 if seq > 0 => (Kind::Touches, "reaction:set", json!({"room": room, "seq": seq, "emoji": "👍", "on": true})),
        2 if seq > 0 => (Kind::Touches, "read:mark", json!({"room": room, "seq": seq})),
        3 => (Kind::Touches, "typing", json!({"room": room, "on": true})),
        4 => (Kind::Lists, "presence:get", json!({"room": room})),
        5 => (Kind::Searches, "search", json!({"query": WORDS[dice.below(WORDS.len())], "room": room})),
        6 => (Kind::Lists, "member:list", json!({"room": room})),
        _ => (Kind::Pages, "history:get", json!({"room": room, "limit": 50})),
    }
}

fn key(dice: &mut Dice) -> String {
    format!("{:016x}{:016x}", dice.any(), dice.any())
}

/// Comes, says something, looks around and goes, again and again, each time as somebody else.
pub async fn visit(place: Place, n: usize, mut dice: Dice) {
    for round in 0usize.. {
        tokio::time::sleep(Duration::from_millis(dice.between(100, 1_500))).await;
        let account = if round % 2 == 0 {
            place.regulars[dice.below(place.regulars.len())].clone()
        } else {
            match place.guest(&format!("v{n}x{round}")).await {
                Ok(guest) => guest,
                Err(_) => continue,
            }
        };
        if let Ok(line) = place.open(&account, transport(n + round)).await
            && let Err(why) = look_around(&place, line, round, &mut dice).await
        {
            place.work.failed(Kind::Drops, &why);
        }
    }
}

async fn look_around(place: &Place, mut line: Line, round: usize, dice: &mut Dice) -> Result<(), String> {
    let room = room(dice.below(ROOMS));
    line.ask("room:join", json!({"room": room})).await?;
    let sent = line.ask("message:send", json!({"room": room, "text": text(dice), "client_id": key(dice)})).await;
    place.work.note(Kind::Sends, sent)?;
    let page = line.ask("history:get", json!({"room": room, "limit": 100})).await;
    place.work.note(Kind::Pages, page)?;
    line.listen(Duration::from_millis(dice.between(100, 3_000))).await?;
    if (round / 2).is_multiple_of(2) {
        line.goodbye().await;
        place.work.did(Kind::Goodbyes);
    } else {
        drop(line);
        place.work.did(Kind::Drops);
    }
    Ok(())
}

/// Asks for page after page and reads none of them, until the server has had enough.
pub async fn dawdle(place: Place, n: usize) {
    let account = &place.regulars[n % place.regulars.len()];
    loop {
        if let Ok(mut line) = place.open(account, Transport::WebSocket).await {
            let (began, ask) = (Instant::now(), json!({"room": HALL, "limit": 200}));
            let _joined = line.ask("room:join", json!({"room": HALL})).await;
            // A line whose queues are full up to here takes no more either.
            let deaf = async { while line.ask_deaf("history:get", &ask).await {} };
            match tokio::time::timeout(PATIENCE, deaf).await {
                Ok(()) => place.work.did(Kind::Cuts),
                Err(_) => place.work.failed(Kind::Cuts, &format!("not cut in {:?}", began.elapsed())),
            }
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}
