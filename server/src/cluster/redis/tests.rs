use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;

use redis::Client;
use url::Url;

use super::*;
use crate::cluster::contract::{Broker, Needs, wire_contract};

/// A server for tests: the shared one with a prefix of its own, or one of the test's own.
struct Server {
    port: u16,
    prefix: String,
    own: Option<Own>,
    sharded: bool,
}

struct Own {
    child: Option<Child>,
    folder: tempfile::TempDir,
}

fn left_out(test: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {why}");
    eprintln!("left out: {test}: {why}");
}

impl Server {
    async fn for_test(needs: Needs, test: &str) -> Option<Self> {
        Self::made(needs, test, false).await
    }

    async fn made(needs: Needs, test: &str, sharded: bool) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if needs == Needs::Shared && !sharded {
            let Ok(url) = std::env::var("CHAT_TEST_REDIS") else {
                left_out(test, "CHAT_TEST_REDIS names no server (cargo xtask test starts one)");
                return None;
            };
            let port = Url::parse(&url).unwrap().port().unwrap();
            return Some(Self { port, prefix, own: None, sharded: false });
        }
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            left_out(test, "there is no redis-server (package redis-server)");
            return None;
        }
        // Free now, and taken again by no other soon: the system gives them in turn.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Own { child: None, folder: tempfile::tempdir().unwrap() };
        let mut server = Self { port, prefix, own: Some(own), sharded };
        if needs != Needs::Away {
            server.start().await;
        }
        Some(server)
    }

    fn place(&self) -> Place {
        Place::from_url(&self.url().parse().unwrap()).unwrap()
    }

    fn signal(&self, signal: &str) {
        let pid = self.own.as_ref().unwrap().child.as_ref().unwrap().id();
        assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[async_trait]
impl Broker for Server {
    fn wire(&self) -> (Arc<dyn Wire>, mpsc::Receiver<Heard>) {
        let (wire, heard) = RedisWire::spawn(self.place());
        (Arc::new(wire), heard)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}?prefix={}", self.port, self.prefix)
    }

    fn keeps_order(&self) -> bool {
        // The library repeats what a node of the cluster did not take, past what waits.
        !self.sharded
    }

    fn noticed_within(&self) -> Duration {
        // PING and ANSWER, and what a busy machine adds.
        Duration::from_secs(30)
    }

    async fn start(&mut self) {
        let own = self.own.as_mut().unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(own.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        if self.sharded {
            command.args(["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]);
        }
        own.child = Some(command.spawn().unwrap());
        if self.sharded {
            own_all_slots(self.port).await;
        }
    }

    async fn stop(&mut self) {
        let mut child = self.own.as_mut().unwrap().child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn freeze(&self) {
        self.signal("-STOP");
    }

    fn thaw(&self) {
        self.signal("-CONT");
    }
}

wire_contract!(|needs, test| async move { Server::for_test(needs, test).await });

/// The same over a cluster of one node, whose channels are sharded.
mod sharded {
    use super::{Server, wire_contract};

    wire_contract!(|needs, test| async move { Server::made(needs, test, true).await });
}

/// A cluster of one node: all slots are its own, at its first start.
async fn own_all_slots(port: u16) {
    let wait = async {
        loop {
            let client = Client::open(("127.0.0.1", port)).unwrap();
            if let Ok(mut node) = client.get_multiplexed_async_connection().await {
                let _owned_already =
                    redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_383).query_async::<()>(&mut node).await;
                let info = redis::cmd("CLUSTER").arg("INFO").query_async::<String>(&mut node).await;
                if info.is_ok_and(|info| info.contains("cluster_state:ok")) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("the cluster is made");
}

fn place(url: &str) -> Result<Place, BadPlace> {
    Place::from_url(&Url::parse(url).unwrap())
}

#[test]
fn a_place_says_nothing_secret() {
    let place = place("redis://me:hunter2@redis.example:6380/3?prefix=team-1").unwrap();
    assert_eq!((place.at.as_str(), place.prefix.as_str()), ("redis.example:6380", "team-1"));
    assert!(!format!("{place:?}").contains("hunter2"));
    assert_eq!(place.info.redis_settings().password(), Some("hunter2"));
}

#[test]
fn what_is_wrong_with_a_url_is_named_without_repeating_it() {
    for (url, said) in [
        ("redis://me:hunter2@h?prefx=a", "`prefx`"),
        ("redis://me:hunter2@h?prefix=", "prefix of Redis channels"),
        ("redis://me:hunter2@h?prefix=a%20b", "prefix of Redis channels"),
        ("redis://me:hunter2@h?ca=/x", "cannot read"),
        ("rediss://me:hunter2@h?ca=/nowhere.pem", "/nowhere.pem"),
        ("rediss://me:hunter2@h?ca=/dev/null", "no certificate"),
        ("redis://me:hunter2@h/nan", "DATABASE"),
    ] {
        let error = place(url).unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("hunter2"), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_topic_and_its_channel_are_the_same() {
    let (wire, _heard) = RedisWire::spawn(place("redis://127.0.0.1:1?prefix=a:b").unwrap());
    for topic in [Topic::All, Topic::Relay, Topic::Room(RoomId(-4)), Topic::User(UserId::from_bits(9))] {
        let channel = wire.shared.channel(topic);
        assert_eq!(wire.shared.topic(&channel), Some(topic), "{channel}");
    }
    for other in ["", "chat:all", "a:b", "a:b:", "a:b:room:", "a:b:room:x", "a:b:user:short", "a:b:later:1"] {
        assert_eq!(wire.shared.topic(other), None, "{other}");
    }
}

/// A user who may do nothing but what the documentation lists.
#[tokio::test]
async fn a_user_with_few_rights_is_enough_and_a_wrong_password_is_not_repeated() {
    let Some(server) = Server::for_test(Needs::Own, "few rights").await else { return };
    let admin = Client::open(server.place().info).unwrap();
    let connect = async {
        loop {
            match admin.get_multiplexed_async_connection().await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let mut admin = tokio::time::timeout(Duration::from_secs(30), connect).await.unwrap();
    let rights = ["on", ">hunter2", "resetchannels", "&mine:*", "+publish", "+subscribe", "+unsubscribe", "+ping"];
    redis::cmd("ACL").arg("SETUSER").arg("chat").arg(&rights).query_async::<()>(&mut admin).await.unwrap();
    let url =
        |password: &str, prefix: &str| format!("redis://chat:{password}@127.0.0.1:{}?prefix={prefix}", server.port);
    let (wire, mut heard) = RedisWire::spawn(place(&url("hunter2", "mine")).unwrap());
    wire.subscribe(Topic::All);
    wait(&mut heard, Heard::Missed(None)).await;
    wire.publish(Topic::All, "x".into());
    wait(&mut heard, Heard::Bytes(Topic::All, "x".into())).await;
    for (url, said) in [(url("wrong-one", "mine"), "user name or the password"), (url("hunter2", "other"), "NOPERM")] {
        let (wire, _heard) = RedisWire::spawn(place(&url).unwrap());
        wire.subscribe(Topic::All);
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let why = loop {
            match wire.health() {
                Err(why) if why.contains(said) => break why,
                other => assert!(std::time::Instant::now() < deadline, "{said}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(!why.contains("wrong-one") && !why.contains("hunter2"), "{why}");
    }
}

async fn wait(heard: &mut mpsc::Receiver<Heard>, what: Heard) {
    let all = async { while heard.recv().await.as_ref() != Some(&what) {} };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_that_it_missed_something() {
    let Some(server) = Server::for_test(Needs::Shared, "a slow reader").await else { return };
    let (wire, mut heard) = RedisWire::spawn(server.place());
    wait(&mut heard, Heard::Missed(None)).await;
    wire.subscribe(Topic::All);
    wait(&mut heard, Heard::Missed(Some(Topic::All))).await;
    let flood = async {
        for n in 0.. {
            wire.publish(Topic::All, "x".into());
            while wire.shared.published.load(Ordering::Relaxed) + 4_000 < n {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    // It reads nothing until the queue was full for a while, so that something was certainly dropped.
    let slow = async {
        let mut full = 0;
        while full < 20 {
            full = if heard.len() == HEARD { full + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while heard.recv().await != Some(Heard::Missed(None)) {}
    };
    tokio::select! {
        () = flood => {}
        told = tokio::time::timeout(Duration::from_secs(60), slow) => told.unwrap(),
    }
    // More of the flood may be on its way and push this one out, so it is said until it is heard.
    let said = async {
        loop {
            wire.publish(Topic::All, "y".into());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = wait(&mut heard, Heard::Bytes(Topic::All, "y".into())) => {}
        () = said => {}
    }
}
