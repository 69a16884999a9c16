//! The dashboard's questions and the alerts' rules, asked of a real Prometheus that scrapes a server at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_e2e::services::{blocking, programs};
use chat_e2e::{Options, Server, program, wait};
use chat_services::Prometheus;
use serde_json::{Value, json};

/// What a server alone and without these does not have.
const ELSEWHERE: [(&str, &str); 3] = [
    ("chat_relay_connections", "--relay"),
    ("chat_feed_lag", "--feed"),
    ("chat_outgoing_seconds", "a receiver of outgoing webhooks"),
];

/// Asks Prometheus' interface.
async fn ask(prometheus: &Prometheus, path: &str, query: &[(&str, &str)]) -> Value {
    let url = format!("{}/api/v1/{path}", prometheus.url());
    let answer = reqwest::Client::new().get(url).query(query).send().await.expect("Prometheus answers");
    let value: Value = answer.json().await.expect("JSON");
    assert_eq!(value["status"], json!("success"), "{query:?}: {value}");
    value["data"].clone()
}

/// With Grafana's variables as they stand when everything is chosen.
fn filled(expression: &str) -> String {
    expression.replace("$instance", ".*").replace("$__rate_interval", "10s")
}

/// Every panel's questions: panel, expression.
fn questions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(program::root().join("deploy/grafana/chat.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut all = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            all.push((title.to_owned(), target["expr"].as_str().expect("an expression").to_owned()));
        }
    }
    all
}

#[tokio::test]
async fn every_panel_of_the_dashboard_has_something_to_show_of_a_server_at_work() {
    let test = "every_panel_of_the_dashboard_has_something_to_show";
    if !programs(test, &["prometheus"]) {
        return;
    }
    let server = Server::with(Options::roomy()).await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (target, rules) = (server.address(), program::root().join("deploy/prometheus/alerts.yml"));
    let prometheus = blocking(move || Prometheus::start(&target, &rules)).await.expect("Prometheus starts");

    // Somebody talks, somebody mistypes, and somebody asks for what is not there, until all was asked.
    let over = Arc::new(AtomicBool::new(false));
    let work = {
        let (api, over) = (server.api(), Arc::clone(&over));
        let (mut a, mut b) = (ana.socket().await, bob.socket().await);
        tokio::spawn(async move {
            a.join("lobby").await;
            b.join("lobby").await;
            for n in 0_u32.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                a.say("lobby", "at work", &format!("{}", n / 2)).await;
                api.get("/rooms/nowhere").await;
                if n % 20 == 0 {
                    api.post("/auth/login", &json!({"name": "ana", "password": "not the password"})).await;
                }
                b.drain().await;
            }
        })
    };
    for (panel, expression) in questions() {
        let query = filled(&expression);
        if ELSEWHERE.iter().any(|(metric, _)| expression.contains(metric)) {
            ask(&prometheus, "query", &[("query", &query)]).await;
            continue;
        }
        wait::until_async(&format!("`{panel}` shows {expression}: {}", prometheus.log_end()), || async {
            let found = ask(&prometheus, "query", &[("query", &query)]).await;
            let series = found["result"].as_array().expect("series").clone();
            // Not a number: nothing was observed in that time.
            let number =
                |s: &Value| s["value"][1].as_str().and_then(|n| n.parse::<f64>().ok()).is_some_and(f64::is_finite);
            series.iter().any(number).then_some(())
        })
        .await;
    }
    let nodes = ask(&prometheus, "label/instance/values", &[("match[]", "chat_build_info")]).await;
    assert_eq!(nodes, json!([server.address()]), "the dashboard's list of nodes");
    // The rules are read and hold nothing that fails; a server that is well fires none of them.
    let rules = wait::until_async("all rules were looked at", || async {
        let found = ask(&prometheus, "rules", &[]).await;
        let rules = found["groups"][0]["rules"].as_array().expect("rules").clone();
        rules.iter().all(|r| r["health"] == json!("ok")).then_some(rules)
    })
    .await;
    assert!(rules.len() > 10, "{rules:?}");
    let firing: Vec<_> = rules.iter().filter(|r| r["state"] == json!("firing")).map(|r| &r["name"]).collect();
    assert!(firing.is_empty(), "{firing:?}");
    over.store(true, Ordering::Relaxed);
    work.await.expect("the work was done");
}
