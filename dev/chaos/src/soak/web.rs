//! The load over HTTP: pages, searches and lists, events as they happen, webhooks, log-ins.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::crowd::{HALL, Place, ROOMS, room, text};
use super::work::Kind;
use crate::schedule::Dice;

/// So many read pages and lists.
pub const READERS: usize = 4;
/// So many follow server-sent events.
pub const FOLLOWERS: usize = 6;
/// An answer that takes longer is a failure.
const ANSWER: Duration = Duration::from_secs(10);

/// The body of a 2xx, else what was said.
pub async fn ask(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.timeout(ANSWER).send().await.map_err(|e| e.to_string())?;
    let (status, text) = (response.status(), response.text().await.map_err(|e| e.to_string())?);
    if status.is_success() { Ok(serde_json::from_str(&text).unwrap_or(Value::Null)) } else { Err(text) }
}

/// Pages anywhere in the history, searches, lists.
pub async fn read(place: Place, mut dice: Dice) {
    let api = &place.host.api;
    let mut head = 1;
    loop {
        tokio::time::sleep(Duration::from_millis(dice.between(50, 350))).await;
        let room = room(dice.below(ROOMS));
        let (kind, path) = match dice.below(6) {
            0 => (Kind::Pages, format!("/rooms/{room}/messages?limit=100")),
            1 => (Kind::Pages, format!("/rooms/{room}/messages?around={}&limit=100", dice.between(1, head))),
            2 => {
                (Kind::Searches, format!("/search?query={}&room={room}", ["build", "green", "release"][dice.below(3)]))
            }
            3 => (Kind::Searches, format!("/search?query={}+{}", ["red", "deploy"][dice.below(2)], "green")),
            4 => (Kind::Lists, format!("/rooms/{room}/members?limit=100")),
            _ => (Kind::Lists, ["/rooms?limit=50".to_owned(), format!("/presence?room={room}")][dice.below(2)].clone()),
        };
        let answer = ask(api.request(Method::GET, &format!("/api/v1{path}"))).await;
        if let Ok(page) = place.work.note(kind, answer)
            && let Some(last) = page["head"].as_u64()
        {
            head = last.max(1);
        }
    }
}

/// Hears what happens in a room for a while, then in another.
pub async fn follow(place: Place, mut dice: Dice) {
    loop {
        let path = format!("/api/v1/rooms/{}/events", room(dice.below(ROOMS)));
        let time = Duration::from_millis(dice.between(2_000, 20_000));
        let hear = async {
            let mut response = place.host.api.request(Method::GET, &path).send().await.map_err(|e| e.to_string())?;
            if !response.status().is_success() {
                return Err(response.text().await.unwrap_or_default());
            }
            while response.chunk().await.map_err(|e| e.to_string())?.is_some() {
                place.work.did(Kind::Events);
            }
            Err::<(), _>("ended by the server".to_owned())
        };
        if let Ok(Err(why)) = tokio::time::timeout(time, hear).await {
            place.work.failed(Kind::Events, &why);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Two posts a second to a webhook of the hall's neighbour.
pub async fn post(place: Place) {
    let made = place.host.api.post(&format!("/rooms/{}/hooks", room(0)), &json!({"name": "ci"})).await.ok();
    let url = made["url"].as_str().expect("a webhook has an address").to_owned();
    let mut dice = Dice::new(1);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        let body = json!({
            "text": format!("*{}* <https://example.org/{}|build>", text(&mut dice), dice.any()),
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text(&mut dice)}}],
        });
        let _counted = place.work.note(Kind::Posts, ask(place.http.post(&url).json(&body)).await);
    }
}

/// A log-in by password, a refresh and a log-out every three seconds.
pub async fn log_in(place: Place) {
    let password = "a battery and a staple";
    let api = &place.door;
    api.register("comer", password).await;
    loop {
        let round = async {
            let post = |path: &str, body: Value| ask(api.request(Method::POST, path).json(&body));
            let session = post("/api/v1/auth/login", json!({"name": "comer", "password": password})).await?;
            let session = post("/api/v1/auth/refresh", json!({"refresh_token": session["refresh_token"]})).await?;
            let token = session["access_token"].as_str().unwrap_or_default();
            let me = api.with_token(token);
            ask(me.request(Method::POST, &format!("/api/v1/rooms/{HALL}/join"))).await?;
            ask(me.request(Method::POST, "/api/v1/auth/logout")).await
        };
        let _counted = place.work.note(Kind::Logins, round.await);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}
