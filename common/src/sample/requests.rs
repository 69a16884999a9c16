//! Samples of every request of `/chat` with its reply.

use std::collections::BTreeMap;

use super::{
    Sample, ana, at, call, cursor, direct_summary, epoch, key, later, lobby, lobby_ref, member, message, name, present,
    reset, summary, sync, thumb,
};
use crate::event::{Empty, custom, history, member as members, message as messages, presence, room, session, user};
use crate::model::{Role, RoomKind, Status};
use crate::{RoomName, RoomRef, Seq};

pub(super) fn all() -> Vec<Sample> {
    [rooms(), entering(), talking(), reading(), people(), moderating(), rest()].into_iter().flatten().collect()
}

fn rooms() -> Vec<Sample> {
    let reply = || room::RoomReply { room: summary() };
    [
        call(
            &room::List { query: Some("lob".into()), after: cursor(), limit: Some(50) },
            room::ListReply { rooms: vec![summary(), direct_summary()], next: cursor() },
        ),
        call(&room::Create { room: lobby(), kind: Some(RoomKind::Private), topic: Some("Come in".into()) }, reply()),
        call(&room::Delete { room: lobby_ref() }, Empty {}),
        call(
            &room::Update {
                room: lobby_ref(),
                topic: Some("New".into()),
                kind: Some(RoomKind::Public),
                retention_days: Some(30),
            },
            reply(),
        ),
        call(&room::Invite { room: lobby_ref(), user: name("~bob") }, Empty {}),
        call(&room::Transfer { room: lobby_ref(), user: name("ana") }, Empty {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn entering() -> Vec<Sample> {
    let joined =
        || room::JoinReply { room: summary(), members: vec![member()], present: vec![present()], sync: sync() };
    let gone = || RoomName::parse("old").unwrap();
    [
        call(&room::Join { room: RoomRef::Direct(name("~bob")), after: Some(Seq(40)), epoch: Some(epoch()) }, joined()),
        call(&room::Leave { room: lobby_ref() }, Empty {}),
        call(
            &room::Subscribe { room: lobby_ref(), after: None, epoch: None },
            room::JoinReply { sync: reset(), ..joined() },
        ),
        call(&room::Unsubscribe { room: lobby_ref() }, Empty {}),
        call(&room::SyncRequest { room: lobby_ref(), after: Seq(40), epoch: epoch(), full: Some(true) }, sync()),
        call(
            &room::Resume { epoch: epoch(), rooms: BTreeMap::from([(lobby(), Seq(40)), (gone(), Seq(3))]) },
            room::ResumeReply { rooms: BTreeMap::from([(lobby(), sync())]), gone: vec![gone()], next: Some(lobby()) },
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn talking() -> Vec<Sample> {
    [
        call(
            &messages::Send { room: lobby_ref(), text: "hello".into(), client_id: key(), reply_to: Some(Seq(40)) },
            messages::SendReply { seq: Seq(41), at: at(), duplicate: false },
        ),
        call(&messages::Edit { room: lobby_ref(), seq: Seq(41), text: "hello!".into() }, Empty {}),
        call(&messages::Delete { room: lobby_ref(), seq: Seq(41) }, Empty {}),
        call(&messages::React { room: lobby_ref(), seq: Seq(41), emoji: thumb(), on: true }, Empty {}),
        call(
            &custom::Send { room: lobby_ref(), name: "poll.vote".into(), data: serde_json::json!({"choice": 2}) },
            Empty {},
        ),
        call(&presence::Typing { room: lobby_ref(), on: true }, Empty {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn reading() -> Vec<Sample> {
    let found = || vec![message()];
    [
        call(
            &history::Get { room: lobby_ref(), before: None, after: None, around: Some(Seq(41)), limit: Some(50) },
            history::GetReply { messages: found(), first: Seq(1), head: Seq(42), has_more: true },
        ),
        call(
            &history::Search {
                query: "hel".into(),
                room: Some(lobby_ref()),
                from: Some(name("ana")),
                since: Some(at()),
                until: Some(later()),
                has: Some(history::Has::Link),
                mention: Some(true),
                after: cursor(),
                limit: Some(20),
            },
            history::SearchReply { messages: found(), next: cursor() },
        ),
        call(
            &history::Thread { room: lobby_ref(), seq: Seq(40), after: cursor() },
            history::ThreadReply { messages: found(), next: None },
        ),
        call(&history::Mark { room: lobby_ref(), seq: Seq(41), force: Some(true) }, Empty {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn people() -> Vec<Sample> {
    let found = || user::UserReply { user: ana(), blocked: false };
    [
        call(&presence::Set { status: Status::Away, text: Some("lunch".into()) }, Empty {}),
        call(&presence::Get { room: Some(lobby_ref()), users: None }, presence::GetReply { present: vec![present()] }),
        call(&user::Get { user: name("ana") }, found()),
        call(&user::SetProfile { display_name: Some("Ana".into()), name: Some("ana".into()) }, found()),
        call(&user::Block { user: name("~bob"), on: true }, Empty {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn moderating() -> Vec<Sample> {
    let (room, user) = (lobby_ref, || name("~bob"));
    [
        call(
            &members::List { room: room(), after: cursor(), limit: Some(100) },
            members::ListReply { members: vec![member()], next: cursor() },
        ),
        call(&members::Kick { room: room(), user: user(), reason: Some("noise".into()) }, Empty {}),
        call(
            &members::Ban { room: room(), user: user(), reason: Some("noise".into()), until: Some(later()) },
            Empty {},
        ),
        call(&members::Unban { room: room(), user: user() }, Empty {}),
        call(&members::Mute { room: room(), user: user(), until: Some(later()), reason: None }, Empty {}),
        call(&members::SetRole { room: room(), user: user(), role: Role::Moderator }, Empty {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn rest() -> Vec<Sample> {
    [
        call(&session::Refresh { token: "eyJ…".into() }, session::RefreshReply { expires_at: Some(later()) }),
        call(&session::Ping {}, session::PingReply { at: at() }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
