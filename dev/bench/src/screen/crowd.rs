//! Those who write: messages with running numbers through a real server, as fast as asked for, never further ahead of
//! the screen than a client takes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use chat_common::RoomName;
use chat_common::event::room::Join;
use serde_json::json;
use tokio::task::JoinSet;

use super::terminal::{Terminal, numbers, text};
use crate::client::{Client, Sender, guest};

/// Connections that send.
const SENDERS: usize = 32;
/// So many authors; a chat has more than one.
const AUTHORS: usize = 8;
/// Messages ahead of what the screen has shown.
const AHEAD: u64 = 1_500;
/// A screen that shows nothing new for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(30);

/// The highest number that a screen has shown.
#[derive(Clone, Default)]
pub struct Shown(Arc<AtomicU64>);

impl Shown {
    /// Follows a terminal.
    pub fn on(terminal: &Terminal) -> Self {
        let shown = Self::default();
        let on = shown.clone();
        terminal.watch(move |screen, _| {
            let highest = numbers(screen).into_iter().max().unwrap_or(0);
            on.0.fetch_max(highest, Ordering::Relaxed);
            // As long as somebody asks.
            Arc::strong_count(&on.0) == 1
        });
        shown
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until `n` is shown.
    pub async fn reaches(&self, n: u64) -> Result<()> {
        let (mut last, mut moved) = (self.get(), Instant::now());
        while self.get() < n {
            if self.get() > last {
                (last, moved) = (self.get(), Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                bail!("the screen has stopped at message {last}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// The senders.
pub struct Crowd {
    senders: Vec<Sender>,
    observer_token: String,
    url: String,
}

impl Crowd {
    /// Connects them.
    pub async fn connect(url: &str) -> Result<Self> {
        let http = reqwest::Client::new();
        let mut tokens = Vec::new();
        for n in 0..AUTHORS {
            tokens.push(guest(&http, url, &format!("author{n}")).await?);
        }
        let mut senders = Vec::new();
        for n in 0..SENDERS {
            let auth = json!({"token": tokens[n % AUTHORS]});
            senders.push(Sender::spawn(Client::connect(url, "/chat", &auth).await?));
        }
        let observer_token = guest(&http, url, "observer").await?;
        Ok(Self { senders, observer_token, url: url.to_owned() })
    }

    /// Sends the messages of these numbers, `every` apart or as fast as all take them; the time until all are shown.
    pub async fn send(&self, range: Range<u64>, every: Option<Duration>, shown: &Shown) -> Result<Duration> {
        ensure!(!range.is_empty(), "nothing to send");
        // The last one goes alone: overtaken by others it might never stand in a row.
        let last = range.end - 1;
        let next = Arc::new(AtomicU64::new(range.start));
        let begun = tokio::time::Instant::now();
        let mut tasks = JoinSet::new();
        for sender in &self.senders {
            let (sender, next, shown, range) = (sender.clone(), Arc::clone(&next), shown.clone(), range.clone());
            tasks.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= last {
                        return anyhow::Ok(());
                    }
                    if let Some(every) = every {
                        let nth = u32::try_from(n - range.start).unwrap_or(u32::MAX);
                        tokio::time::sleep_until(begun + every * nth).await;
                    }
                    shown.reaches(n.saturating_sub(AHEAD).max(range.start) - 1).await?;
                    say(&sender, n).await?;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        if let Some(sender) = self.senders.first() {
            say(sender, last).await?;
        }
        shown.reaches(last).await?;
        Ok(begun.elapsed())
    }

    /// Sends one message; when it went out.
    pub async fn say(&self, n: u64) -> Result<Instant> {
        let at = Instant::now();
        if let Some(sender) = self.senders.first() {
            say(sender, n).await?;
        }
        Ok(at)
    }

    /// A reader of our own in the room: when the messages up to `last` reached it, by their numbers.
    pub async fn observe(&self, last: u64) -> Result<tokio::task::JoinHandle<Result<HashMap<u64, Instant>>>> {
        let mut client = Client::connect(&self.url, "/chat", &json!({"token": self.observer_token})).await?;
        let lobby = RoomName::parse("lobby")?;
        let join = Join { room: lobby.into(), after: None, epoch: None };
        client.request("room:join", &serde_json::to_value(join)?).await?;
        Ok(tokio::spawn(async move {
            let mut heard = HashMap::new();
            while !heard.contains_key(&last) {
                let packet = client.packet().await?;
                let at = Instant::now();
                let number = packet.split_once("\"text\":\"m").and_then(|(_, rest)| rest.get(..7)?.parse().ok());
                if let Some(n) = number.filter(|_| packet.contains("\"message:created\"")) {
                    heard.insert(n, at);
                }
            }
            Ok(heard)
        }))
    }
}

async fn say(sender: &Sender, n: u64) -> Result<()> {
    let payload = json!({"room": "lobby", "text": text(n), "client_id": format!("{n:032x}")});
    sender.request("message:send", payload).await.map(drop)
}
