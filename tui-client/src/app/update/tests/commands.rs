//! Slash commands: each asks for what it says.

use chat_common::event::user;
use chat_common::model::Status;
use chat_common::rest::NewHook;

use super::*;
use crate::app::HookAnswer;
use crate::command::HookAsk;

fn typed(line: &str) -> At {
    let mut at = At::ops();
    at.net(Event::Joined { room: Box::new(summary("ops", 10)), members: vec![], present: vec![] });
    at.types(line);
    at.keys("enter");
    at
}

#[test]
fn commands_about_the_room_and_its_members_ask_for_just_that() {
    let last = |line: &str| typed(line).asked().last().map(|a| format!("{a:?}")).unwrap_or_default();
    for (line, begins, holds) in [
        ("/topic the new one", "Update(", "the new one"),
        ("/invite eve", "Invite(", "eve"),
        ("/kick eve too loud", "Kick(", "too loud"),
        ("/ban eve", "Ban(", "eve"),
        ("/unban eve", "Unban(", "eve"),
        ("/mute eve 10m", "Mute(", "600000"),
        ("/role eve moderator", "Role(", "Moderator"),
        ("/who", "Members(", "ops"),
        ("/block eve", "Block(", "on: true"),
        ("/unblock eve", "Block(", "on: false"),
        ("/nick samuel", "Profile(", "samuel"),
        ("/away at lunch", "Presence(", "at lunch"),
        ("/search words", "Search(", "words"),
    ] {
        let asked = last(line);
        assert!(asked.starts_with(begins) && asked.contains(holds), "{line}: {asked}");
    }
}

#[test]
fn webhooks_are_made_and_what_is_shown_once_can_be_copied() {
    let mut at = typed("/hook add ci");
    let wish = at.wishes.iter().rev().find_map(|e| match e {
        Effect::Hook { tag, room, ask } => Some((*tag, room.to_string(), ask.clone())),
        _ => None,
    });
    let (tag, room, ask) = wish.expect("it is asked for");
    assert_eq!((room.as_str(), ask), ("ops", HookAsk::Add(UserName::parse("ci").unwrap())));
    let (name, url) = (UserName::parse("ci").unwrap(), "https://chat.example/hooks/h/s".to_owned());
    let hook = NewHook { id: "h".into(), name, url: url.clone(), signing_secret: "s3".into() };
    at.net(Event::Answer { tag, result: Ok(Answer::Hook(HookAnswer::Made(hook))) });
    let Some(Overlay::Confirm { question, .. }) = &at.app.overlay else { panic!("it is shown") };
    assert!(question.contains(&url) && question.contains("s3"), "{question}");
    at.keys("y");
    assert!(at.wishes.contains(&Effect::Copy(url)) && at.toast() == "copied");
}

#[test]
fn being_away_and_not_to_be_disturbed_end_with_back() {
    let mut at = typed("/dnd in a call");
    assert_eq!(at.app.status, Status::Dnd);
    at.types("/back");
    at.keys("enter");
    assert_eq!(at.app.status, Status::Online);
}

#[test]
fn a_new_name_is_shown_when_the_server_took_it() {
    let mut at = typed("/nick samuel");
    let tag = at.last_tag();
    at.net(Event::Answer {
        tag,
        result: Ok(Answer::User(user::UserReply { user: self::user(1, "samuel"), blocked: false })),
    });
    assert_eq!((at.toast(), at.app.me.as_ref().unwrap().name.as_str()), ("you are samuel now", "samuel"));
}

#[test]
fn what_of_a_room_draws_attention_is_remembered_for_it() {
    let ops = RoomRef::parse("ops").unwrap();
    let at = typed("/notify none");
    assert!(at.wishes.contains(&Effect::NotifyRoom { room: ops.clone(), level: Some("none") }));
    assert_eq!(at.toast(), "#ops is silent");
    assert!(typed("/notify default").wishes.contains(&Effect::NotifyRoom { room: ops, level: None }));
    assert_eq!(typed("/notify loud").toast(), "write it as /notify all, or mentions, or none, or default");
}

#[test]
fn what_one_does_is_said_in_the_room() {
    assert_eq!(typed("/me waves").sent()[0].0, "*waves*");
}

#[test]
fn the_oldest_message_is_fetched_and_selected() {
    let mut at = At::ops();
    at.reset(500..=600);
    at.types("/history");
    at.keys("enter");
    let tag = at.last_tag();
    let messages = (1..=50).map(|n| message("ops", n, &ana())).collect();
    let page = GetReply { messages, first: Seq(1), head: Seq(600), has_more: true };
    at.net(Event::Answer { tag, result: Ok(Answer::History(page)) });
    assert_eq!((at.app.mode, at.app.chosen()), (Mode::Browse, Some(&RowKey::Stored(Seq(1)))));
}

#[test]
fn leaving_asks_first_and_a_private_room_says_what_that_means() {
    let mut at = At::ops();
    let private = RoomSummary { kind: RoomKind::Private, ..summary("ops", 10) };
    at.net(Event::Joined { room: Box::new(private), members: vec![], present: vec![] });
    at.types("/leave");
    at.keys("enter");
    let Some(Overlay::Confirm { question, .. }) = &at.app.overlay else { panic!("a question") };
    assert!(question.contains("somebody must let you in again"), "{question}");
    at.keys("esc");
    assert!(!at.asked().iter().any(|a| matches!(a, Ask::Leave(_))));
    at.types("/leave");
    at.keys("enter y");
    assert!(at.asked().iter().any(|a| matches!(a, Ask::Leave(_))));
}
