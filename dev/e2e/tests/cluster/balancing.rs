//! nginx and HAProxy with the files of `deploy/` before three nodes: WebSocket without affinity, polling with it, and
//! why it needs it; TLS, health, addresses.

use std::collections::BTreeSet;

use chat_e2e::link::{Link, Transport};
use chat_e2e::{Account, Api, Cluster, Options, Socket, balance, program, raw, services, wait};
use serde_json::json;

/// Three nodes without a bus, which balancing does not need; `None`: left out.
async fn three(test: &str, options: &Options, balancer: &str) -> Option<Cluster> {
    if !services::programs(test, &[balancer, "openssl"]) {
        return None;
    }
    let database = services::database(test).await?;
    Some(Cluster::with(3, &database, None, options).await)
}

/// Connects and enters `/chat`; the reason if that fails.
async fn enter(
    http: &reqwest::Client,
    base: &str,
    query: &str,
    account: &Account,
    by: Transport,
) -> Result<(), String> {
    let mut link = Link::open(http, base, query, by).await?;
    link.send(format!("0/chat,{}", json!({"token": account.token}))).await;
    let ready = async {
        while let Some(packet) = link.next().await {
            if packet.contains("\"ready\"") {
                return Ok(());
            }
        }
        Err("the session was gone".to_owned())
    };
    wait::soon("an answer to CONNECT", ready).await
}

/// How many of so many clients get in, all beginning anew.
async fn entered(base: &str, account: &Account, by: Transport, count: usize, k: impl Fn(usize) -> String) -> usize {
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let mut good = 0;
    for n in 0..count {
        good += usize::from(enter(&http, base, &k(n), account, by).await.is_ok());
    }
    good
}

#[tokio::test]
async fn websockets_need_no_affinity_behind_nginx() {
    let only = Options::roomy().arg("--transports").arg("websocket");
    let Some(cluster) = three("websockets_need_no_affinity_behind_nginx", &only, "nginx").await else { return };
    let front = balance::nginx("chat-websocket.conf", &cluster.addresses(), None).await;
    spread(&cluster, &front.url()).await;
}

#[tokio::test]
async fn websockets_need_no_affinity_behind_haproxy() {
    let only = Options::roomy().arg("--transports").arg("websocket");
    let Some(cluster) = three("websockets_need_no_affinity_behind_haproxy", &only, "haproxy").await else { return };
    let front = balance::haproxy("haproxy-websocket.cfg", &cluster.addresses(), None).await;
    spread(&cluster, &front.url()).await;
}

/// Nine connections without any mark are three at each node.
async fn spread(cluster: &Cluster, front: &str) {
    let ana = Api::new(front).register("ana", "correct horse").await;
    let mut sockets = Vec::new();
    for _ in 0..9 {
        sockets.push(Socket::connect(front, &ana.token).await);
    }
    for node in &cluster.nodes {
        assert_eq!(node.connections().await, 3, "the least loaded is taken");
    }
}

#[tokio::test]
async fn pages_of_the_balancer_itself_come_in_behind_nginx_on_any_port() {
    let test = "pages_of_the_balancer_itself_come_in_behind_nginx_on_any_port";
    let Some(cluster) = three(test, &Options::roomy(), "nginx").await else { return };
    let nginx = balance::nginx("chat.conf", &cluster.addresses(), None).await;
    let front = nginx.url();
    let address = front.trim_start_matches("http://");
    let path = "/socket.io/?EIO=4&transport=polling";
    // Browsers and python-socketio name the origin with its port; the node compares it with `Host`.
    for (origin, status) in [(front.as_str(), 200), ("http://evil.example", 403)] {
        let answer = raw::get(address, path, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(raw::status(&answer), status, "{origin}: {answer}");
    }
}

#[tokio::test]
async fn polling_keeps_to_one_node_behind_nginx() {
    let Some(cluster) = three("polling_keeps_to_one_node_behind_nginx", &Options::roomy(), "nginx").await else {
        return;
    };
    let front = balance::nginx("chat.conf", &cluster.addresses(), None).await;
    affinity(&cluster, &front.url()).await;
}

#[tokio::test]
async fn polling_keeps_to_one_node_behind_haproxy() {
    let Some(cluster) = three("polling_keeps_to_one_node_behind_haproxy", &Options::roomy(), "haproxy").await else {
        return;
    };
    let front = balance::haproxy("haproxy.cfg", &cluster.addresses(), None).await;
    affinity(&cluster, &front.url()).await;
}

/// Clients with `k=` get in and are spread; those without it stay together by their address.
async fn affinity(cluster: &Cluster, front: &str) {
    let ana = Api::new(front).register("ana", "correct horse").await;
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let mut links = Vec::new();
    for n in 0..30 {
        let mut link = Link::open(&http, front, &format!("client-{n}"), Transport::Polling).await.expect("an OPEN");
        link.send(format!("0/chat,{}", json!({"token": ana.token}))).await;
        let came = async { while !link.next().await.expect("the session lives").contains("\"ready\"") {} };
        wait::soon("ready", came).await;
        links.push(link);
    }
    let mut used = 0;
    for node in &cluster.nodes {
        used += usize::from(node.connections().await > 0);
    }
    assert_eq!(used, 3, "30 values of k reach every node");
    assert_eq!(entered(front, &ana, Transport::Polling, 10, |_| String::new()).await, 10, "by the address, without k");
}

#[tokio::test]
async fn polling_without_affinity_or_hashed_on_the_sid_loses_its_session() {
    let test = "polling_without_affinity_or_hashed_on_the_sid_loses_its_session";
    let Some(cluster) = three(test, &Options::roomy(), "nginx").await else { return };
    let ana = cluster.nodes[0].account("ana").await;
    for (rule, at_least_lost) in [("", 20), ("hash $arg_sid consistent;", 10)] {
        let port = chat_services::free_port().expect("a port");
        let servers: String = cluster.addresses().iter().map(|a| format!("server {a};")).collect();
        let text = format!(
            "upstream chat {{ {rule} {servers} }}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://chat; proxy_http_version 1.1; }} }}"
        );
        let front = balance::start_nginx(text, port).await;
        let good = entered(&front.url(), &ana, Transport::Polling, 30, |n| format!("c{n}")).await;
        println!("polling with the rule `{rule}`: {good} of 30 got in");
        assert!(30 - good >= at_least_lost, "{good} of 30 got in with `{rule}`");
    }
}

#[tokio::test]
async fn tls_ends_at_the_balancer_and_the_terminal_talks_through_it() {
    let test = "tls_ends_at_the_balancer_and_the_terminal_talks_through_it";
    if !services::programs(test, &["haproxy"]) {
        return;
    }
    let Some(cluster) = three(test, &Options::roomy(), "nginx").await else { return };
    let certificate = balance::certificate();
    let nginx = balance::nginx("chat.conf", &cluster.addresses(), Some(certificate.path())).await;
    let haproxy = balance::haproxy("haproxy.cfg", &cluster.addresses(), Some(certificate.path())).await;
    for (name, url) in [("nginx", nginx.url()), ("haproxy", haproxy.url())] {
        let url = url.replace("http://127.0.0.1", "https://localhost");
        let home = tempfile::tempdir().expect("a home");
        let ca = certificate.path().join("chat.crt");
        let tui = |words: &[&str]| {
            let mut command = program::isolated(program::path("chat-tui"), home.path());
            command.args(["--server", &url, "--name", name, "--ca-file"]).arg(&ca).args(words);
            command
        };
        for via in ["rest", "socket"] {
            let text = format!("by {via} through {name}");
            let sent = program::finish(tui(&["send", "-r", "lobby", "--via", via, "-m", &text]), b"").await;
            assert!(sent.status.success(), "{via}, {name}: {}", String::from_utf8_lossy(&sent.stderr));
        }
        let read = program::finish(tui(&["history", "-r", "lobby"]), b"").await;
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.contains(&format!("by socket through {name}")), "{read}");
    }
}

#[tokio::test]
async fn haproxy_sends_nothing_new_to_a_node_that_drains_or_died() {
    let test = "haproxy_sends_nothing_new_to_a_node_that_drains_or_died";
    let Some(mut cluster) = three(test, &Options::roomy(), "haproxy").await else { return };
    let front = balance::haproxy("haproxy.cfg", &cluster.addresses(), None).await;
    let ana = Api::new(&front.url()).register("ana", "correct horse").await;
    assert!(cluster.nodes[0].terminate().await.success());
    cluster.kill9(1);
    // Each request is tried again elsewhere even before the next look at the node's health.
    for n in 0..20 {
        assert!(ana.api.get("/me").await.status.is_success(), "request {n}");
    }
    let by = Transport::Polling;
    wait::until_async("all clients get in at the node that is left", || {
        let (front, ana) = (front.url(), ana.clone());
        async move { (entered(&front, &ana, by, 10, |n| format!("c{n}")).await == 10).then_some(()) }
    })
    .await;
    // Back again, they take their part.
    cluster.restart(0).await;
    cluster.restart(1).await;
    wait::until_async("new clients reach all nodes", || {
        let (front, ana, addresses) = (front.url(), ana.clone(), cluster.addresses());
        async move {
            let mut links = Vec::new();
            let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
            for n in 0..12 {
                let mut link = Link::open(&http, &front, &format!("n{n}"), by).await.ok()?;
                link.send(format!("0/chat,{}", json!({"token": ana.token}))).await;
                while !link.next().await?.contains("\"ready\"") {}
                links.push(link);
            }
            let mut used = BTreeSet::new();
            for address in &addresses {
                let metrics = chat_e2e::raw::get(address, "/metrics", "").await;
                let count = chat_e2e::server::figure(&metrics, "chat_connections")?;
                used.extend((count > 0.0).then_some(address));
            }
            (used.len() == 3).then_some(())
        }
    })
    .await;
}

#[tokio::test]
async fn the_clients_own_address_counts_behind_a_balancer() {
    let test = "the_clients_own_address_counts_behind_a_balancer";
    let options = Options::roomy().limit("guests_per_minute", 3);
    let Some(cluster) = three(test, &options, "nginx").await else { return };
    let front = balance::nginx("chat.conf", &cluster.addresses()[..1], None).await;
    let guest = |name: String, from: &'static str| {
        let api = Api::new(&front.url());
        let request = api.request(reqwest::Method::POST, "/api/v1/auth/guest").json(&json!({"name": name}));
        Api::send(request.header("X-Forwarded-For", from))
    };
    // The outer proxy of 203.0.113.9 is one that the server trusts too: everything here is loopback.
    for n in 0..3 {
        guest(format!("a{n}"), "203.0.113.9").await.ok();
    }
    let refused = guest("a3".to_owned(), "203.0.113.9").await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    guest("b0".to_owned(), "203.0.113.10").await.ok();
    // What is for the operator is not for the world.
    for path in ["/metrics", "/readyz"] {
        let answer = Api::send(Api::new(&front.url()).request(reqwest::Method::GET, path)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_page_and_a_stream_of_events_go_through_the_balancers_as_they_happen() {
    let test = "the_page_and_a_stream_of_events_go_through_the_balancers_as_they_happen";
    if !services::programs(test, &["nginx", "haproxy", "openssl"]) {
        return;
    }
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let cluster = Cluster::with(2, &database, Some(&bus), &Options::roomy()).await;
    let (folder, nodes) = (balance::certificate(), cluster.addresses());
    let tls = Some(folder.path());
    let nginx = balance::nginx("chat.conf", &nodes, tls).await;
    let bare = balance::nginx("chat-websocket.conf", &nodes, tls).await;
    let haproxy = balance::haproxy("haproxy.cfg", &nodes, tls).await;
    let ca = std::fs::read(folder.path().join("chat.crt")).expect("a certificate");
    for (n, front) in [nginx.url(), bare.url(), haproxy.url()].into_iter().enumerate() {
        let front = front.replace("http://127.0.0.1", "https://localhost");
        let api = Api::trusting(&front, &ca);
        let page = Api::send(api.request(reqwest::Method::GET, "/").header("Accept", "text/html")).await;
        assert!(page.status.is_success() && page.headers["content-type"].to_str().is_ok(), "{front}: {}", page.text);
        let ana = api.register(&format!("ana{n}"), "correct horse").await;
        let mut streams = Vec::new();
        for _ in 0..2 {
            let asked = ana.api.request(reqwest::Method::GET, "/api/v1/rooms/lobby/events");
            streams.push(wait::soon("the head of the stream", asked.send()).await.expect("an answer"));
        }
        // One behind the other, while both streams stay open: nothing may wait for a buffer to fill.
        for text in ["at once", "and again"] {
            ana.say("lobby", &format!("{text} {n}")).await;
            for stream in &mut streams {
                let mut heard = String::new();
                while !heard.contains(&format!("{text} {n}")) {
                    let chunk = wait::soon("the event", stream.chunk()).await.expect("the stream goes on");
                    heard.push_str(&String::from_utf8_lossy(&chunk.expect("the stream has not ended")));
                }
            }
        }
    }
}
