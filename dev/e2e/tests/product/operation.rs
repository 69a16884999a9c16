//! What an administrator's machine does with a server: it supervises it, asks whether it is well, has it read its
//! configuration again.

use std::os::unix::net::UnixDatagram;

use chat_common::ErrorCode;
use chat_e2e::server::Options;
use chat_e2e::{Server, balance, services, wait};
use serde_json::json;

#[tokio::test]
async fn the_configuration_is_read_again_and_no_socket_ends() {
    let server = Server::start().await;
    let ana = server.guest("ana").await;
    let mut socket = ana.socket().await;
    socket.join("lobby").await;
    let send = |id: &str, text: &str| json!({"room": "lobby", "text": text, "client_id": id});
    socket.ok("message:send", send("a", "long enough to be too long soon")).await;
    let said = |words: &'static str| {
        let server = &server;
        wait::until(words, move || server.said().contains(words).then_some(()))
    };

    std::fs::write(server.config_file(), "guests = \"off\"\nname = \"other\"\n[limits]\ntext_bytes = 10\n").unwrap();
    server.signal("HUP");
    said("the configuration was read again").await;
    let log = server.said();
    assert!(log.contains("guests") && log.contains("limits.text_bytes"), "{log}");
    assert!(log.contains("waits_for_a_restart=name"), "{log}");
    socket.refused("message:send", send("b", "long enough to be too long now"), ErrorCode::TooLarge).await;
    socket.ok("message:send", send("c", "short")).await;
    let door = server.api().post("/auth/guest", &json!({"name": "raj"})).await;
    door.refused(ErrorCode::Forbidden);

    std::fs::write(server.config_file(), "guests = \"on\"\n[limits]\ntext_byte = 10\n").unwrap();
    server.signal("HUP");
    said("server.toml:3:1: unknown key `text_byte`; did you mean `text_bytes`?").await;
    said("what was in force stays").await;
    socket.refused("message:send", send("d", "long enough to be too long now"), ErrorCode::TooLarge).await;
    let door = server.api().post("/auth/guest", &json!({"name": "raj"})).await;
    door.refused(ErrorCode::Forbidden);
}

#[tokio::test]
async fn doors_origins_and_the_log_change_while_a_socket_stays() {
    let server = Server::start().await;
    let ana = server.guest("ana").await;
    let mut socket = ana.socket().await;
    socket.join("lobby").await;
    let allowed = async || {
        let asked = server.api().request(reqwest::Method::GET, "/api/v1/server").header("Origin", "https://a.example");
        let answer = chat_e2e::Api::send(asked).await;
        answer.headers.get("access-control-allow-origin").map(|v| v.to_str().unwrap_or_default().to_owned())
    };
    assert_eq!(allowed().await, None);
    server.api().register("raj", "correct horse battery").await;
    assert!(!server.said().contains("DEBUG"), "nothing is said of each request yet");

    // A proxy that is believed means strangers, so that what was `auto` closes.
    let new = "allow_origin = [\"https://a.example\"]\ntrusted_proxy = [\"127.0.0.1\"]\nlog = \"chat_server=debug\"\n";
    std::fs::write(server.config_file(), new).unwrap();
    server.signal("HUP");
    wait::until("the reload", || server.said().contains("the configuration was read again").then_some(())).await;
    let said = server.said();
    assert!(["allow_origin", "trusted_proxy", "log"].iter().all(|key| said.contains(key)), "{said}");
    assert_eq!(allowed().await.as_deref(), Some("https://a.example"));
    server.api().post("/auth/guest", &json!({"name": "eve"})).await.refused(ErrorCode::Forbidden);
    let account = json!({"name": "eve", "password": "correct horse battery"});
    server.api().post("/auth/register", &account).await.refused(ErrorCode::Forbidden);
    wait::until("lines of requests", || server.said().contains("DEBUG").then_some(())).await;
    socket.say("lobby", "still here", "a").await;
}

#[tokio::test]
async fn a_supervisor_is_told_of_the_start_of_life_of_reloads_and_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let at = UnixDatagram::bind(&path).unwrap();
    at.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let heard = |name: &str| loop {
        let mut bytes = [0; 512];
        let length = at.recv(&mut bytes).unwrap_or_else(|e| panic!("{name} is not told: {e}"));
        let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if said.starts_with(name) {
            return said;
        }
    };
    let options = Options::roomy().env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "200000");
    let mut server = Server::with(options).await;
    assert!(heard("READY=1\n").contains(&format!("STATUS=answers on {}", server.url())));
    heard("WATCHDOG=1\n");
    server.signal("HUP");
    assert!(heard("RELOADING=1\n").contains("\nMONOTONIC_USEC="));
    heard("READY=1\n");
    let stopped = server.terminate().await;
    heard("STOPPING=1\n");
    assert!(stopped.success(), "{stopped}");
}

#[tokio::test]
async fn a_health_check_says_ready_or_why_not() {
    let mut server = Server::start().await;
    let address = server.address();
    let ask = ["healthcheck", "--listen", &address];
    let output = server.command(&ask).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.terminate().await;
    let output = server.command(&ask).await;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && err.contains("nothing answers at"), "{err}");
}

#[tokio::test]
async fn a_health_check_goes_through_tls_as_well() {
    let test = "a_health_check_goes_through_tls_as_well";
    if !services::programs(test, &["openssl"]) {
        return;
    }
    let folder = balance::certificate();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (at("chat.crt"), at("chat.key"));
    let tls = ["--tls-cert", &cert, "--tls-key", &key];
    let options = tls.iter().fold(Options::roomy(), |options, arg| options.arg(arg));
    let server = Server::with(options).await;
    let any = server.address().replace("127.0.0.1", "0.0.0.0");
    let output = server.command(&[&["healthcheck", "--listen", &any][..], &tls[..]].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = wait::soon("an answer", server.command(&["healthcheck", "--listen", &server.address()])).await;
    assert!(!output.status.success(), "without TLS it is no answer");
}

#[tokio::test]
async fn the_doctor_looks_at_a_running_server_and_at_one_that_cannot_start() {
    let mut server = Server::start().await;
    let address = server.address();
    let look = ["doctor", "--json", "--listen", &address];
    let report = |output: std::process::Output| -> Vec<serde_json::Value> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    };
    let state = |found: &[serde_json::Value], check: &str| {
        let line = found.iter().find(|f| f["check"] == check).unwrap_or_else(|| panic!("no {check}: {found:?}"));
        line["state"].as_str().unwrap().to_owned()
    };
    let output = server.command(&look).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let found = report(output);
    for check in ["configuration", "data folder", "key file", "database", "port", "server"] {
        assert_eq!(state(&found, check), "ok", "{check}: {found:?}");
    }
    server.terminate().await;

    let stranger = std::net::TcpListener::bind(&address).unwrap();
    std::fs::write(server.data_dir().join("chat.db"), "no database at all, but something else").unwrap();
    let output = server.command(&look).await;
    assert_eq!(output.status.code(), Some(1));
    let found = report(output);
    assert_eq!((state(&found, "database"), state(&found, "port")), ("fail".to_owned(), "fail".to_owned()), "{found:?}");
    let holder = format!("process {}", std::process::id());
    assert!(found.iter().any(|f| f["said"].as_str().unwrap().contains(&holder)), "{found:?}");
    assert!(found.iter().filter(|f| f["state"] != "ok").all(|f| f["hint"].is_string()), "each has its way out");
    drop(stranger);

    std::fs::write(server.config_file(), "guest = \"on\"\n").unwrap();
    let file = server.config_file().display().to_string();
    let output = server.command(&["doctor", "--config", &file]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(78) && said.contains("did you mean `guests`?"), "{said}");
}
