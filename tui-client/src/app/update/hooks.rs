//! `/hook`: a room's webhooks. What is shown once is shown whole, in a window that stays until it is read.

use chat_common::RoomRef;
use chat_common::rest::{HookInfo, OutgoingInfo};

use crate::app::picker::{Pick, PickItem, Picker, PickerKind};
use crate::app::{App, Confirmed, Effect, HookAnswer, Overlay, Pending};
use crate::command::HookAsk;

/// Asks for what was typed.
pub(super) fn ask(app: &mut App, ask: HookAsk, room: RoomRef, fx: &mut Vec<Effect>) {
    if let RoomRef::Direct(_) = room {
        return app.complain("a conversation of two has no webhooks; open a room");
    }
    if !app.is_online() {
        return app.complain("offline: webhooks are the server's");
    }
    app.next_tag += 1;
    app.pending.insert(app.next_tag, Pending::Hook(ask.clone()));
    fx.push(Effect::Hook { tag: app.next_tag, room, ask });
}

/// Shows what came of it.
pub(super) fn answer(app: &mut App, ask: &HookAsk, answer: HookAnswer) {
    match answer {
        HookAnswer::Deleted => app.say("the webhook is deleted; what it posted stays"),
        HookAnswer::Listed(hooks, outgoing) => list(app, &hooks, &outgoing),
        HookAnswer::Made(hook) => {
            let did = if matches!(ask, HookAsk::Rotate(_)) { "has another address" } else { "posts here from now on" };
            let question = format!(
                "{} {did}; its address:\n{}\nsecret for senders that sign:\n{}\nThey are shown only now. Copy the \
                 address?",
                hook.name, hook.url, hook.signing_secret
            );
            app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Copy(hook.url) });
        }
        HookAnswer::Out(made) => {
            let question = format!(
                "{} is told of messages from now on.\nWhat it is sent is signed with:\n{}\nThis is shown only now. Copy it?",
                made.info.url, made.signing_secret
            );
            app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Copy(made.signing_secret) });
        }
    }
}

fn list(app: &mut App, hooks: &[HookInfo], outgoing: &[OutgoingInfo]) {
    let mut items: Vec<PickItem> = hooks
        .iter()
        .map(|h| PickItem {
            group: "They post here",
            ..PickItem::new(h.name.as_str(), format!("since {}", h.created_at), Pick::Nothing)
        })
        .collect();
    items.extend(outgoing.iter().map(|o| {
        let state = match (o.disabled_at.is_some(), &o.fault) {
            (true, fault) => format!("DISABLED: {}", fault.as_deref().unwrap_or_default()),
            (false, Some(fault)) => format!("fails: {fault}"),
            (false, None) => "well".to_owned(),
        };
        let dead = if o.dead > 0 { format!(", {} given up", o.dead) } else { String::new() };
        PickItem {
            group: "They are told",
            ..PickItem::new(o.url.as_str(), format!("{state}{dead} · {}", o.id), Pick::Nothing)
        }
    }));
    let none = items.is_empty();
    let mut picker = Picker::new(PickerKind::Hooks, items);
    picker.note = if none {
        "none yet; /hook add NAME makes one that programs post to".to_owned()
    } else {
        "/hook rotate NAME, /hook delete NAME or ID".to_owned()
    };
    app.overlay = Some(Overlay::Picker(Box::new(picker)));
}
