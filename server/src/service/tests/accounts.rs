//! Coming in, staying in, being put out.

use chat_common::rest::{CreateInvite, Guest, Login, Logout, PatchMe, Refresh, Register};

use super::*;
use crate::service::{accounts, admin, authority, tokens};
use crate::storage::Authority;

fn login(name: &str, password: &str) -> Login {
    Login { name: name.into(), password: password.into() }
}

fn register(name: &str, invite: Option<&str>) -> Register {
    Register { name: name.into(), password: PASSWORD.into(), invite: invite.map(Into::into) }
}

#[tokio::test]
async fn who_registered_can_log_in_by_any_spelling_of_the_name() {
    let w = world().await;
    let ana = w.user("Ana").await;
    assert_eq!(ana.user.name.as_str(), "ana");
    let session = accounts::login(&w.s, &w.anonymous("192.0.2.1"), login(" ＡＮＡ ", PASSWORD)).await.unwrap();
    assert_eq!(session.user, ana.user);
    assert_eq!(session.expires_at.since(w.clock.now()).as_secs(), 15 * 60);
    let me = accounts::me(&w.s, &w.bearer(&session.access_token).await.unwrap()).await.unwrap();
    assert_eq!((me.user, me.scopes), (ana.user, None));
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_one_answer() {
    let w = world().await;
    w.user("ana").await;
    w.guest("bob").await;
    let here = w.anonymous("192.0.2.1");
    let mut answers = Vec::new();
    for (name, password) in
        [("ana", "wrong horse"), ("nobody", PASSWORD), ("~bob", PASSWORD), ("bob", ""), ("a b", "x")]
    {
        answers.push(accounts::login(&w.s, &here, login(name, password)).await.unwrap_err().body());
    }
    assert_eq!(answers[0].code, ErrorCode::Unauthorized);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    let long = accounts::login(&w.s, &here, login("ana", &"x".repeat(2_000))).await;
    assert_eq!(code(long), ErrorCode::Invalid);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_owner_still_gets_in_from_elsewhere() {
    let w = world().await;
    w.user("ana").await;
    // The machine itself is no exception here.
    let here = w.anonymous("127.0.0.1");
    for _ in 0..5 {
        assert_eq!(code(accounts::login(&w.s, &here, login("ana", "wrong horse")).await), ErrorCode::Unauthorized);
    }
    let sixth = accounts::login(&w.s, &here, login("ana", PASSWORD)).await.unwrap_err().body();
    assert_eq!(sixth.code, ErrorCode::RateLimited);
    assert!(sixth.retry_after_ms.unwrap() > 0);
    assert!(accounts::login(&w.s, &w.anonymous("192.0.2.1"), login("ana", PASSWORD)).await.is_ok());
    w.pass(61);
    assert!(accounts::login(&w.s, &here, login("ana", PASSWORD)).await.is_ok());
    assert!(accounts::login(&w.s, &here, login("ana", PASSWORD)).await.is_ok(), "a right one forgives");
}

#[tokio::test]
async fn doors_are_open_as_far_as_they_are_set() {
    let w = world().await;
    let closed = Origin { registration: Registration::Closed, guests: false, ..w.anonymous("192.0.2.1") };
    assert_eq!(code(accounts::register(&w.s, &closed, register("ana", None)).await), ErrorCode::Forbidden);
    assert_eq!(code(accounts::guest(&w.s, &closed, Guest { name: "ana".into() }).await), ErrorCode::Forbidden);

    let root = w.admin("root").await;
    let invite = admin::create_invite(&w.s, &root, CreateInvite::default()).await.unwrap();
    let invited = Origin { registration: Registration::Invite, ..w.anonymous("127.0.0.1") };
    assert_eq!(code(accounts::register(&w.s, &invited, register("ana", None)).await), ErrorCode::Forbidden);
    let bad = accounts::register(&w.s, &invited, register("ana", Some("nonsense"))).await.unwrap_err().body();
    assert_eq!((bad.code, bad.field.as_deref()), (ErrorCode::Invalid, Some("invite")));
    accounts::register(&w.s, &invited, register("ana", Some(&invite.code))).await.unwrap();
    let used = accounts::register(&w.s, &invited, register("bob", Some(&invite.code))).await;
    assert_eq!(code(used), ErrorCode::Invalid, "it was good for one");
    assert!(admin::invites(&w.s, &root, None, None).await.unwrap().invites.is_empty());
}

#[tokio::test]
async fn addresses_have_limits_and_the_machine_itself_has_none() {
    let w = world().await;
    for i in 0..3 {
        accounts::register(&w.s, &w.anonymous("192.0.2.1"), register(&format!("far{i}"), None)).await.unwrap();
    }
    let taken = accounts::register(&w.s, &w.anonymous("192.0.2.2"), register("far0", None)).await;
    assert_eq!(code(taken), ErrorCode::Conflict);
    let fourth = accounts::register(&w.s, &w.anonymous("192.0.2.1"), register("far3", None)).await;
    assert_eq!(code(fourth), ErrorCode::RateLimited);
    for i in 0..12 {
        w.guest(&format!("near{i}")).await;
        let far = accounts::guest(&w.s, &w.anonymous("2001:db8::1"), Guest { name: format!("far-{i}") }).await;
        assert_eq!(far.is_ok(), i < 10);
    }
}

#[tokio::test]
async fn a_guest_keeps_its_name_for_itself() {
    let w = world().await;
    let ana = w.guest("ana").await;
    assert_eq!((ana.user.name.as_str(), ana.user.display_name.as_str()), ("~ana", "ana"));
    let again = accounts::guest(&w.s, &w.anonymous("127.0.0.1"), Guest { name: "ANA".into() }).await.unwrap_err();
    assert_eq!(again.body().code, ErrorCode::Conflict);
    assert!(again.to_string().contains("choose another"), "{again}");
    w.user("ana").await;
    assert_eq!(code(tokens::list(&w.s, &ana).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn passwords_are_measured_in_bytes() {
    let w = world().await;
    for (password, good) in [("", false), ("1234567", false), (&"🦀".repeat(200), true), (&"x".repeat(1_025), false)]
    {
        let req = Register { name: "ana".into(), password: password.into(), invite: None };
        let result = accounts::register(&w.s, &w.anonymous("127.0.0.1"), req).await;
        match result {
            Ok(_) => assert!(good),
            Err(e) => assert_eq!((e.body().code, e.body().field.as_deref()), (ErrorCode::Invalid, Some("password"))),
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_replaced_and_its_late_reuse_ends_the_session() {
    let w = world().await;
    w.user("ana").await;
    let here = w.anonymous("192.0.2.1");
    let first = accounts::login(&w.s, &here, login("ana", PASSWORD)).await.unwrap();
    let refresh = |token: &str| Refresh { refresh_token: token.into() };
    w.pass(600);
    let second = accounts::refresh(&w.s, &here, refresh(&first.refresh_token)).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    w.pass(59);
    let again = accounts::refresh(&w.s, &here, refresh(&first.refresh_token)).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token, "a lost reply can be asked for again");
    let third = accounts::refresh(&w.s, &here, refresh(&second.refresh_token)).await.unwrap();
    assert!(w.bearer(&third.access_token).await.is_ok());
    w.pass(61);
    let (_, cursor) = authority::poll(&w.s, None).await.unwrap();
    assert_eq!(code(accounts::refresh(&w.s, &here, refresh(&second.refresh_token)).await), ErrorCode::Unauthorized);
    assert_eq!(code(w.bearer(&third.access_token).await), ErrorCode::Unauthorized, "the family is revoked");
    assert_eq!(code(accounts::refresh(&w.s, &here, refresh(&third.refresh_token)).await), ErrorCode::Unauthorized);
    let (rows, _) = authority::poll(&w.s, Some(cursor)).await.unwrap();
    assert!(matches!(rows[..], [Authority::Session(_)]), "{rows:?}");
    assert_eq!(code(accounts::refresh(&w.s, &here, refresh("chatr_made-up")).await), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn an_access_token_ends_after_fifteen_minutes() {
    let w = world().await;
    w.user("ana").await;
    let session = accounts::login(&w.s, &w.anonymous("192.0.2.1"), login("ana", PASSWORD)).await.unwrap();
    w.pass(899);
    assert!(w.bearer(&session.access_token).await.is_ok());
    w.pass(1);
    let ended = w.bearer(&session.access_token).await.unwrap_err().body();
    assert_eq!(ended.to_string(), "unauthorized: token expired");
}

#[tokio::test]
async fn logging_out_ends_the_session_at_once() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    let here = w.anonymous("192.0.2.1");
    let other = accounts::login(&w.s, &here, login("ana", PASSWORD)).await.unwrap();
    w.told();
    accounts::logout(&w.s, Some(&ana), Logout::default()).await.unwrap();
    assert_eq!(w.told_names(), ["authority"]);
    let by_refresh = Logout { refresh_token: Some(other.refresh_token) };
    accounts::logout(&w.s, None, by_refresh.clone()).await.unwrap();
    assert_eq!(code(w.bearer(&other.access_token).await), ErrorCode::Unauthorized);
    accounts::logout(&w.s, None, by_refresh).await.unwrap();
    assert_eq!(code(accounts::logout(&w.s, None, Logout::default()).await), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sessions() {
    let w = world().await;
    let ana = w.user("ana").await;
    let other = accounts::login(&w.s, &w.anonymous("192.0.2.1"), login("ana", PASSWORD)).await.unwrap();
    let patch = |current: Option<&str>| PatchMe {
        password: Some("a better horse".into()),
        current_password: current.map(Into::into),
        ..PatchMe::default()
    };
    assert_eq!(code(accounts::patch_me(&w.s, &ana, patch(None)).await), ErrorCode::Invalid);
    assert_eq!(code(accounts::patch_me(&w.s, &ana, patch(Some("wrong horse"))).await), ErrorCode::Invalid);
    accounts::patch_me(&w.s, &ana, patch(Some(PASSWORD))).await.unwrap();
    assert_eq!(code(w.bearer(&other.access_token).await), ErrorCode::Unauthorized);
    assert_eq!(tokens::sessions(&w.s, &ana).await.unwrap().sessions.len(), 1);
    let here = w.anonymous("192.0.2.1");
    assert_eq!(code(accounts::login(&w.s, &here, login("ana", PASSWORD)).await), ErrorCode::Unauthorized);
    assert!(accounts::login(&w.s, &here, login("ana", "a better horse")).await.is_ok());
    let guest = w.guest("bob").await;
    assert_eq!(code(accounts::patch_me(&w.s, &guest, patch(Some("x"))).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let w = world().await;
    let ana = w.user("ana").await;
    let other = accounts::login(&w.s, &w.anonymous("192.0.2.1"), login("ana", PASSWORD)).await.unwrap();
    let list = tokens::sessions(&w.s, &ana).await.unwrap().sessions;
    assert_eq!(list.iter().filter(|s| s.current).count(), 1);
    assert_eq!(list[0].agent.as_deref(), Some("test/1"));
    let id = &list.iter().find(|s| !s.current).unwrap().id;
    let bob = w.user("bob").await;
    assert_eq!(code(tokens::revoke_session(&w.s, &bob, id).await), ErrorCode::NotFound, "another's is not there");
    tokens::revoke_session(&w.s, &ana, id).await.unwrap();
    assert_eq!(code(w.bearer(&other.access_token).await), ErrorCode::Unauthorized);
    accounts::login(&w.s, &w.anonymous("192.0.2.1"), login("ana", PASSWORD)).await.unwrap();
    tokens::revoke_others(&w.s, &ana).await.unwrap();
    assert_eq!(tokens::sessions(&w.s, &ana).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn a_server_ban_ends_everything_until_it_is_over() {
    let mut w = world().await;
    let (root, ana) = (w.admin("root").await, w.user("ana").await);
    let here = w.anonymous("192.0.2.1");
    let session = accounts::login(&w.s, &here, login("ana", PASSWORD)).await.unwrap();
    assert_eq!(code(admin::ban(&w.s, &ana, &name("root"), None, None).await), ErrorCode::Forbidden);
    assert_eq!(code(admin::ban(&w.s, &root, &name("root"), None, None).await), ErrorCode::Forbidden);
    w.told();
    let until = w.clock.now().plus(Duration::from_secs(3_600));
    admin::ban(&w.s, &root, &name("ana"), Some(until), Some("spam".into())).await.unwrap();
    assert_eq!(w.told_names(), ["authority"]);
    assert!(w.bearer(&session.access_token).await.is_err());
    assert_eq!(code(accounts::login(&w.s, &here, login("ana", PASSWORD)).await), ErrorCode::Banned);
    assert_eq!(admin::bans(&w.s, &root, None, None).await.unwrap().users.len(), 1);
    admin::unban(&w.s, &root, &name("ana")).await.unwrap();
    assert!(accounts::login(&w.s, &here, login("ana", PASSWORD)).await.is_ok());
    admin::ban(&w.s, &root, &name("ana"), None, None).await.unwrap();
    let forever = accounts::login(&w.s, &here, login("ana", PASSWORD)).await.unwrap_err();
    assert_eq!(forever.to_string(), "banned");
}

#[tokio::test]
async fn the_owner_of_the_machine_makes_accounts() {
    let w = world().await;
    let (user, generated) = admin::add_user(&w.s, "root", None, true).await.unwrap();
    let session = accounts::login(&w.s, &w.anonymous("127.0.0.1"), login("root", &generated.unwrap())).await.unwrap();
    let root = w.bearer(&session.access_token).await.unwrap();
    assert_eq!((root.user.id, root.role), (user.id, ServerRole::Admin));
    let (_, none) = admin::add_user(&w.s, "ana", Some(PASSWORD.into()), false).await.unwrap();
    assert!(none.is_none());
    assert_eq!(code(admin::add_user(&w.s, "ana", None, false).await), ErrorCode::Conflict);
    let new = admin::reset_password(&w.s, &name("ana"), None).await.unwrap().unwrap();
    assert!(accounts::login(&w.s, &w.anonymous("127.0.0.1"), login("ana", &new)).await.is_ok());

    let local = Caller::local().unwrap();
    admin::set_role(&w.s, &local, &name("ana"), ServerRole::Admin).await.unwrap();
    let users = admin::users(&w.s, &root, None, None, Some(1)).await.unwrap();
    assert_eq!((users.users.len(), users.users[0].user.name.as_str()), (1, "ana"));
    let rest = admin::users(&w.s, &root, None, users.next, None).await.unwrap();
    assert_eq!((rest.users.len(), rest.next), (1, None));
    let audit = admin::audit(&w.s, &root, None, Some(1)).await.unwrap();
    assert_eq!(audit.lines.len(), 1);
    let older = admin::audit(&w.s, &root, audit.next, None).await.unwrap();
    assert!(older.lines.iter().any(|l| l.action == "user:create" && l.actor.is_none()), "{older:?}");
    let ana = w.user("carl").await;
    assert_eq!(code(admin::audit(&w.s, &ana, None, None).await), ErrorCode::Forbidden);
}
