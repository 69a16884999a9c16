//! API tokens: what they allow and where.

use chat_common::event::{history, member, presence, user};
use chat_common::rest::{CreateToken, Scope};

use super::*;
use crate::service::{self, accounts, admin, authority, profile, sync as catching, tokens};
use crate::storage::Authority;

fn token(name: &str, scopes: &[Scope]) -> CreateToken {
    CreateToken { name: super::name(name), scopes: scopes.to_vec(), rooms: None, expires_at: None }
}

#[tokio::test]
async fn a_token_speaks_as_its_bot_until_it_is_deleted() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let made = tokens::create(&w.s, &ana, token("ci", &[Scope::Send])).await.unwrap();
    assert!(made.token.starts_with("chat_") && !format!("{made:?}").contains(&made.token));
    let bot = w.bearer(&made.token).await.unwrap();
    assert_eq!((bot.user.name.as_str(), bot.expires_at), ("ci", None));
    w.send(&bot, "ops", "built").await.unwrap();
    let read = history::Get { room: at("ops"), before: None, after: None, around: None, limit: None };
    assert_eq!(code(service::history::get(&w.s, &bot, read.clone()).await), ErrorCode::Forbidden);
    let page = service::history::get(&w.s, &ana, read).await.unwrap();
    assert_eq!(page.messages[0].from, bot.user);

    assert_eq!(tokens::list(&w.s, &ana).await.unwrap().tokens, std::slice::from_ref(&made.info));
    let bob = w.user("bob").await;
    assert_eq!(code(tokens::delete(&w.s, &bob, &made.info.id).await), ErrorCode::NotFound);
    w.told();
    tokens::delete(&w.s, &ana, &made.info.id).await.unwrap();
    assert_eq!(w.told_names(), ["authority"]);
    assert_eq!(code(w.bearer(&made.token).await), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn what_a_token_may_not_be() {
    let w = world().await;
    let (ana, guest) = (w.user("ana").await, w.guest("bob").await);
    let bot = w.bot(&ana, token("ci", &[Scope::Read])).await;
    assert_eq!(code(tokens::create(&w.s, &guest, token("x1", &[Scope::Read])).await), ErrorCode::Forbidden);
    assert_eq!(code(tokens::create(&w.s, &bot, token("x2", &[Scope::Read])).await), ErrorCode::Forbidden);
    assert_eq!(code(tokens::create(&w.s, &ana, token("x3", &[Scope::Admin])).await), ErrorCode::Forbidden);
    assert_eq!(code(tokens::create(&w.s, &ana, token("x4", &[])).await), ErrorCode::Invalid);
    assert_eq!(code(tokens::create(&w.s, &ana, token("ana", &[Scope::Read])).await), ErrorCode::Conflict);
    let past = CreateToken { expires_at: Some(w.clock.now()), ..token("x5", &[Scope::Read]) };
    assert_eq!(code(tokens::create(&w.s, &ana, past).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_with_its_owner() {
    let w = world().await;
    let (root, ana) = (w.admin("root").await, w.user("ana").await);
    let soon =
        CreateToken { expires_at: Some(w.clock.now().plus(Duration::from_secs(60))), ..token("ci", &[Scope::Read]) };
    let short = tokens::create(&w.s, &ana, soon).await.unwrap().token;
    let long = tokens::create(&w.s, &ana, token("cd", &[Scope::Read])).await.unwrap().token;
    assert!(w.bearer(&short).await.is_ok());
    w.pass(60);
    assert_eq!(w.bearer(&short).await.unwrap_err().to_string(), "token expired");
    assert!(w.bearer(&long).await.is_ok());
    let bot = w.bearer(&long).await.unwrap().user.id;
    let (_, cursor) = authority::poll(&w.s, None).await.unwrap();
    admin::ban(&w.s, &root, &name("ana"), None, None).await.unwrap();
    assert_eq!(code(w.bearer(&long).await), ErrorCode::Banned);
    let (rows, _) = authority::poll(&w.s, Some(cursor)).await.unwrap();
    assert!(rows.contains(&Authority::Banned(bot)), "its live connections end, too: {rows:?}");
    assert_eq!(code(w.bearer("chat_nonsense").await), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn an_admin_token_needs_an_admin_behind_it() {
    let w = world().await;
    let root = w.admin("root").await;
    let made = tokens::create(&w.s, &root, token("ops-bot", &[Scope::Admin])).await.unwrap();
    let bot = w.bearer(&made.token).await.unwrap();
    assert!(admin::users(&w.s, &bot, None, None, None).await.is_ok());
    w.s.store.set_server_role(None, root.user.id, ServerRole::User, w.clock.now()).await.unwrap();
    let bot = w.bearer(&made.token).await.unwrap();
    assert_eq!(code(admin::users(&w.s, &bot, None, None, None).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn for_a_token_of_some_rooms_there_are_no_others() {
    let w = world().await;
    let ana = w.user("ana").await;
    for room in ["ops", "dev"] {
        w.room(&ana, room, RoomKind::Public, &[]).await;
        w.send(&ana, room, "needle").await.unwrap();
    }
    let only =
        CreateToken { rooms: Some(vec![RoomName::parse("ops").unwrap()]), ..token("ci", &[Scope::Read, Scope::Send]) };
    let bot = w.bot(&ana, only).await;
    let s = &w.s;
    service::rooms::join(s, &bot, &at("ops")).await.unwrap();
    let missing = service::rooms::join(s, &bot, &at("no-such-room")).await.unwrap_err().body();
    let get = |r: &str| history::Get { room: at(r), before: None, after: None, around: None, limit: None };
    for result in [
        service::rooms::join(s, &bot, &at("dev")).await.unwrap_err(),
        w.send(&bot, "dev", "x").await.unwrap_err(),
        service::history::get(s, &bot, get("dev")).await.unwrap_err(),
        w.send(&bot, "@ana", "x").await.unwrap_err(),
    ] {
        assert_eq!(result.body(), missing);
    }
    let rooms = service::rooms::list(s, &bot, room::List { limit: Some(1), ..Default::default() }).await.unwrap();
    assert_eq!((rooms.rooms.len(), rooms.rooms[0].room.as_str(), rooms.next), (1, "ops", None));
    assert_eq!(catching::ready(s, &bot).await.unwrap().rooms.len(), 1);
    s.store.search_caught_up().await.unwrap();
    let search = history::Search { query: "needle".into(), ..Default::default() };
    let found = service::search::search(s, &bot, search.clone()).await.unwrap();
    assert_eq!(found.messages.iter().map(|m| m.room.as_str()).collect::<Vec<_>>(), ["ops"]);
    assert_eq!(service::search::search(s, &ana, search).await.unwrap().messages.len(), 2);
}

#[tokio::test]
async fn scopes_hold_for_every_request() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let seq = w.send(&ana, "ops", "hello").await.unwrap().seq;
    let s = &w.s;
    let reader = w.bot(&ana, token("reader", &[Scope::Read])).await;
    let (room, user) = (at("ops"), name("ana"));
    let refused = [
        code(w.send(&reader, "ops", "x").await),
        code(service::messages::delete(s, &reader, message::Delete { room: room.clone(), seq }).await),
        code(service::rooms::join(s, &reader, &room).await),
        code(service::rooms::leave(s, &reader, room::Leave { room: room.clone() }).await),
        code(service::rooms::delete(s, &reader, room::Delete { room: room.clone() }).await),
        code(
            service::members::kick(s, &reader, member::Kick { room: room.clone(), user: user.clone(), reason: None })
                .await,
        ),
        code(service::presence::typing(s, &reader, presence::Typing { room: room.clone(), on: true }).await),
        code(profile::block(s, &reader, user::Block { user: user.clone(), on: true }).await),
        code(accounts::patch_me(s, &reader, rest::PatchMe { name: Some("other".into()), ..Default::default() }).await),
        code(admin::users(s, &reader, None, None, None).await),
    ];
    assert!(refused.iter().all(|c| *c == ErrorCode::Forbidden), "{refused:?}");
    let sender = w.bot(&ana, token("sender", &[Scope::Send])).await;
    let refused = [
        code(service::rooms::find(s, &sender, &room).await),
        code(service::rooms::list(s, &sender, room::List::default()).await),
        code(service::search::search(s, &sender, history::Search { query: "x".into(), ..Default::default() }).await),
        code(service::members::list(s, &sender, member::List { room: room.clone(), after: None, limit: None }).await),
        code(service::presence::get(s, &sender, presence::Get { room: Some(room), users: None }).await),
        code(profile::get(s, &sender, user::Get { user }).await),
    ];
    assert!(refused.iter().all(|c| *c == ErrorCode::Forbidden), "{refused:?}");
    w.send(&sender, "ops", "sent").await.unwrap();
    assert!(catching::ready(s, &sender).await.unwrap().rooms.is_empty(), "it connects to send, and is told no rooms");
}
