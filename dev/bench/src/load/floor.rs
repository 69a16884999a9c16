//! The floor under every server here: tokio and tokio-tungstenite, one task and one bounded queue for each connection, and
//! the frame's text made once for all readers. It speaks just enough of Socket.IO for the generator, by comparing bytes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Frames that wait for one connection.
const QUEUE: usize = 4_096;

type Rooms = Arc<RwLock<HashMap<String, Vec<mpsc::Sender<Utf8Bytes>>>>>;

/// Listens on a free port and says which.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("floor on http://{}", listener.local_addr()?);
    let rooms = Rooms::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let rooms = Arc::clone(&rooms);
        tokio::spawn(async move {
            // A connection that ends is the generator's to notice.
            let _ = connection(stream, rooms).await;
        });
    }
}

async fn connection(stream: TcpStream, rooms: Rooms) -> Result<()> {
    stream.set_nodelay(true)?;
    let ws = tokio_tungstenite::accept_async(stream).await?;
    let (mut write, mut read) = ws.split();
    let (tell, mut told) = mpsc::channel::<Utf8Bytes>(QUEUE);
    tell.send(Utf8Bytes::from_static("0{}")).await?;
    tokio::spawn(async move {
        let mut ready = Vec::with_capacity(64);
        while told.recv_many(&mut ready, 64).await > 0 {
            for text in ready.drain(..) {
                if write.feed(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            if write.flush().await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = read.next().await {
        let Message::Text(text) = message? else { continue };
        if text.starts_with("40") {
            tell.send(Utf8Bytes::from_static("40{}")).await?;
        } else if let Some(request) = text.strip_prefix("42") {
            answer(request, &rooms, &tell).await?;
        }
    }
    Ok(())
}

/// `ID["join",{"room":"R"}]` or `ID["say",{"room":"R",…}]`.
async fn answer(request: &str, rooms: &Rooms, tell: &mpsc::Sender<Utf8Bytes>) -> Result<()> {
    let (id, rest) = request.split_at(request.find('[').context("no event")?);
    let (head, payload) = rest.split_once(",{").context("no payload")?;
    let room = payload.strip_prefix("\"room\":\"").and_then(|r| r.split_once('"')).context("no room")?.0;
    if head == "[\"join\"" {
        let mut rooms = rooms.write().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room.to_owned()).or_default().push(tell.clone());
    } else {
        // As long as what the chat tells of a message.
        let said = payload.trim_end_matches("}]");
        let told = Utf8Bytes::from(format!(
            "42[\"message:created\",{{{said},\"event\":\"message:created\",\"seq\":1000,\"at\":\"2026-01-01T00:00:00.000Z\",\"from\":\
             {{\"id\":\"0123456789abc\",\"name\":\"~reader\",\"display_name\":\"reader\",\"kind\":\"guest\"}},\"mentions\":[]}}]"
        ));
        let rooms = rooms.read().unwrap_or_else(PoisonError::into_inner);
        for reader in rooms.get(room).into_iter().flatten() {
            // A queue that is full loses the frame: what a floor without any flow control does.
            let _ = reader.try_send(told.clone());
        }
    }
    tell.send(Utf8Bytes::from(format!("43{id}[{{\"ok\":true}}]"))).await?;
    Ok(())
}
