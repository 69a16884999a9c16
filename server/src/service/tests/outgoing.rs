//! Outgoing webhooks: what they are told, in which order, and what becomes of what they do not take.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use chat_common::rest::{CreateOutgoing, OutgoingInfo, Resend, Told};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::outgoing::deliver::{self, Timing};
use super::super::outgoing::{self};
use super::*;
use crate::outbound::{Answer, Caller as Call, Post};
use crate::storage::Led;

/// Takes everything; before that, answers as told.
#[derive(Default)]
struct Pot {
    answers: Mutex<VecDeque<Result<u16, String>>>,
    got: Mutex<Vec<Post>>,
}

#[async_trait]
impl Call for Pot {
    async fn call(&self, post: &Post) -> std::result::Result<Answer, String> {
        self.got.lock().unwrap().push(post.clone());
        match self.answers.lock().unwrap().pop_front() {
            Some(Err(why)) => Err(why),
            answer => Ok(Answer { status: answer.and_then(std::result::Result::ok).unwrap_or(200), retry_after: None }),
        }
    }
}

type Result<T, E = super::super::Error> = std::result::Result<T, E>;

impl Pot {
    fn answers(&self, answers: &[Result<u16, &str>]) {
        self.answers.lock().unwrap().extend(answers.iter().map(|a| a.map_err(str::to_owned)));
    }

    fn ids(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|p| header(p, "webhook-id").to_owned()).collect()
    }

    fn bodies(&self) -> Vec<Value> {
        self.got.lock().unwrap().iter().map(|p| serde_json::from_slice(&p.body).unwrap()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |b: &Value| format!("{} {}", b["type"].as_str().unwrap(), b["data"]["text"].as_str().unwrap_or("-"));
        self.bodies().iter().map(text).collect()
    }
}

fn header<'a>(post: &'a Post, name: &str) -> &'a str {
    post.headers.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v)
}

struct Telling {
    pot: Arc<Pot>,
    stirs: broadcast::Sender<crate::cluster::tap::Stir>,
    drain: CancellationToken,
    task: JoinHandle<()>,
}

const TIMING: Timing = Timing {
    first: Duration::from_secs(10),
    longest: Duration::from_secs(60),
    tries: 3,
    disable: Duration::from_secs(3_600),
};

impl Telling {
    fn start(w: &World) -> Self {
        Self::with(w, Arc::default())
    }

    fn with(w: &World, pot: Arc<Pot>) -> Self {
        let (stirs, listening) = broadcast::channel(8);
        let drain = CancellationToken::new();
        let task = tokio::spawn(deliver::run(deliver::Parts {
            services: Arc::clone(&w.s),
            out: Arc::clone(&pot) as Arc<dyn Call>,
            node: Some(NodeId(1)),
            stirs: listening,
            drain: drain.clone(),
            timing: TIMING,
        }));
        Self { pot, stirs, drain, task }
    }

    async fn stop(self) -> Arc<Pot> {
        self.drain.cancel();
        self.task.await.unwrap();
        self.pot
    }
}

async fn until(w: &World, what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "not within 20 s: {what}");
        w.s.wake.notify_one();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn made(w: &World, by: &Caller, events: Option<&[Told]>, bots: bool) -> OutgoingInfo {
    let req = CreateOutgoing { url: "https://8.8.8.8/hook".into(), events: events.map(<[_]>::to_vec), bots };
    outgoing::create(&w.s, by, &at("ops"), req).await.unwrap().info
}

async fn now(w: &World, by: &Caller) -> OutgoingInfo {
    outgoing::list(&w.s, by, &at("ops")).await.unwrap().outgoing.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_is_told_in_order_and_signed() {
    let w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&ana]).await;
    w.send(&ana, "ops", "before").await.unwrap();
    let events = [Told::MessageCreated, Told::MessageDeleted, Told::MemberJoined, Told::MemberLeft];
    let hook = made(&w, &ana, Some(&events), false).await;
    let one = w.send(&ana, "ops", "one").await.unwrap();
    let edit = message::Edit { room: at("ops"), seq: one.seq, text: "edited".into() };
    super::super::messages::edit(&w.s, &ana, edit).await.unwrap();
    let gone = w.send(&ana, "ops", "gone").await.unwrap();
    super::super::messages::delete(&w.s, &ana, message::Delete { room: at("ops"), seq: gone.seq }).await.unwrap();
    super::super::rooms::join(&w.s, &bob, &at("ops")).await.unwrap();
    super::super::rooms::leave(&w.s, &bob, room::Leave { room: at("ops") }).await.unwrap();
    let telling = Telling::start(&w);
    telling.stirs.send(crate::cluster::tap::Stir::Any).unwrap();
    until(&w, "all is told", async || telling.pot.ids().len() >= 5 && now(&w, &ana).await.waiting == 0).await;
    let pot = telling.stop().await;
    let mut types: Vec<_> = pot.bodies().iter().map(|b| b["type"].as_str().unwrap().to_owned()).collect();
    let moves = types.split_off(3);
    assert_eq!(types, ["message:created", "message:created", "message:deleted"]);
    assert_eq!(moves, ["member:joined", "member:left"]);
    let bodies = pot.bodies();
    assert_eq!(bodies[1]["data"]["text"], Value::Null, "what is deleted is told without its text");
    assert_eq!(bodies[3]["data"]["user"]["name"], "bob");
    assert_eq!((&bodies[0]["v"], &bodies[0]["epoch"]), (&1.into(), &w.s.store.epoch().0.into()));
    let ids = pot.ids();
    assert_eq!(ids[0], format!("msg_{}_{}_{}", w.s.store.epoch(), hook.id, one.seq));
    assert!(bodies.iter().zip(&ids).all(|(b, id)| b["delivery"] == **id));
    let posts = pot.got.lock().unwrap().clone();
    assert_eq!(header(&posts[0], "webhook-timestamp"), "1800000000");
    assert!(posts.iter().all(|p| header(p, "webhook-signature").starts_with("v1,") && p.url == "https://8.8.8.8/hook"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_do_not_hear_themselves() {
    let w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    let token = |n: &str| rest::CreateToken {
        name: name(n),
        scopes: vec![rest::Scope::Send, rest::Scope::Read],
        rooms: None,
        expires_at: None,
    };
    let (anas, bobs) = (w.bot(&ana, token("anabot")).await, w.bot(&bob, token("bobbot")).await);
    for bots in [false, true] {
        let hook = made(&w, &ana, None, bots).await;
        let telling = Telling::start(&w);
        for (from, text) in [(&anas, "mine"), (&bobs, "theirs"), (&ana, "a person's")] {
            w.send(from, "ops", text).await.unwrap();
        }
        until(&w, "all is told", async || now(&w, &ana).await.waiting == 0).await;
        let texts = telling.stop().await.texts();
        let expected: &[&str] = if bots {
            &["message:created theirs", "message:created a person's"]
        } else {
            &["message:created a person's"]
        };
        assert_eq!(texts, expected);
        outgoing::delete(&w.s, &ana, &at("ops"), &hook.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_later_and_later_then_put_aside_and_sent_again() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let hook = made(&w, &ana, None, false).await;
    let telling = Telling::start(&w);
    telling.pot.answers(&[Ok(500), Err("no connection"), Ok(302)]);
    w.send(&ana, "ops", "one").await.unwrap();
    w.send(&ana, "ops", "two").await.unwrap();
    let tried = async |n: usize| until(&w, "it is tried", async || telling.pot.ids().len() == n).await;
    tried(1).await;
    until(&w, "the failure is written down", async || now(&w, &ana).await.fault.is_some()).await;
    assert_eq!(now(&w, &ana).await.fault.unwrap(), "it answered 500");
    // Not before its time: the first wait is at least half of ten seconds.
    w.pass(4);
    w.s.wake.notify_one();
    w.pass(6);
    tried(2).await;
    until(&w, "the failure is written down", async || now(&w, &ana).await.fault.as_deref() == Some("no connection"))
        .await;
    w.pass(20);
    tried(3).await;
    until(&w, "it is put aside", async || now(&w, &ana).await.dead == 1).await;
    let dead = outgoing::dead(&w.s, &ana, &at("ops"), &hook.id).await.unwrap().dead.remove(0);
    assert_eq!((dead.attempts, dead.fault.as_str(), dead.event), (3, "it answered 302", Told::MessageCreated));
    w.pass(60);
    tried(4).await;
    until(&w, "the next one is taken", async || now(&w, &ana).await.waiting == 0).await;
    let ids = telling.pot.ids();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "the same id for every try: {ids:?}");
    assert_eq!(now(&w, &ana).await.failing_since, None);
    // Again: at first it fails once more.
    telling.pot.answers(&[Ok(500)]);
    let all = || Resend::default();
    assert_eq!(outgoing::resend(&w.s, &ana, &at("ops"), &hook.id, all()).await.unwrap().count, 1);
    tried(5).await;
    until(&w, "it is still there", async || {
        let dead = outgoing::dead(&w.s, &ana, &at("ops"), &hook.id).await.unwrap().dead;
        dead.len() == 1 && dead[0].attempts == 4 && !dead[0].again
    })
    .await;
    let one = Resend { delivery: Some(dead.delivery.clone()) };
    assert_eq!(outgoing::resend(&w.s, &ana, &at("ops"), &hook.id, one).await.unwrap().count, 1);
    until(&w, "it is taken", async || now(&w, &ana).await.dead == 0).await;
    assert_eq!(
        (telling.pot.ids()[5].as_str(), telling.pot.texts()[5].as_str()),
        (dead.delivery.as_str(), "message:created one")
    );
    let none = Resend { delivery: Some(dead.delivery) };
    assert_eq!(code(outgoing::resend(&w.s, &ana, &at("ops"), &hook.id, none).await), ErrorCode::NotFound);
    telling.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_answers_is_disabled_and_its_maker_told() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let hook = made(&w, &ana, None, false).await;
    let telling = Telling::start(&w);
    telling.pot.answers(&[Ok(500); 50]);
    w.send(&ana, "ops", "one").await.unwrap();
    until(&w, "it failed", async || now(&w, &ana).await.failing_since.is_some()).await;
    w.pass(3_700);
    until(&w, "it is disabled", async || now(&w, &ana).await.disabled_at.is_some()).await;
    let notice = |s: &Signal| matches!(s, Signal::User { user, hint: Hint::Notice { code, .. }, .. } if *user == ana.user.id && code == "outgoing_disabled");
    let told = w.told();
    assert!(told.iter().any(notice), "{told:?}");
    let tries = telling.pot.ids().len();
    telling.pot.answers.lock().unwrap().clear();
    w.pass(3_700);
    outgoing::enable(&w.s, &ana, &at("ops"), &hook.id).await.unwrap();
    until(&w, "it goes on where it was", async || now(&w, &ana).await.waiting == 0).await;
    assert_eq!(telling.pot.texts()[tries..], ["message:created one"]);
    // One that says it is gone for good is believed.
    telling.pot.answers(&[Ok(410)]);
    w.send(&ana, "ops", "two").await.unwrap();
    until(&w, "it is disabled", async || now(&w, &ana).await.disabled_at.is_some()).await;
    telling.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_goes_on_where_one_stopped() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    made(&w, &ana, None, false).await;
    let first = Telling::start(&w);
    w.send(&ana, "ops", "one").await.unwrap();
    until(&w, "it is told", async || now(&w, &ana).await.waiting == 0).await;
    let pot = first.stop().await;
    w.send(&ana, "ops", "two").await.unwrap();
    // Somebody else is at it: nothing is sent here.
    assert!(w.s.store.lead(Led::Outgoing, NodeId(7), Duration::from_secs(600)).await.unwrap());
    let second = Telling::with(&w, pot);
    w.s.wake.notify_one();
    assert!(w.s.store.lead(Led::Outgoing, NodeId(7), Duration::ZERO).await.unwrap());
    until(&w, "it is told", async || now(&w, &ana).await.waiting == 0).await;
    assert_eq!(second.stop().await.texts(), ["message:created one", "message:created two"]);
    assert!(
        w.s.store.lead(Led::Outgoing, NodeId(8), Duration::from_secs(1)).await.unwrap(),
        "it was given up at the end"
    );
}

#[tokio::test]
async fn who_may_not_moderate_makes_none_and_nobody_names_an_inner_address() {
    let w = world().await;
    let (ana, eve) = (w.user("ana").await, w.user("eve").await);
    w.room(&ana, "ops", RoomKind::Public, &[&eve]).await;
    let req = |url: &str| CreateOutgoing { url: url.into(), events: None, bots: false };
    let create = async |by: &Caller, url: &str| outgoing::create(&w.s, by, &at("ops"), req(url)).await.map(|_| ());
    assert_eq!(code(create(&eve, "https://8.8.8.8/").await), ErrorCode::Forbidden);
    for url in
        ["http://127.0.0.1/", "http://localhost:8080/", "http://169.254.169.254/", "http://[::1]/", "ftp://x.example/"]
    {
        let error = create(&ana, url).await.unwrap_err().body();
        assert_eq!((error.code, error.field.as_deref()), (ErrorCode::Invalid, Some("url")), "{url}");
    }
    let nothing = CreateOutgoing { url: "https://8.8.8.8/".into(), events: Some(vec![]), bots: false };
    assert_eq!(code(outgoing::create(&w.s, &ana, &at("ops"), nothing).await.map(|_| ())), ErrorCode::Invalid);
    assert_eq!(code(outgoing::dead(&w.s, &ana, &at("ops"), "none").await), ErrorCode::NotFound);
    assert_eq!(code(outgoing::list(&w.s, &eve, &at("ops")).await), ErrorCode::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_waits_goes_with_the_user_who_wrote_it() {
    let w = world().await;
    let (ana, bob, root) = (w.user("ana").await, w.user("bob").await, w.admin("root").await);
    w.room(&bob, "ops", RoomKind::Public, &[&ana]).await;
    made(&w, &bob, None, false).await;
    let telling = Telling::start(&w);
    telling.pot.answers(&[Ok(500)]);
    w.send(&ana, "ops", "my secret").await.unwrap();
    until(&w, "it failed", async || now(&w, &bob).await.failing_since.is_some()).await;
    super::super::erasure::erase_and_wait(&w.s, &root, &name("ana"), true).await.unwrap();
    w.pass(60);
    until(&w, "all is told", async || now(&w, &bob).await.waiting == 0).await;
    let pot = telling.stop().await;
    let (ids, bodies) = (pot.ids(), pot.bodies());
    assert_eq!((ids.len(), &ids[0]), (3, &ids[1]), "the first again, then that it is gone");
    assert_eq!(bodies[0]["data"]["text"], "my secret", "it was sent once before");
    assert_eq!((&bodies[1]["data"]["text"], &bodies[1]["data"]["from"]["name"]), (&Value::Null, &"erased".into()));
    assert_eq!(
        (&bodies[2]["type"], &bodies[2]["data"]["event"]),
        (&"message:deleted".into(), &"message:blanked".into())
    );
    assert!(!bodies[1..].iter().any(|b| b.to_string().contains("ana")), "{bodies:?}");
    let counted: Vec<_> = w.s.counters.outgoing.all().map(|(told, n)| (told.as_str(), n)).collect();
    assert_eq!(counted, [("taken", 2), ("failed", 1), ("dead", 0)]);
    assert_eq!(w.s.counters.outgoing.took.spread().count(), 3);
}
