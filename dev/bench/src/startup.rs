//! How long one waits: for the server on a database of 100,000 messages, and for one `chat-tui send`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use crate::client::{Client, guest, percentile};
use crate::process::Server;

/// How much data and how often.
#[derive(Args)]
pub struct Options {
    /// Messages in the database.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Starts, and sends.
    #[arg(long, default_value_t = 20)]
    runs: usize,
}

/// Measures and prints.
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    let data = tempfile::tempdir()?;
    fill(bin, data.path(), options.messages).await?;
    let mut starts = Vec::new();
    for _ in 0..options.runs {
        starts.push(Server::chat(bin, data.path())?.ready_after);
    }
    starts.sort_unstable();
    println!(
        "chat-server ready on {} messages: median {:.0} ms, worst {:.0} ms (aim: under 150)",
        options.messages,
        ms(percentile(&starts, 0.5)),
        ms(percentile(&starts, 1.0))
    );

    let server = Server::chat(bin, data.path())?;
    println!("resident after the start: {:.1} MiB", server.resident()? as f64 / 1_048_576.0);
    let http = reqwest::Client::new();
    let token = guest(&http, &server.url, "poster").await?;
    let home = tempfile::tempdir()?;
    let (mut own, mut whole) = (Vec::new(), Vec::new());
    for n in 0..=options.runs {
        let begun = Instant::now();
        http.post(format!("{}/api/v1/rooms/lobby/messages", server.url))
            .bearer_auth(&token)
            .json(&json!({"text": format!("by REST {n}")}))
            .send()
            .await?
            .error_for_status()?;
        let rest = begun.elapsed();
        let begun = Instant::now();
        let status = Command::new(bin.join("chat-tui"))
            .args(["--server", &server.url, "send", "-r", "lobby", "-m", "by the command"])
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("XDG_DATA_HOME", home.path().join("data"))
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "chat-tui send: {status}");
        // The first one makes the guest; it is not what a script meets.
        if n > 0 {
            own.push(rest);
            whole.push(begun.elapsed());
        }
    }
    own.sort_unstable();
    whole.sort_unstable();
    let (own, whole) = (percentile(&own, 0.5), percentile(&whole, 0.5));
    println!(
        "chat-tui send: {:.1} ms, of which the server {:.1} ms; beyond it {:.1} ms (aim: under 30)",
        ms(whole),
        ms(own),
        ms(whole.saturating_sub(own))
    );
    Ok(())
}

/// Writes `messages` messages through the server, as users would.
async fn fill(bin: &Path, data: &Path, messages: usize) -> Result<()> {
    const SENDERS: usize = 64;
    let server = Server::chat(bin, data)?;
    let http = reqwest::Client::new();
    let token = guest(&http, &server.url, "filler").await?;
    let tasks: Vec<_> = (0..SENDERS)
        .map(|s| {
            let (url, token) = (server.url.clone(), token.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(&url, "/chat", &json!({ "token": token })).await?;
                for n in (s..messages).step_by(SENDERS) {
                    let text = format!("message number {n}, some words to be found later");
                    let payload = json!({"room": "lobby", "text": text, "client_id": format!("f{n}")});
                    client.request("message:send", &payload).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}
