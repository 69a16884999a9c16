//! A connection of the load: asks and waits, or listens, and comes back when it is told to.

use std::time::Duration;

use chat_e2e::link::{Link, Transport};
use serde_json::{Value, json};

/// A request is answered within 8 s.
const ANSWER: Duration = Duration::from_secs(10);

/// An open connection, after `ready`. Dropped: gone without a goodbye.
pub struct Line {
    link: Link,
    next_id: u64,
}

impl Line {
    /// Connects with a token.
    pub async fn open(http: &reqwest::Client, base: &str, token: &str, by: Transport) -> Result<Self, String> {
        let mut link = Link::open(http, base, "soak", by).await?;
        if !link.send(format!("0/chat,{}", json!({"token": token}))).await {
            return Err("gone before the hello".to_owned());
        }
        let ready = async {
            while let Some(packet) = link.next().await {
                if packet.starts_with("2/chat,[\"ready\"") {
                    return Ok(());
                }
                if packet.starts_with("4/chat,") {
                    return Err(packet);
                }
            }
            Err("gone before ready".to_owned())
        };
        tokio::time::timeout(ANSWER, ready).await.map_err(|_| "no ready in time".to_owned())??;
        Ok(Self { link, next_id: 0 })
    }

    /// Asks, and hears everything up to the reply.
    pub async fn ask(&mut self, event: &str, payload: Value) -> Result<Value, String> {
        self.next_id += 1;
        let id = self.next_id;
        if !self.link.send(format!("2/chat,{id}{}", json!([event, payload]))).await {
            return Err("the line is gone".to_owned());
        }
        let mark = format!("3/chat,{id}[");
        let answer = async {
            loop {
                let packet = self.link.next().await.ok_or_else(|| "the line is gone".to_owned())?;
                if let Some(rest) = packet.strip_prefix(&mark) {
                    let reply: Vec<Value> = serde_json::from_str(&format!("[{rest}")).map_err(|e| e.to_string())?;
                    let reply = reply.into_iter().next().unwrap_or_default();
                    let error = &reply["error"];
                    let why = || format!("{} {}", error["code"].as_str().unwrap_or("?"), error["message"]);
                    return if reply["ok"] == json!(true) { Ok(reply) } else { Err(why()) };
                }
            }
        };
        tokio::time::timeout(ANSWER, answer).await.map_err(|_| format!("no answer to {event} in time"))?
    }

    /// Hears what is told for so long.
    pub async fn listen(&mut self, time: Duration) -> Result<(), String> {
        let hear = async { while self.link.next().await.is_some() {} };
        match tokio::time::timeout(time, hear).await {
            Ok(()) => Err("the line is gone".to_owned()),
            Err(_) => Ok(()),
        }
    }

    /// Sends a request and reads nothing; false: the line is gone.
    pub async fn ask_deaf(&mut self, event: &str, payload: &Value) -> bool {
        self.next_id += 1;
        self.link.send(format!("2/chat,{}{}", self.next_id, json!([event, payload]))).await
    }

    /// Goes with a goodbye; it is heard before the connection ends.
    pub async fn goodbye(mut self) {
        if self.link.send("1/chat,".to_owned()).await {
            // Whatever else is told comes first; the server answers nothing, so a moment must do.
            let _over = self.listen(Duration::from_millis(100)).await;
        }
    }
}
