//! The session that the demo shows, step by step: each step waits for what it needs to see, then leaves time to read.

use std::time::Duration;

use anyhow::Result;

use crate::cast::Cast;
use crate::film::Frame;
use crate::stage::{Stage, pause, react, types};

/// What the pictures are called, for those who cannot see them.
pub const TITLE: &str = "chat-tui: writing, answering, reacting, searching, and a server that is killed and comes back";
/// Columns and rows.
const SIZE: (u16, u16) = (100, 30);
const ENTER: &str = "\r";
const ESC: &str = "\u{1b}";
const ALT_ENTER: &str = "\u{1b}\r";

/// Plays it.
pub async fn play() -> Result<Cast> {
    let mut stage = Stage::new().await;
    stage.morning().await;
    stage.raj.say("dev", "review of !318, anybody?").await;
    let mut ana = stage.terminal("ana", SIZE, "chat-tui", &["--room", "ops"]).await?;
    ana.wait_for("node 3 is").await;
    let mut kim = stage.terminal("kim", SIZE, "sh", &["-i"]).await?;
    kim.wait_for("$").await;

    pause(700).await;
    types(&mut kim, "chat-tui -r ops").await;
    pause(300).await;
    kim.keys(ENTER);
    kim.wait_for("node 3 is").await;
    kim.wait_for("online").await;
    pause(1_500).await;
    types(&mut ana, "@kim can you check the pool size?").await;
    kim.wait_for("ana is typing").await;
    ana.keys(ENTER);
    kim.wait_for("@kim can you").await;
    pause(900).await;

    answer(&mut kim).await;
    let toml = stage.ana.api.history("ops").await.last().and_then(|m| m["seq"].as_u64()).unwrap_or_default();
    react(&stage.ana, "ops", toml, "👍").await;
    stage.raj.say("ops", "thanks! that was it").await;
    kim.wait_for("that was it").await;
    pause(900).await;
    kim.keys(ESC);
    pause(700).await;
    kim.keys("+");
    pause(500).await;
    types(&mut kim, "tada").await;
    pause(400).await;
    kim.keys(ENTER);
    kim.wait_for("🎉 1").await;
    pause(700).await;
    kim.keys(ESC);

    stage.raj.say("dev", "@kim the pool is in !318, too").await;
    kim.wait_for("!1").await;
    pause(900).await;
    look_around(&mut kim).await;
    outage(&mut stage, &mut kim).await;

    kim.keys("\u{11}");
    kim.wait_until("the shell again", |s| !s.alternate).await;
    pause(300).await;
    Ok(Cast::new(SIZE, TITLE, &kim.recording(), Duration::from_millis(1_800)))
}

/// Answers the last message with code.
async fn answer(kim: &mut chat_e2e::Terminal) {
    kim.keys(ESC);
    pause(700).await;
    kim.keys("r");
    kim.wait_for("replying to ana").await;
    pause(300).await;
    for (i, line) in ["it is 20, I raise it to **50**:", "```toml", "pool_max = 50", "```"].iter().enumerate() {
        if i > 0 {
            kim.keys(ALT_ENTER);
        }
        types(kim, line).await;
    }
    pause(400).await;
    kim.keys(ENTER);
    kim.wait_for("✓").await;
    pause(700).await;
}

/// Searches, comes back, jumps to where one was named.
async fn look_around(kim: &mut chat_e2e::Terminal) {
    kim.keys("\u{6}");
    kim.wait_for("Search messages").await;
    types(kim, "from:ana pool").await;
    kim.wait_for("1 found").await;
    pause(1_600).await;
    kim.keys(ENTER);
    pause(1_100).await;
    kim.keys(ESC);
    pause(300).await;
    kim.keys("\u{b}");
    kim.wait_for("Jump to").await;
    pause(900).await;
    kim.keys(ENTER);
    kim.wait_for("the pool is in").await;
    pause(1_300).await;
    // Back to where one was: the list has it by its first letters.
    kim.keys("\u{b}");
    types(kim, "op").await;
    pause(300).await;
    kim.keys(ENTER);
    kim.wait_for("pool_max").await;
    pause(500).await;
}

/// The server dies; what is written meanwhile goes out when it is back.
async fn outage(stage: &mut Stage, kim: &mut chat_e2e::Terminal) {
    stage.server.kill();
    kim.wait_for("reconnecting").await;
    pause(600).await;
    types(kim, "rolling restart now").await;
    kim.keys(ENTER);
    kim.wait_for("queued").await;
    pause(2_000).await;
    stage.server.restart().await;
    kim.keys(ENTER);
    kim.wait_until("what was queued is sent", |s| s.text.contains("● online") && !s.text.contains("queued")).await;
    pause(900).await;
    stage.ana.say("ops", "seen — all green again 🎉").await;
    kim.wait_for("all green").await;
    pause(2_800).await;
}

/// The picture that stands for the whole: everything said, the line up.
pub fn poster(frames: &[Frame]) -> usize {
    let telling = |f: &Frame| {
        let text = f.picture.text();
        ["pool_max", "all green", "● online"].iter().all(|s| text.contains(s))
    };
    frames.iter().rposition(telling).unwrap_or_default()
}
