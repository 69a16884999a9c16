//! Nodes that start together, share a key, and are stopped.

use chat_e2e::{Cluster, Options, services};

#[tokio::test]
async fn three_nodes_that_start_at_once_are_one_chat() {
    let test = "three_nodes_that_start_at_once_are_one_chat";
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let cluster = Cluster::start(3, &database, Some(&bus)).await;
    let ana = cluster.nodes[0].account("ana").await;
    let bob = cluster.nodes[1].api().login("ana", "correct horse").await;
    assert_eq!(ana.id(), bob.id());
    let mut listeners = Vec::new();
    for node in &cluster.nodes {
        let mut socket = chat_e2e::Socket::connect(&node.url(), &ana.token).await;
        socket.join("lobby").await;
        listeners.push(socket);
    }
    let seq = listeners[2].say("lobby", "hello", "k1").await;
    for listener in &mut listeners {
        let told = listener.event("message:created").await;
        assert_eq!((told["seq"].as_u64(), told["text"].as_str()), (Some(seq), Some("hello")));
    }
}

/// The earlier article's nginx: two upstreams in plain round robin, the upgrade passed on, and nothing else.
fn article(servers: &[String], port: u16) -> String {
    let servers: String = servers.iter().map(|a| format!("    server {a};\n")).collect();
    format!(
        "upstream app {{\n{servers}}}\nupstream socket {{\n{servers}}}\nserver {{\n  listen 127.0.0.1:{port};\n\
         \x20 location / {{\n    proxy_pass http://app;\n  }}\n\
         \x20 location /socket.io {{\n    proxy_pass http://socket;\n    proxy_http_version 1.1;\n\
         \x20   proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection \"upgrade\";\n  }}\n}}\n"
    )
}

/// Official clients of the relay, one of which is at each node.
async fn relay_clients(test: &str, front: &str) -> Option<Vec<(tokio::process::Child, Lines)>> {
    use tokio::io::AsyncBufReadExt;
    let modules = chat_e2e::foreign::node_modules(test)?;
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut child = tokio::process::Command::new("node")
            .arg(chat_e2e::program::root().join("dev/e2e/node/emit.mjs"))
            .arg(front)
            .env("CHAT_E2E_MODULES", modules.join(""))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut lines = tokio::io::BufReader::new(child.stdout.take().expect("piped")).lines();
        assert_eq!(next(&mut lines).await, serde_json::json!({"connected": true}));
        all.push((child, lines));
    }
    Some(all)
}

type Lines = tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>;

async fn next(lines: &mut Lines) -> serde_json::Value {
    let line = chat_e2e::wait::soon("the client tells", lines.next_line()).await.expect("UTF-8").expect("node runs");
    serde_json::from_str(&line).expect("JSON")
}

#[tokio::test]
async fn two_relays_behind_the_articles_nginx_reach_each_others_clients() {
    let test = "two_relays_behind_the_articles_nginx_reach_each_others_clients";
    if !services::programs(test, &["nginx"]) {
        return;
    }
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let options = Options::roomy().arg("--relay").arg("--relay-open");
    let cluster = Cluster::with(2, &database, Some(&bus), &options).await;
    let port = chat_services::free_port().expect("a port");
    let front = chat_e2e::balance::start_nginx(article(&cluster.addresses(), port), port).await;
    let Some(mut clients) = relay_clients(test, &front.url()).await else { return };
    for (n, node) in cluster.nodes.iter().enumerate() {
        let push = node.api().request(reqwest::Method::POST, "/app/push-data");
        let pushed = chat_e2e::Api::send(push.json(&serde_json::json!({"message": format!("xin chào {n}")}))).await;
        assert_eq!((pushed.status.as_u16(), pushed.text.as_str()), (201, ""));
        for (_, lines) in &mut clients {
            assert_eq!(next(lines).await, serde_json::json!({"data": format!("xin chào {n}")}));
        }
    }
    // Through the balancer as well, as the article's client does.
    let push = chat_e2e::Api::new(&front.url()).request(reqwest::Method::POST, "/app/push-data");
    let pushed = chat_e2e::Api::send(push.form(&[("message", "by a form")])).await;
    assert_eq!(pushed.status, 201);
    for (_, lines) in &mut clients {
        assert_eq!(next(lines).await, serde_json::json!({"data": "by a form"}));
    }
}

#[tokio::test]
async fn two_nodes_without_a_bus_are_warned_of() {
    let test = "two_nodes_without_a_bus_are_warned_of";
    let Some(database) = services::database(test).await else { return };
    let options = Options::roomy().arg("--relay").arg("--relay-open");
    let cluster = Cluster::with(2, &database, None, &options).await;
    for node in &cluster.nodes {
        chat_e2e::wait::until("the log warns of nodes that do not hear each other", || {
            node.said().lines().any(|l| l.contains("WARN") && l.contains("--bus")).then_some(())
        })
        .await;
        chat_e2e::wait::until_async("/readyz names it", || async {
            let ready = chat_e2e::Api::send(node.api().request(reqwest::Method::GET, "/readyz")).await;
            assert_eq!(ready.status, 200, "{}", ready.text);
            ready.text.contains("--bus").then_some(())
        })
        .await;
    }
}
