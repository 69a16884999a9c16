//! What a delivery costs the server: one sender, many readers, one by one and in bursts, beside a bare socketioxide
//! server that does nothing but broadcast, and beside one that writes and syncs a page before: the least that any
//! server does that keeps what it tells.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;

use crate::client::{Client, Sender, guest};
use crate::process::Server;

/// How much load.
#[derive(Args)]
pub struct Options {
    /// Readers.
    #[arg(long, default_value_t = 400)]
    sockets: usize,
    /// Messages of each kind of load.
    #[arg(long, default_value_t = 400)]
    messages: usize,
    /// Messages in one burst.
    #[arg(long, default_value_t = 20)]
    burst: usize,
    /// Messages of each server before it is measured, in bursts: the embedded database's log then has its size, and
    /// no longer grows with each message.
    #[arg(long, default_value_t = 4_000)]
    warm: usize,
    /// Rounds; each measures both servers in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// One kind of server under load.
struct Rig {
    server: Server,
    senders: Vec<Sender>,
    received: Arc<AtomicU64>,
    /// Keys given out.
    keys: usize,
}

/// Measures all three and prints the ratios.
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    let kinds = [(1, "one by one"), (options.burst, "bursts")];
    let mut ratios: [[Vec<f64>; 2]; 2] = Default::default();
    println!(
        "fan-out to {} sockets, 300 B, server CPU per delivery (µs): ours / bare, bare that syncs",
        options.sockets
    );
    println!("{:<8}{:>32}{:>32}", "round", "one by one", format!("bursts of {}", options.burst));
    for round in 1..=options.rounds {
        let data = tempfile::tempdir()?;
        let mut ours = Rig::chat(bin, data.path(), options).await?;
        let mut bare = Rig::bare(options, &[]).await?;
        let mut syncs = Rig::bare(options, &["--sync"]).await?;
        for (rig, event) in [(&mut ours, "message:send"), (&mut bare, "say"), (&mut syncs, "say")] {
            rig.load(options.warm, options, options.burst, event).await?;
        }
        let mut line = format!("{round:<8}");
        for (ratios, (burst, _)) in ratios.iter_mut().zip(kinds) {
            let a = ours.load(options.messages, options, burst, "message:send").await?;
            let b = bare.load(options.messages, options, burst, "say").await?;
            let c = syncs.load(options.messages, options, burst, "say").await?;
            ratios[0].push(a / b);
            ratios[1].push(a / c);
            line.push_str(&format!("{:>32}", format!("{a:.2} / {b:.2}, {c:.2} = {:.2}, {:.2}", a / b, a / c)));
        }
        println!("{line}");
    }
    for (ratios, (_, name)) in ratios.iter_mut().zip(kinds) {
        let [bare, syncs] = ratios;
        println!(
            "{name}: median ratio {:.2} (aim: at most 1.3); to the one that syncs {:.2}",
            median(bare),
            median(syncs)
        );
    }
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Rig {
    async fn chat(bin: &Path, data: &Path, options: &Options) -> Result<Self> {
        let server = Server::chat(bin, data)?;
        let http = reqwest::Client::new();
        let token = guest(&http, &server.url, "reader").await?;
        let join = json!({"room": "lobby"});
        Self::fill(server, options, "/chat", &json!({ "token": token }), "room:join", &join).await
    }

    async fn bare(options: &Options, more: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").args(more);
        let server = Server::start(command)?;
        Self::fill(server, options, "/", &json!({}), "join", &json!({"room": "lobby"})).await
    }

    async fn fill(
        server: Server,
        options: &Options,
        namespace: &'static str,
        auth: &Value,
        join: &str,
        payload: &Value,
    ) -> Result<Self> {
        let received = Arc::new(AtomicU64::new(0));
        for _ in 0..options.sockets {
            let mut client = Client::connect(&server.url, namespace, auth).await?;
            client.request(join, payload).await?;
            let received = received.clone();
            tokio::spawn(async move {
                while let Ok(packet) = client.packet().await {
                    if packet.contains("\"message:created\"") {
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // As many senders as a burst is long, so that a burst arrives at once; they read nothing of the room.
        let mut senders = Vec::new();
        for _ in 0..options.burst {
            senders.push(Sender::spawn(Client::connect(&server.url, namespace, auth).await?));
        }
        Ok(Self { server, senders, received, keys: 0 })
    }

    /// Sends so many messages; server CPU per delivery, µs.
    async fn load(&mut self, messages: usize, options: &Options, burst: usize, event: &str) -> Result<f64> {
        let text = "x".repeat(300);
        let before = (self.server.cpu()?, self.received.load(Ordering::Relaxed));
        let mut sent = 0usize;
        while sent < messages {
            let sends = self.senders.iter().take(burst).enumerate().map(|(i, sender)| {
                let key = format!("{}-{}", event.replace(':', "."), self.keys + i);
                let payload = json!({"room": "lobby", "text": text, "client_id": key});
                async move { sender.request(event, payload).await.map(|_| ()) }
            });
            for result in futures_util::future::join_all(sends).await {
                result?;
            }
            sent += burst;
            self.keys += burst;
            self.settle(before.1 + (sent * options.sockets) as u64).await?;
        }
        let cpu = self.server.cpu()?.saturating_sub(before.0);
        let deliveries = self.received.load(Ordering::Relaxed) - before.1;
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        Ok(cpu.as_micros() as f64 / deliveries as f64)
    }

    async fn settle(&self, wanted: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        while self.received.load(Ordering::Relaxed) < wanted {
            if Instant::now() > end {
                bail!("only {} of {wanted} deliveries arrived", self.received.load(Ordering::Relaxed));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// Which room a request is about.
fn room(request: &Value) -> String {
    request["room"].as_str().unwrap_or_default().to_owned()
}

/// What the chat tells of a message, so that both deliver the same bytes.
fn told(mut said: Value) -> Value {
    let from = json!({"id": "0123456789abc", "name": "~reader", "display_name": "reader", "kind": "guest"});
    let more = [
        ("event", json!("message:created")),
        ("seq", json!(1_000)),
        ("at", json!("2026-01-01T00:00:00.000Z")),
        ("from", from),
        ("mentions", json!([])),
    ];
    if let Value::Object(fields) = &mut said {
        fields.extend(more.map(|(key, value)| (key.to_owned(), value)));
    }
    said
}

/// The bare server: joins everyone to one room and broadcasts what is said.
pub async fn bare_server(sync: bool) -> Result<()> {
    let page = sync.then(tempfile::tempfile).transpose()?.map(Arc::new);
    let (layer, io) = SocketIo::builder().max_buffer_size(1024).build_layer();
    // In the middleware, since the first event can come before a connect handler has registered anything.
    let register = async move |socket: SocketRef| {
        socket.on("join", async |socket: SocketRef, Data::<Value>(wish), ack: AckSender| {
            socket.join(room(&wish));
            let _ = ack.send(&json!({"ok": true}));
        });
        socket.on("say", async move |socket: SocketRef, Data::<Value>(data), ack: AckSender| {
            if let Some(page) = page.clone() {
                let kept = tokio::task::spawn_blocking(move || keep(&page)).await;
                // Without its answer the load ends, and says so: a page that is not kept is no figure.
                if !matches!(kept, Ok(Ok(()))) {
                    return;
                }
            }
            let _ = socket.within(room(&data)).local().emit("message:created", &told(data)).await;
            let _ = ack.send(&json!({"ok": true}));
        });
        Ok::<(), std::convert::Infallible>(())
    };
    io.ns("/", (async || {}).with(register));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("bare on http://{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |io| {
        let _ = io.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await.context("bare server")
}

/// Appends a page and syncs it.
fn keep(mut page: &std::fs::File) -> std::io::Result<()> {
    std::io::Write::write_all(&mut page, &[7; 4096])?;
    page.sync_data()
}
