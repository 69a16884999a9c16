//! Who connects: guests of ours, each a user of its own, and the rooms they meet in.

use std::ops::Range;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;

use super::peer::Peer;
use crate::client::{Client, guest};

/// What each connection says at CONNECT: a guest of its own at ours.
pub async fn auths(peer: Peer, url: &str, who: Range<usize>) -> Result<Vec<String>> {
    if peer != Peer::Ours {
        return Ok(who.map(|i| json!({"token": format!("p{i}x")}).to_string()).collect());
    }
    let (http, born) = (reqwest::Client::new(), born());
    let names = who.map(|i| {
        let http = http.clone();
        async move { anyhow::Ok(json!({"token": guest(&http, url, &format!("p{i}x{born:x}")).await?}).to_string()) }
    });
    futures_util::stream::iter(names).buffered(64).try_collect().await.context("guests")
}

/// Part of a name, so that data that is there knows nobody of the same.
fn born() -> u128 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() & 0xff_ffff
}

/// Makes the rooms.
pub async fn make(url: &str, rooms: &[Rc<str>]) -> Result<()> {
    let token = guest(&reqwest::Client::new(), url, &format!("maker{:x}", born())).await?;
    let mut maker = Client::connect(url, "/chat", &json!({"token": token})).await?;
    for room in rooms {
        let made = maker.ask("room:create", &json!({"room": &**room})).await?;
        // On data that is there the room may be, too.
        if !made.contains("\"ok\":true") && !made.contains("\"conflict\"") {
            bail!("room:create: {made}");
        }
    }
    Ok(())
}
