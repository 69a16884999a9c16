//! A disk that takes no more, and what is true of every message meanwhile.

use std::collections::BTreeMap;

use chat_common::ErrorCode;
use chat_e2e::foreign::note_left_out;
use chat_e2e::{Account, Options, Server, Socket, program, raw, server, wait};
use serde_json::{Value, json};

/// What was acknowledged, by text.
type Stored = BTreeMap<String, u64>;

async fn send(socket: &mut Socket, n: usize, stored: &mut Stored) -> Value {
    let text = format!("m{n} {}", "x".repeat(4_000));
    let wish = json!({"room": "lobby", "text": text, "client_id": format!("k{n}")});
    let reply = socket.call("message:send", wish).await;
    if reply["ok"] == json!(true) {
        stored.insert(text, reply["seq"].as_u64().expect("a seq"));
    }
    reply
}

async fn ready(server: &Server) -> u16 {
    raw::status(&raw::get(&server.address(), "/readyz", "").await)
}

/// Sends while the disk takes nothing, then when it does again; `repair` makes room.
async fn survives(server: &Server, ana: &Account, socket: &mut Socket, stored: &mut Stored, repair: impl FnOnce()) {
    let before = stored.len();
    let mut refused = 0;
    for n in 1_000..1_400 {
        let reply = send(socket, n, stored).await;
        if reply["ok"] != json!(true) {
            assert_eq!(reply["error"]["code"], ErrorCode::Unavailable.as_str(), "{reply}");
            refused += 1;
        }
        if refused == 10 {
            break;
        }
    }
    assert_eq!(refused, 10, "{} were stored on a disk that takes nothing", stored.len() - before);
    assert_eq!(ready(server).await, 503);
    assert_eq!(raw::status(&raw::get(&server.address(), "/healthz", "").await), 200, "the process lives");
    // What is there can still be read, whole.
    whole(&ana.api.history("lobby").await, stored);

    repair();
    wait::until_async("ready again", || async { (ready(server).await == 200).then_some(()) }).await;
    // Handshakes are refused by a flag that follows within a second.
    let handshake =
        || async { raw::status(&raw::get(&server.address(), "/socket.io/?EIO=4&transport=polling", "").await) };
    wait::until_async("new connections are taken", || async { (handshake().await == 200).then_some(()) }).await;
    // The same keys once more: none of those refused was stored behind our back, or it is told as a duplicate.
    let mut back = ana.socket().await;
    for n in 1_000..1_020 {
        let reply = send(&mut back, n, stored).await;
        assert_eq!(reply["ok"], json!(true), "{reply}");
    }
    whole(&ana.api.history("lobby").await, stored);
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

/// Each acknowledged message once with its number, the numbers without a hole.
fn whole(log: &[Value], stored: &Stored) {
    let texts: Vec<_> = log.iter().filter(|m| m["text"].as_str().is_some_and(|t| t.starts_with('m'))).collect();
    assert_eq!(texts.len(), stored.len(), "as many as were acknowledged");
    for message in texts {
        let text = message["text"].as_str().expect("a text");
        assert_eq!(message["seq"].as_u64(), stored.get(text).copied(), "{}", &text[..10]);
    }
    let seqs: Vec<_> = log.iter().filter_map(|m| m["seq"].as_u64()).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "a hole: {seqs:?}");
}

async fn begin(server: &Server) -> (Account, Socket, Stored) {
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    socket.join("lobby").await;
    let mut stored = Stored::new();
    for n in 0..20 {
        assert_eq!(send(&mut socket, n, &mut stored).await["ok"], json!(true));
    }
    (ana, socket, stored)
}

#[tokio::test]
async fn writes_that_fail_are_unavailable_and_nothing_is_lost() {
    let mut server = Server::start().await;
    let (ana, mut socket, mut stored) = begin(&server).await;
    // Every write but to the first bytes of a file fails with EFBIG, and would raise SIGXFSZ.
    program::limit_file_size(server.pid(), Some(4_096));
    let pid = server.pid();
    survives(&server, &ana, &mut socket, &mut stored, || program::limit_file_size(pid, None)).await;
    server.restart().await;
    whole(&ana.api.history("lobby").await, &stored);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_is_lost() {
    if !server::small_disk() {
        return note_left_out("a full disk: this user may not mount one");
    }
    let server = Server::with(Options::roomy().disk_mib(16)).await;
    let (ana, mut socket, mut stored) = begin(&server).await;
    let ballast = server.data_dir_inside().join("ballast");
    // Writes until there is no room left.
    let full = std::fs::write(&ballast, vec![0; 32 << 20]).expect_err("32 MiB do not fit on 16");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    survives(&server, &ana, &mut socket, &mut stored, || std::fs::remove_file(&ballast).expect("it is ours")).await;
}

/// Takes all the room there is.
fn fill(server: &Server) -> std::path::PathBuf {
    let ballast = server.data_dir_inside().join("ballast");
    let full = std::fs::write(&ballast, vec![0; 64 << 20]).expect_err("it does not fit");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    ballast
}

#[tokio::test]
async fn an_erasure_on_a_full_disk_is_refused_whole_and_done_when_there_is_room() {
    if !server::small_disk() {
        return note_left_out("a full disk: this user may not mount one");
    }
    let server = Server::with(Options::roomy().disk_mib(16)).await;
    let root = server.account("root").await;
    assert!(server.command_inside(&["user", "role", "root", "admin"]).await.status.success());
    let (ana, mut socket, mut stored) = begin(&server).await;
    let ballast = fill(&server);
    while send(&mut socket, 1_000 + stored.len(), &mut stored).await["ok"] == json!(true) {}
    let error = root.api.delete("/admin/users/ana?texts=true").await.refused(ErrorCode::Unavailable);
    assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{error}");
    ana.api.get("/me").await.ok();
    whole(&root.api.history("lobby").await, &stored);
    std::fs::remove_file(ballast).expect("it is ours");
    wait::until_async("ready again", || async { (ready(&server).await == 200).then_some(()) }).await;
    root.api.delete("/admin/users/ana?texts=true").await.ok();
    wait::until_async("the texts are gone", || async {
        root.api.history("lobby").await.iter().all(|m| m["text"].is_null()).then_some(())
    })
    .await;
    let checked = server.command_inside(&["verify"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test]
async fn without_room_for_the_copy_before_a_migration_the_start_is_refused() {
    if !server::small_disk() {
        return note_left_out("a full disk: this user may not mount one");
    }
    let mut server = Server::with(Options::roomy().disk_mib(48)).await;
    assert!(server.terminate().await.success());
    let data = server.data_dir_inside();
    let database = data.join("chat.db");
    let old = std::fs::read(program::root().join("server/tests/fixtures/schema-5.db")).expect("an old database");
    for beside in ["chat.db-wal", "chat.db-shm"] {
        let _not_there = std::fs::remove_file(data.join(beside));
    }
    std::fs::write(&database, &old).expect("there is room");
    let ballast = data.join("ballast");
    std::fs::write(&ballast, vec![0; 40 << 20]).expect("there is room");
    let output = server.command_inside(&["--listen", "127.0.0.1:0"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("make room for") && said.contains("--no-migration-backup"), "{said}");
    // Where SQLite's files hold the number of their schema.
    let schema = |bytes: &[u8]| bytes[60..64].to_vec();
    assert_eq!(schema(&std::fs::read(&database).expect("it is there")), schema(&old), "nothing was changed");
    std::fs::remove_file(ballast).expect("it is ours");
    server.restart().await;
    let names = std::fs::read_dir(&data).expect("the folder").flatten().map(|e| e.file_name().into_string());
    assert!(names.flatten().any(|n| n.starts_with("chat.db.schema-5.") && n.ends_with(".backup")));
    assert!(server.command_inside(&["verify"]).await.status.success());
}
