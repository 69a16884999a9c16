//! Many at once: connections that come to nothing, and clients that all come back in the same moment.
//! A binary of its own, so that the other tests do not wait behind the crowd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use chat_e2e::raw::{self, RawWebSocket};
use chat_e2e::{Server, program, wait};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How many.
const MANY: usize = 1_000;

/// Runs `work` for 0..[`MANY`], all at the same time.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(mut work: impl FnMut(usize) -> F) -> Vec<T> {
    let tasks: Vec<_> = (0..MANY).map(|n| tokio::spawn(work(n))).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("no panic"));
    }
    done
}

/// KiB before, after the first thousand, after the second: what the first took may stay with the allocator, but the
/// second finds room in it.
#[track_caller]
fn is_flat(resident: &[u64]) {
    println!("resident KiB: {resident:?}");
    assert!(resident[1] < resident[0] + 64 * 1024, "KiB before and after {MANY}, and after {MANY} more: {resident:?}");
    assert!(resident[2] < resident[1] + 24 * 1024, "KiB before and after {MANY}, and after {MANY} more: {resident:?}");
}

#[tokio::test]
async fn a_thousand_sockets_that_never_connect_are_closed_and_forgotten() {
    program::open_many_files();
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut resident = vec![server.resident_kib()];
    for _ in 0..2 {
        // They answer pings, so that only the missing CONNECT can end them.
        let closed = all(|_| {
            let address = server.address();
            async move {
                let mut socket = RawWebSocket::upgrade(&address, "").await.expect("an upgrade");
                socket.closes_though_it_answers(wait::PATIENCE).await
            }
        })
        .await;
        assert!(closed.iter().all(|closed| *closed), "a socket without CONNECT is still open");
        // A socket that nobody reads meanwhile would miss its heartbeat.
        ana.socket().await.ok("ping", json!({})).await;
        resident.push(server.resident_kib());
    }
    is_flat(&resident);
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

/// A polling session that has asked for the upgrade and says nothing more.
async fn half_upgraded(address: &str) -> (String, TcpStream) {
    let opened = raw::get(address, "/socket.io/?EIO=4&transport=polling", "").await;
    let sid = opened.split("\"sid\":\"").nth(1).and_then(|s| s.split('"').next()).expect("a sid").to_owned();
    let mut stream = raw::connect(address).await;
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it is open");
    (sid, stream)
}

/// Polls as a client would, but answers no ping, until the session is unknown.
async fn is_forgotten(address: &str, sid: &str) {
    let start = Instant::now();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    while raw::status(&raw::get(address, &path, "").await) != 400 {
        assert!(start.elapsed() < Duration::from_secs(40), "the session {sid} lives on");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn a_thousand_upgrades_that_never_finish_are_gone() {
    program::open_many_files();
    let server = Server::start().await;
    let address = server.address();
    let ana = server.account("ana").await;
    let mut resident = vec![server.resident_kib()];
    for _ in 0..2 {
        let sessions = all(|_| {
            let address = address.clone();
            async move { half_upgraded(&address).await }
        })
        .await;
        // Nothing ends them but the server's own time-outs.
        let mut sessions = sessions.into_iter();
        all(|_| {
            let (address, session) = (address.clone(), sessions.next());
            async move {
                let (sid, _open) = session.expect("as many as before");
                is_forgotten(&address, &sid).await;
            }
        })
        .await;
        // A socket that nobody reads meanwhile would miss its heartbeat.
        ana.socket().await.ok("ping", json!({})).await;
        resident.push(server.resident_kib());
    }
    is_flat(&resident);
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

#[tokio::test]
async fn a_thousand_clients_reconnect_at_once_after_a_kill_and_lose_nothing() {
    program::open_many_files();
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let mut guests = Vec::new();
    for n in 0..MANY / 20 {
        guests.push(server.guest(&format!("g{n:03}")).await);
    }
    for guest in &guests {
        let mut socket = guest.socket().await;
        socket.join("lobby").await;
    }
    let (round, _) = watch::channel(0);
    let (came, mut count) = tokio::sync::mpsc::unbounded_channel();
    let clients: Vec<_> = (0..MANY)
        .map(|n| {
            let (guest, mut round, came) = (guests[n % guests.len()].clone(), round.subscribe(), came.clone());
            tokio::spawn(async move {
                let mut socket = guest.socket().await;
                let epoch = socket.ready["epoch"].clone();
                came.send(()).expect("the test waits");
                socket.ended_within(Duration::from_secs(120)).await;
                round.wait_for(|r| *r == 1).await.expect("the test lives");
                let mut socket = guest.socket().await;
                let resume = json!({"epoch": epoch, "rooms": {"lobby": 0}});
                let resumed = socket.ok("session:resume", resume).await;
                let entries = resumed["rooms"]["lobby"]["entries"].as_array().expect("entries");
                // They are all back before the first one leaves.
                came.send(()).expect("the test waits");
                round.wait_for(|r| *r == 2).await.expect("the test lives");
                entries.iter().filter_map(|e| e["seq"].as_u64()).collect::<Vec<_>>()
            })
        })
        .collect();
    for _ in 0..MANY {
        wait::soon("every client comes in", count.recv()).await;
    }
    let mut said = Vec::new();
    for n in 0..20 {
        said.push(ana.say("lobby", &format!("before the kill {n}")).await);
    }
    server.kill();
    server.restart().await;
    said.push(ana.say("lobby", "while all were away").await);
    let start = Instant::now();
    round.send(1).expect("the clients wait");
    for _ in 0..MANY {
        wait::soon("every client comes back", count.recv()).await;
    }
    println!("{MANY} clients back and whole after {:?}", start.elapsed());
    assert_eq!(server.connections().await, MANY as u64);
    round.send(2).expect("the clients wait");
    for client in clients {
        let seqs = client.await.expect("no panic");
        assert!(seqs.ends_with(&said), "{seqs:?} is not all of {said:?}");
        assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "a hole: {seqs:?}");
    }
}
