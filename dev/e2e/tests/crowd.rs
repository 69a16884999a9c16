//! Many at once: connections that come to nothing, and clients that all come back in the same moment.
//! A binary of its own, so that the other tests do not wait behind the crowd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_e2e::raw::{self, RawWebSocket};
use chat_e2e::{Server, program};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

/// Sockets that never connect.
const SILENT: usize = 1_000;
/// Upgrades that never finish, in each of two rounds.
const UPGRADES: usize = 5_000;
/// Clients that come back at once, none of which tries twice; more are for programs that are optimised.
const CLIENTS: usize = 1_000;
/// Connections of one user.
const EACH: usize = 20;
/// Handshakes under way at once: a system holds some thousand that nobody has accepted yet, and drops the others.
const AT_ONCE: usize = 500;
/// How long thousands may take for what one does at once, with programs that are not optimised on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs `work` for 0..`many`, all at the same time.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    many: usize,
    mut work: impl FnMut(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..many).map(|n| tokio::spawn(work(n))).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("no panic"));
    }
    done
}

/// KiB before, after the first so many, after the second: what the first took may stay with the allocator (64 KiB for
/// each of them at the most), but the second find room in it.
#[track_caller]
fn is_flat(resident: &[u64], many: usize) {
    println!("resident KiB: {resident:?}");
    let (first, second) = (64 * many as u64, 24 * many as u64);
    assert!(resident[1] < resident[0] + first, "KiB before and after {many}, and after {many} more: {resident:?}");
    assert!(resident[2] < resident[1] + second, "KiB before and after {many}, and after {many} more: {resident:?}");
}

/// As [`chat_e2e::wait::soon`], for thousands.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

#[tokio::test]
async fn a_thousand_sockets_that_never_connect_are_closed_and_forgotten() {
    program::open_many_files();
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut resident = vec![server.resident_kib()];
    for _ in 0..2 {
        // They answer pings, so that only the missing CONNECT can end them.
        let closed = all(SILENT, |_| {
            let address = server.address();
            async move {
                let mut socket = RawWebSocket::upgrade(&address, "").await.expect("an upgrade");
                socket.closes_though_it_answers(PATIENCE).await
            }
        })
        .await;
        assert!(closed.iter().all(|closed| *closed), "a socket without CONNECT is still open");
        // A socket that nobody reads meanwhile would miss its heartbeat.
        ana.socket().await.ok("ping", json!({})).await;
        resident.push(server.resident_kib());
    }
    is_flat(&resident, SILENT);
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

/// Whether the session is unknown; asks until it is, as a client would poll, but answers no ping.
async fn is_forgotten(address: &str, sid: &str) {
    let start = Instant::now();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    while raw::status(&raw::get(address, &path, "").await) != 400 {
        assert!(start.elapsed() < PATIENCE, "the session {sid} lives on");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn ten_thousand_upgrades_that_never_finish_are_gone() {
    program::open_many_files();
    let server = Server::start().await;
    let address = server.address();
    let ana = server.account("ana").await;
    let mut resident = vec![server.resident_kib()];
    let door = Arc::new(Semaphore::new(AT_ONCE));
    for _ in 0..2 {
        let sessions = all(UPGRADES, |_| {
            let (address, door) = (address.clone(), Arc::clone(&door));
            async move {
                let _one_of_some = door.acquire_owned().await.expect("it stays open");
                half_upgraded(&address).await
            }
        })
        .await;
        // Nothing ends them but the server's own time-outs. One in fifty is asked for; all of them at once would use up
        // the ports of this machine.
        for session in sessions.chunks(50) {
            is_forgotten(&address, &session[0].0).await;
        }
        // A socket that nobody reads meanwhile would miss its heartbeat.
        ana.socket().await.ok("ping", json!({})).await;
        resident.push(server.resident_kib());
    }
    is_flat(&resident, UPGRADES);
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

#[tokio::test]
async fn a_thousand_clients_reconnect_at_once_after_a_kill_and_lose_nothing() {
    program::open_many_files();
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let mut guests = Vec::new();
    for n in 0..CLIENTS / EACH {
        guests.push(server.guest(&format!("g{n:03}")).await);
    }
    for guest in &guests {
        let mut socket = guest.socket().await;
        socket.join("lobby").await;
    }
    // The first time they come as fast as they can; back they come all in one moment.
    let door = Arc::new(Semaphore::new(AT_ONCE));
    let (round, _) = watch::channel(0);
    let (came, mut count) = tokio::sync::mpsc::unbounded_channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (guest, mut round, came) = (guests[n % guests.len()].clone(), round.subscribe(), came.clone());
            let door = Arc::clone(&door);
            tokio::spawn(async move {
                let first = door.acquire_owned().await.expect("it stays open");
                let mut socket = guest.socket().await;
                drop(first);
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
    for _ in 0..CLIENTS {
        within("every client comes in", count.recv()).await;
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
    for _ in 0..CLIENTS {
        within("every client comes back", count.recv()).await;
    }
    println!("{CLIENTS} clients back and whole after {:?}", start.elapsed());
    assert_eq!(server.connections().await, CLIENTS as u64);
    round.send(2).expect("the clients wait");
    for client in clients {
        let seqs = client.await.expect("no panic");
        assert!(seqs.ends_with(&said), "{seqs:?} is not all of {said:?}");
        assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "a hole: {seqs:?}");
    }
}
