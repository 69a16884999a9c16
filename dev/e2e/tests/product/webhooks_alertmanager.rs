//! The real Alertmanager fires into a room: an alert that begins, and one that is over.

use chat_e2e::foreign::left_out;
use chat_e2e::{Server, wait};
use chat_services::Alertmanager;
use serde_json::{Value, json};

#[tokio::test]
async fn alertmanager_fires_into_a_room_and_says_when_it_is_over() {
    if chat_services::find("prometheus-alertmanager").is_none() {
        return left_out("alertmanager_fires_into_a_room: no prometheus-alertmanager (cargo xtask setup --tests)");
    }
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "ops"})).await.ok();
    let made = ana.api.post("/rooms/ops/hooks", &json!({"name": "alerts"})).await.ok();
    let url = format!("{}/alertmanager", made["url"].as_str().expect("an address"));
    let config = format!(
        "route:\n  receiver: chat\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n  - name: chat\n    webhook_configs:\n      - url: {url}\n        send_resolved: true\n"
    );
    let manager = Alertmanager::start(&config).expect("Alertmanager starts");
    let alert = |over: bool| {
        let mut alert = json!({
            "labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "page"},
            "annotations": {"summary": "The disk of db-1 is full"},
            "generatorURL": "http://prometheus.example/graph",
        });
        if over {
            alert["endsAt"] = json!("2024-01-01T00:00:00Z");
            alert["startsAt"] = json!("2023-12-31T00:00:00Z");
        }
        json!([alert])
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tell = async |alerts: Value| {
        let answer = http.post(format!("{}/api/v2/alerts", manager.url())).json(&alerts).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    };
    let said = async |beginning: &'static str| {
        wait::until_async(beginning, || async {
            let history = ana.api.history("ops").await;
            let mut texts = history.iter().filter_map(|m| m["text"].as_str());
            texts.find(|t| t.starts_with(beginning)).map(str::to_owned)
        })
        .await
    };
    tell(alert(false)).await;
    assert_eq!(
        said("**[FIRING").await,
        "**[FIRING:1] DiskFull** (instance=db-1 severity=page)\n- The disk of db-1 is full\nhttp://prometheus.example/graph"
    );
    tell(alert(true)).await;
    assert!(said("**[RESOLVED").await.contains("- resolved: The disk of db-1 is full"));
}
