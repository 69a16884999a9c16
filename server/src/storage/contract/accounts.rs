//! Users and their names, sessions, tokens, invitations, blocks.

use std::sync::Arc;

use chat_common::model::UserKind;
use chat_common::rest::Scope;
use chat_common::{Timestamp, UserId};

use super::*;
use crate::storage::{Authority, InviteRow, NewUser, Rotation, SessionRow, TokenRow};

/// A name belongs to one id for ever, and so do its look-alikes.
pub async fn names_are_given_once(store: Arc<dyn Store>) {
    let ana = user(&store, "alice").await;
    for taken in ["alice", "a1ice"] {
        let new = NewUser { id: UserId::from_bits(99), ..account(taken) };
        assert!(matches!(refused(store.create_user(new).await), Refusal::Conflict(_)), "{taken}");
    }
    let guest = NewUser { name: name("~alice"), ..account("guest-of-that-name") };
    store.create_user(guest).await.unwrap();
    let (_, cursor) = store.authority_since(None).await.unwrap();
    let row = store.set_profile(ana, Some(name("carol")), Some("Carol".into()), start()).await.unwrap();
    assert_eq!((row.user.name.as_str(), row.user.display_name.as_str()), ("carol", "Carol"));
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [Authority::Changed(ana)]);
    assert_eq!(store.user_by_name(&name("alice")).await.unwrap(), None);
    let squatter = NewUser { id: UserId::from_bits(99), ..account("alice") };
    assert!(matches!(refused(store.create_user(squatter).await), Refusal::Conflict(_)), "not after a rename either");
    let bob = user(&store, "bob").await;
    let stolen = store.set_profile(bob, Some(name("alice")), None, start()).await;
    assert!(matches!(refused(stolen), Refusal::Conflict(_)));
    assert_eq!(store.set_profile(ana, Some(name("alice")), None, start()).await.unwrap().user.name, name("alice"));

    assert_eq!(store.user(ana).await.unwrap().unwrap().user.id, ana);
    assert_eq!(store.user(UserId::from_bits(1)).await.unwrap(), None);
    assert_eq!(store.users(&[ana, UserId::from_bits(1), bob]).await.unwrap().len(), 2);
    let listed = store.list_users(None, None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|u| u.user.name.as_str()).collect::<Vec<_>>(), ["alice", "bob", "~alice"]);
    let listed = store.list_users(Some("lic".into()), Some(name("alice")), 10).await.unwrap();
    assert_eq!(listed.iter().map(|u| u.user.name.as_str()).collect::<Vec<_>>(), ["~alice"]);
}

fn session(user: UserId, id: &str, created: Timestamp) -> SessionRow {
    let expires_at = created.plus(Duration::from_secs(3_600));
    SessionRow { id: id.into(), user, agent: Some("test".into()), created_at: created, used_at: created, expires_at }
}

/// A refresh token works once, for a minute twice, and then betrays its thief.
pub async fn refresh_tokens_rotate(store: Arc<dyn Store>) {
    let ana = user(&store, "ana").await;
    store.create_session(session(ana, "s1", start()), [1; 32]).await.unwrap();
    let expires = later(7_200_000);
    let rotate = async |old: u8, new: u8, at| store.rotate_refresh([old; 32], [new; 32], expires, at).await.unwrap();
    assert_eq!(rotate(9, 10, start()).await, Rotation::Unknown);
    let Rotation::Valid(row) = rotate(1, 2, later(1_000)).await else { panic!("not valid") };
    assert_eq!((row.id.as_str(), row.used_at, row.expires_at), ("s1", later(1_000), expires));
    assert!(matches!(rotate(1, 2, later(61_000)).await, Rotation::Valid(_)), "within a minute the same successor");
    assert_eq!(store.session_by_refresh([1; 32]).await.unwrap().unwrap().id, "s1");
    assert_eq!(store.session_by_refresh([2; 32]).await.unwrap().unwrap().id, "s1");
    assert!(matches!(rotate(2, 3, later(62_000)).await, Rotation::Valid(_)));
    let (_, cursor) = store.authority_since(None).await.unwrap();
    assert_eq!(rotate(1, 2, later(61_001)).await, Rotation::Reused);
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [Authority::Session("s1".into())]);
    assert_eq!(rotate(3, 4, later(62_000)).await, Rotation::Unknown, "the whole family is gone");
    assert_eq!(store.session("s1", start()).await.unwrap(), None);
    assert_eq!(store.session_by_refresh([3; 32]).await.unwrap(), None);
    store.create_session(session(ana, "s2", start()), [20; 32]).await.unwrap();
    assert_eq!(rotate(20, 21, later(3_600_000)).await, Rotation::Unknown, "expired");
}

/// Sessions end one by one, all but one, and by a new password or a ban.
pub async fn sessions_end(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        store.create_session(session(ana, id, later(u64::from(n))), [n; 32]).await.unwrap();
    }
    let ids = async || {
        let rows = store.sessions(ana, later(10)).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["c", "b", "a"]);
    let (_, cursor) = store.authority_since(None).await.unwrap();
    assert!(!store.revoke_session(bob, "a", start()).await.unwrap());
    assert!(store.revoke_session(ana, "a", start()).await.unwrap());
    assert!(!store.revoke_session(ana, "a", start()).await.unwrap());
    store.set_password(ana, "hash".into(), Some("b".into()), start()).await.unwrap();
    assert_eq!(ids().await, ["b"]);
    assert_eq!(store.credentials(&name("ana")).await.unwrap().unwrap().1.as_deref(), Some("hash"));
    store.revoke_sessions(ana, None, start()).await.unwrap();
    assert!(ids().await.is_empty());
    let (rows, end) = store.authority_since(Some(cursor)).await.unwrap();
    let all = [
        Authority::Session("a".into()),
        Authority::User { user: ana, except: Some("b".into()) },
        Authority::User { user: ana, except: None },
    ];
    assert_eq!(rows, all);

    store.create_session(session(ana, "d", start()), [9; 32]).await.unwrap();
    store.set_server_ban(Some(bob), ana, Some(later(99)), Some("spam".into()), start()).await.unwrap();
    assert!(ids().await.is_empty());
    assert_eq!(store.user(ana).await.unwrap().unwrap().banned_until, Some(later(99)));
    store.set_server_ban(None, ana, None, None, start()).await.unwrap();
    assert_eq!(store.user(ana).await.unwrap().unwrap().banned_until, None);
    store.set_server_role(None, ana, ServerRole::Admin, start()).await.unwrap();
    assert_eq!(store.user(ana).await.unwrap().unwrap().role, ServerRole::Admin);
    let (rows, _) = store.authority_since(Some(end)).await.unwrap();
    assert_eq!(rows, [Authority::Banned(ana), Authority::Changed(ana), Authority::Changed(ana)]);
    store.add_audit(None, "user:create", "ana", None, start()).await.unwrap();
    let actions: Vec<_> = store.audit(None, 9).await.unwrap().0.into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["user:create", "user:role", "user:unban", "user:ban"]);
    assert_eq!(refused(store.set_password(UserId::from_bits(5), "x".into(), None, start()).await), Refusal::USER);
}

/// Tokens with their bots; invitations and their uses; blocks.
pub async fn tokens_invitations_blocks(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let bot = NewUser { kind: UserKind::Bot, owner: Some(ana), ..account("builds") };
    let token = TokenRow {
        id: "t1".into(),
        owner: ana,
        bot: bot.id,
        name: name("builds"),
        scopes: vec![Scope::Read, Scope::Send],
        rooms: Some(vec![room("lobby")]),
        created_at: start(),
        expires_at: Some(later(50)),
    };
    store.create_token(token.clone(), [7; 32], bot.clone()).await.unwrap();
    assert_eq!(store.user(bot.id).await.unwrap().unwrap().owner, Some(ana));
    let twin = TokenRow { id: "t2".into(), ..token.clone() };
    assert!(matches!(refused(store.create_token(twin, [8; 32], bot).await), Refusal::Conflict(_)));
    assert_eq!(store.token_by_hash([7; 32]).await.unwrap(), Some(token.clone()));
    assert_eq!(store.token_by_hash([8; 32]).await.unwrap(), None, "a refused token left nothing");
    assert_eq!(store.tokens(ana).await.unwrap(), [token]);
    assert!(!store.delete_token(bob, "t1", start()).await.unwrap());
    let (_, cursor) = store.authority_since(None).await.unwrap();
    assert!(store.delete_token(ana, "t1", start()).await.unwrap());
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [Authority::Token("t1".into())]);
    assert_eq!(store.token_by_hash([7; 32]).await.unwrap(), None);

    let invite = InviteRow { id: "i1".into(), code_hash: [3; 32], by: Some(ana), uses_left: 1, expires_at: later(100) };
    store.create_invite(invite.clone(), start()).await.unwrap();
    assert_eq!(store.invites(start()).await.unwrap(), std::slice::from_ref(&invite));
    assert!(store.invites(later(100)).await.unwrap().is_empty());
    let with = |wish: &str, code: u8| NewUser { invite_hash: Some([code; 32]), ..account(wish) };
    let taken = store.create_user(NewUser { id: UserId::from_bits(3), ..with("ana", 3) }).await;
    assert!(matches!(refused(taken), Refusal::Conflict(_)), "a refusal uses no invitation up");
    store.create_user(with("carl", 3)).await.unwrap();
    for code in [3, 4] {
        let used = refused(store.create_user(with("dora", code)).await);
        assert!(matches!(used, Refusal::Invalid { field: "invite", .. }));
    }
    store.create_invite(InviteRow { id: "i2".into(), code_hash: [5; 32], ..invite }, start()).await.unwrap();
    assert!(store.delete_invite("i2").await.unwrap());
    assert!(!store.delete_invite("i2").await.unwrap());

    store.set_block(ana, bob, true, start()).await.unwrap();
    store.set_block(ana, bob, true, start()).await.unwrap();
    assert_eq!(store.blocks(ana).await.unwrap(), [bob]);
    store.set_block(ana, bob, false, start()).await.unwrap();
    assert!(store.blocks(ana).await.unwrap().is_empty());
    assert!(matches!(refused(store.set_block(ana, ana, true, start()).await), Refusal::Invalid { .. }));
}
