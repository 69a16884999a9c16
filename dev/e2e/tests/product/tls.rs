//! TLS that the server speaks itself: its clients, its certificate exchanged under live connections.

use std::path::Path;

use chat_e2e::foreign::Foreign;
use chat_e2e::server::Options;
use chat_e2e::{Api, Server, balance, raw, services, wait};
use serde_json::json;

use super::commands::Shell;

/// A server with the certificate `chat` of the folder that [`balance::authority`] made, open to all.
async fn server(folder: &Path) -> Server {
    let at = |name: &str| folder.join(name).display().to_string();
    let options = Options::roomy().arg("--guests=on").arg("--registration=open");
    let options = options.arg("--tls-cert").arg(&at("chat.crt")).arg("--tls-key").arg(&at("chat.key"));
    Server::with(options).await
}

/// The certificate that a new connection is shown, in PEM form.
async fn shown(server: &Server) -> String {
    let address = server.address();
    let output = services::blocking(move || {
        let mut command = std::process::Command::new("openssl");
        command.args(["s_client", "-connect", &address]).stdin(std::process::Stdio::null());
        command.output()
    })
    .await;
    let text = String::from_utf8_lossy(&output.expect("openssl starts").stdout).into_owned();
    let from = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("{text}"));
    let end = "-----END CERTIFICATE-----";
    let to = text[from..].find(end).expect("the end of a certificate");
    format!("{}{end}\n", &text[from..from + to])
}

#[tokio::test]
async fn both_clients_talk_over_tls_and_a_stranger_is_told_the_way() {
    let test = "both_clients_talk_over_tls_and_a_stranger_is_told_the_way";
    if !services::programs(test, &["openssl"]) {
        return;
    }
    let folder = balance::authority();
    let ca = folder.path().join("ca.crt");
    let server = server(folder.path()).await;
    let shell = Shell::new(&server);
    let trusting = ["--ca-file", ca.to_str().expect("UTF-8")];
    for via in
        [&["send", "-r", "lobby", "-m", "over rest"][..], &["send", "-r", "lobby", "--via", "socket", "-m", "live"]]
    {
        let (code, _, err) = shell.code(&[&trusting[..], via].concat(), "").await;
        assert_eq!(code, 0, "{err}");
    }
    for transport in ["websocket", "polling"] {
        let tail = ["tail", "-r", "lobby", "-n", "2", "--transport", transport];
        let (code, out, err) = shell.code(&[&trusting[..], &tail[..]].concat(), "").await;
        assert!(code == 0 && out.contains("over rest") && out.contains("live"), "{code} {out} {err}");
    }
    let (code, _, err) = shell.code(&["whoami"], "").await;
    assert!(code == 69 && err.contains("not trusted on this machine") && err.contains("--ca-file"), "{code} {err}");

    let address = server.address();
    let answer = raw::get(&address, "/healthz", "").await;
    assert!(raw::status(&answer) == 400 && answer.contains("write https://"), "{answer}");
    let (code, _, err) = Shell::new(&server).towards(&format!("http://{address}")).code(&["whoami"], "").await;
    assert!(code != 0 && err.contains("https://"), "{code} {err}");
    let plain = Server::start().await;
    let wrong = format!("https://{}", plain.address());
    let (code, _, err) = Shell::new(&server).towards(&wrong).code(&["whoami"], "").await;
    assert!(code != 0 && err.contains("write http://"), "{code} {err}");

    let guest = Api::trusting(&server.url(), &std::fs::read(&ca).expect("the authority")).guest("node").await;
    for transports in [&["websocket"][..], &["polling", "websocket"]] {
        let Some(mut node) = Foreign::trusting(&ca, test, &server.url(), &guest.token, transports).await else {
            return;
        };
        node.next("connect").await;
        node.ok("room:join", json!({"room": "lobby"})).await;
        let sent = json!({"room": "lobby", "text": "from npm", "client_id": transports.join("-")});
        node.ok("message:send", sent).await;
        assert_eq!(node.event("message:created").await["text"], "from npm");
        node.end().await;
    }
}

#[tokio::test]
async fn a_certificate_is_exchanged_under_a_live_socket_and_a_bad_one_is_refused() {
    let test = "a_certificate_is_exchanged_under_a_live_socket_and_a_bad_one_is_refused";
    if !services::programs(test, &["openssl"]) {
        return;
    }
    let folder = balance::authority();
    let (ca, at) = (folder.path().join("ca.crt"), |name: &str| folder.path().join(name));
    let server = server(folder.path()).await;
    let guest = Api::trusting(&server.url(), &std::fs::read(&ca).expect("the authority")).guest("node").await;
    let Some(mut node) = Foreign::trusting(&ca, test, &server.url(), &guest.token, &["websocket"]).await else {
        return;
    };
    node.next("connect").await;
    node.ok("room:join", json!({"room": "lobby"})).await;
    let file = |name: &str| std::fs::read_to_string(at(name)).expect("openssl wrote it");
    assert_eq!(shown(&server).await, file("chat.crt"));

    balance::signed(folder.path(), "next");
    for kind in ["crt", "key"] {
        std::fs::copy(at(&format!("next.{kind}")), at(&format!("chat.{kind}"))).expect("a copy");
    }
    server.signal("HUP");
    let said = |words: &'static str| {
        let server = &server;
        wait::until(words, move || server.said().contains(words).then_some(()))
    };
    said("the TLS certificate was read again").await;
    assert_eq!(shown(&server).await, file("next.crt"));

    std::fs::write(at("chat.key"), "rubbish").expect("our own file");
    server.signal("HUP");
    said("holds no key in PEM form").await;
    said("what was in force stays").await;
    assert_eq!(shown(&server).await, file("next.crt"), "the old one stays");

    // The same connection all along.
    node.ok("message:send", json!({"room": "lobby", "text": "still here", "client_id": "again"})).await;
    assert_eq!(node.event("message:created").await["text"], "still here");
    let gone = node.told_within(std::time::Duration::ZERO, |v| v["type"] == "disconnect").await;
    assert!(gone.is_none(), "{gone:?}");
    node.end().await;
}

#[tokio::test]
async fn a_certificate_that_no_client_would_take_is_refused_at_the_start() {
    let test = "a_certificate_that_no_client_would_take_is_refused_at_the_start";
    if !services::programs(test, &["openssl"]) {
        return;
    }
    let folder = balance::authority();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let server = Server::start().await;
    for (cert, key, said) in [
        ("nowhere.crt", "chat.key", "nowhere.crt cannot be read"),
        ("chat.crt", "ca.key", "does not belong to"),
        ("chat.key", "chat.crt", "are --tls-cert and --tls-key exchanged?"),
    ] {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["config", "check"]] {
            let files = ["--tls-cert", &at(cert), "--tls-key", &at(key)];
            let output = server.command(&[command, &files[..]].concat()).await;
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(78) && err.contains(said), "{command:?} {}: {err}", output.status);
        }
    }
    let files = ["--tls-cert", &at("chat.crt"), "--tls-key", &at("chat.key")];
    let output = server.command(&[&["config", "check"][..], &files[..]].concat()).await;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && out.contains("certificate is for localhost, 127.0.0.1, until "), "{out}");
}
