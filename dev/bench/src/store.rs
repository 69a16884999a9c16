//! The store alone: 64 tasks that append, each waiting until its message is on stable storage.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use chat_common::{ClientId, Clock, RoomName, SystemClock, UserId, UserName};
use chat_server::storage::sqlite::{SqliteOptions, SqliteStore};
use chat_server::storage::{Append, NewUser, Store};

/// The time of all appends to SQLite: `senders` at once, `messages` each.
pub async fn load(data: &Path, senders: usize, messages: usize) -> Result<Duration> {
    let clock = Arc::new(SystemClock);
    let store = SqliteStore::open(SqliteOptions::new(data.join("store.db")), clock)?;
    load_into(Arc::new(store), senders, messages).await
}

/// The same for any store, which is closed at the end.
pub async fn load_into(store: Arc<dyn Store>, senders: usize, messages: usize) -> Result<Duration> {
    let mut tasks = Vec::new();
    let mut ids = Vec::new();
    for sender in 0..senders {
        let name = UserName::parse(&format!("sender{sender}x"))?;
        let id = UserId::from_bits(sender as u64 + 1);
        store.create_user(NewUser::plain(id, name, SystemClock.now())).await?;
        store.append(message(id, usize::MAX)?).await?;
        ids.push(id);
    }
    let begun = Instant::now();
    for id in ids {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..messages {
                store.append(message(id, n)?).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let took = begun.elapsed();
    store.close().await;
    Ok(took)
}

fn message(sender: UserId, n: usize) -> Result<Append> {
    Ok(Append {
        sender,
        room: RoomName::parse("lobby")?,
        text: format!("{n} {}", "x".repeat(100)),
        client_id: ClientId::parse(&format!("k{n}"))?,
        reply_to: None,
        mentions: Vec::new(),
        max_rooms: 200,
        at: SystemClock.now(),
    })
}
