//! The interface against its own document: schemathesis makes requests of all kinds from `/api/v1/openapi.json`, fitting
//! and not, and looks at every answer. No failure of the server, no answer that the document does not know. What no
//! schema can say stands in `python/schemathesis.toml`.

use std::path::Path;
use std::process::Command;

use chat_e2e::foreign::python;
use chat_e2e::program::{isolated, root};
use chat_e2e::{Options, Server};
use reqwest::Method;
use serde_json::json;

/// A stream has no end; what it answers is tested by hand.
const STREAM: &str = "/api/v1/rooms/{room}/events";
/// What would end the session with which the others are tried.
const ENDS: [&str; 3] = ["/api/v1/auth/logout", "/api/v1/sessions", "/api/v1/sessions/{id}"];

/// Limits so high that a flood of requests meets other answers than 429, and bodies small enough to be made often.
fn options() -> Options {
    Options::roomy()
        .limit("logins_per_minute", 100_000)
        .limit("guests_per_minute", 100_000)
        .limit("registrations_per_hour", 100_000)
        .limit("rooms_per_user", 100_000)
}

async fn tried(server: &Server, python: &Path, token: &str, paths: &[(&str, &[&str])]) {
    let mut command = Command::new(python.with_file_name("schemathesis"));
    let home = isolated("true", server.folder());
    command.env_clear().envs(home.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(server.folder());
    command.arg("--config-file").arg(root().join("dev/e2e/python/schemathesis.toml")).arg("run");
    command
        .arg(format!("{}/api/v1/openapi.json", server.url()))
        .args(["-H", &format!("Authorization: Bearer {token}")]);
    // The same requests each time: a change of the interface makes this test fail, not the day.
    // One worker: two threads that parse Python at once fail in CPython 3.11 (python/cpython#106905).
    command.args(["--seed", "7", "--max-examples", "10", "--workers", "1", "--continue-on-failure", "--no-color"]);
    command.args(["--request-timeout", "15", "--suppress-health-check", "all", "--warnings", "off"]);
    for (flag, values) in paths {
        for value in *values {
            command.args([*flag, *value]);
        }
    }
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("schemathesis starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn no_answer_that_the_document_does_not_know() {
    let test = "no_answer_that_the_document_does_not_know";
    let Some(python) = python(test) else { return };
    let server = Server::with(options()).await;
    let made = server.command(&["user", "add", "boss", "--admin"]).await;
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let password = said.lines().find_map(|l| l.strip_prefix("password: ")).expect("a password").to_owned();
    let boss = server.api().login("boss", &password).await;
    // What the document's examples name is there.
    server.account("bob").await.say("lobby", "hello").await;
    boss.say("lobby", "and back").await;
    let wish = json!({"name": "tester", "scopes": ["read", "send", "admin"]});
    let token = boss.api.post("/tokens", &wish).await.ok()["token"].as_str().expect("a token").to_owned();
    let all_but: Vec<&str> = ENDS.into_iter().chain([STREAM]).collect();
    tried(&server, &python, &boss.token, &[("--exclude-path", &all_but)]).await;
    tried(&server, &python, &token, &[("--include-path", &ENDS)]).await;
    let still = chat_e2e::Api::send(boss.api.request(Method::GET, "/readyz")).await;
    assert_eq!(still.status, 200, "{}", still.text);
}
