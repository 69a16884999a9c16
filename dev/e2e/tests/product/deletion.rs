//! What was deleted is gone, and what was kept survives.

use chat_e2e::{Server, wait};
use serde_json::json;

/// Every byte that the server keeps on disk.
fn everything_on_disk(server: &Server) -> Vec<u8> {
    let mut all = Vec::new();
    let mut folders = vec![server.data_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of ours") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(path) {
                all.extend(bytes);
            }
        }
    }
    all
}

/// Whether a text stands in any row of any table, or can be found by the index; asked of the database itself.
fn in_any_table(server: &Server, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(server.data_dir()).expect("a folder of ours") {
        let path = entry.expect("it can be listed").path();
        let is_database = std::fs::read(&path).is_ok_and(|b| b.starts_with(b"SQLite format 3\0"));
        if !is_database {
            continue;
        }
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = rusqlite::Connection::open_with_flags(&path, flags).expect("the database opens");
        let mut names = db.prepare("select name from sqlite_master where type = 'table'").expect("a list of tables");
        let tables: Vec<String> =
            names.query_map([], |r| r.get(0)).expect("tables").collect::<Result<_, _>>().expect("names");
        for table in tables {
            let mut rows = db.prepare(&format!("select * from \"{table}\"")).expect("a table");
            let columns = rows.column_count();
            let mut rows = rows.query([]).expect("its rows");
            while let Ok(Some(row)) = rows.next() {
                for column in 0..columns {
                    let value = row.get_ref(column).expect("a column");
                    let bytes = match value {
                        rusqlite::types::ValueRef::Text(b) | rusqlite::types::ValueRef::Blob(b) => b.to_vec(),
                        _ => continue,
                    };
                    if contains(&bytes, text.as_bytes()) {
                        found.push(format!("{table}, column {column}"));
                    }
                }
            }
        }
    }
    found
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|w| w == part)
}

#[tokio::test]
async fn a_deleted_text_is_in_no_table_and_no_index() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    let secret = socket.say("lobby", "the xylophone combination is 4711", "k1").await;
    let draft = socket.say("lobby", "quixotic first version", "k2").await;
    for word in ["xylophone", "quixotic"] {
        wait::until_async("the index has it", || {
            let api = ana.api.clone();
            async move {
                let found = api.get(&format!("/search?query={word}")).await.ok();
                (found["messages"].as_array().map(Vec::len) == Some(1)).then_some(())
            }
        })
        .await;
    }
    assert!(!in_any_table(&server, "xylophone").is_empty(), "this test looks in the wrong place");
    socket.ok("message:delete", json!({"room": "lobby", "seq": secret})).await;
    socket.ok("message:edit", json!({"room": "lobby", "seq": draft, "text": "a better second"})).await;
    for word in ["xylophone", "quixotic"] {
        wait::until_async("the index has it no more", || {
            let api = ana.api.clone();
            async move {
                let found = api.get(&format!("/search?query={word}")).await.ok();
                (found["messages"] == json!([])).then_some(())
            }
        })
        .await;
        wait::until("no table has it", || in_any_table(&server, word).is_empty().then_some(())).await;
    }
    // It replays as superseded, and the repeat of its key is still known.
    let epoch = socket.ready["epoch"].clone();
    let sync = socket.ok("room:sync", json!({"room": "lobby", "after": 0, "epoch": epoch})).await;
    let first = &sync["entries"][0];
    assert!(first["text"].is_null() && first["superseded_by"].is_u64(), "{first}");
    let again = json!({"room": "lobby", "text": "the xylophone combination is 4711", "client_id": "k1"});
    assert_eq!(socket.ok("message:send", again).await["duplicate"], true);
    // After a clean end the files themselves hold nothing of it.
    assert!(server.terminate().await.success());
    let bytes = everything_on_disk(&server);
    assert!(contains(&bytes, b"a better second"), "this test looks in the wrong place");
    for word in ["xylophone", "quixotic"] {
        assert!(!contains(&bytes, word.as_bytes()), "{word} is still in a file");
    }
}

#[tokio::test]
async fn a_backup_of_the_running_server_is_whole_and_holds_no_key() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for n in 0..20 {
        ana.say("lobby", &format!("message {n}")).await;
    }
    let copy = server.folder().join("copy.db");
    let made = server.command(&["backup", copy.to_str().expect("UTF-8")]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = std::fs::read(&copy).expect("the copy");
    assert!(contains(&bytes, b"message 19"));
    let key = std::fs::read(server.data_dir().join("secret.key")).expect("the key");
    assert!(!contains(&bytes, key.trim_ascii()), "the key is in the backup");
    ana.say("lobby", "and on it goes").await;
}

#[tokio::test]
async fn a_restart_keeps_users_rooms_membership_messages_and_read_marks() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut a, mut b) = (ana.socket().await, bob.socket().await);
    a.ok("room:create", json!({"room": "vault", "kind": "private", "topic": "kept"})).await;
    a.ok("room:invite", json!({"room": "vault", "user": "bob"})).await;
    a.ok("member:role", json!({"room": "vault", "user": "bob", "role": "moderator"})).await;
    for n in 1..=5 {
        a.say("vault", &format!("message {n}"), &format!("k{n}")).await;
    }
    b.ok("reaction:set", json!({"room": "vault", "seq": 4, "emoji": "🎉", "on": true})).await;
    let page = b.ok("history:get", json!({"room": "vault"})).await;
    let third = page["messages"][2]["seq"].clone();
    b.ok("read:mark", json!({"room": "vault", "seq": third})).await;
    let members = b.ok("member:list", json!({"room": "vault"})).await["members"].clone();
    let epoch = b.ready["epoch"].clone();
    let summary = |list: &serde_json::Value| {
        let rooms = list["rooms"].as_array().expect("a list").clone();
        let mut vault = rooms.into_iter().find(|r| r["room"] == "vault").expect("the room");
        vault["present"] = json!(0);
        vault
    };
    let before = summary(&b.ok("room:list", json!({})).await);
    assert!(server.terminate().await.success());
    server.restart().await;
    // The same tokens, the same everything.
    let mut b = bob.socket().await;
    assert_eq!(b.ready["epoch"], epoch);
    assert_eq!(summary(&b.ready.clone()), before);
    assert_eq!(before["unread"], 2);
    assert_eq!(b.ok("history:get", json!({"room": "vault"})).await["messages"], page["messages"]);
    assert_eq!(b.ok("member:list", json!({"room": "vault"})).await["members"], members);
    server.api().login("ana", "correct horse").await;
    let refresh = json!({"refresh_token": bob.refresh});
    server.api().post("/auth/refresh", &refresh).await.ok();
}
