//! The network half's events as the screen's messages, and the screen's wishes as requests. One to one: what they mean
//! is decided elsewhere.

use crate::app::{Answer, Ask, EchoState, Event, Line};
use crate::net::{AnyReply, AnyRequest, LineState, NetEvent, OutboxState};

/// An event of the network half; `None` for what the screen has no use for.
pub(super) fn event(event: NetEvent) -> Option<Event> {
    Some(match event {
        NetEvent::Line(state) => Event::Line(line(state)),
        NetEvent::Ready(ready) => Event::Ready(ready),
        NetEvent::Joined { room, members, present, .. } => Event::Joined { room, members, present },
        NetEvent::OpenFailed { room, error } => Event::OpenFailed { room, error },
        NetEvent::Reset { room, messages, first, head, .. } => Event::Reset { room, messages, first, head },
        NetEvent::Entry(entry) => Event::Entry(entry),
        NetEvent::Repairing { room, on } => Event::Repairing { room, on },
        NetEvent::Hint(hint) => Event::Hint(Box::new(hint)),
        NetEvent::Outbox { client_id, room, state } => Event::Outbox { client_id, room, state: echo(state) },
        NetEvent::Reply { tag, result } => Event::Answer { tag, result: result.map(answer) },
        NetEvent::Gone { room } => Event::Gone { room },
        // Only rooms that are followed by a command have gaps; the screen's rooms are reset.
        NetEvent::Gap { .. } => return None,
    })
}

fn line(state: LineState) -> Line {
    match state {
        LineState::Connecting { attempt } => Line::Connecting { attempt },
        LineState::Online { rtt_ms, transport } => Line::Online { rtt_ms, transport },
        LineState::Waiting { until, attempt, reason } => Line::Waiting { until, attempt, reason },
        LineState::Refused { error } => Line::Refused(error),
    }
}

fn echo(state: OutboxState) -> EchoState {
    match state {
        OutboxState::Queued => EchoState::Queued,
        OutboxState::Stale { .. } => EchoState::Stale,
        OutboxState::Sending => EchoState::Sending,
        OutboxState::Stored { seq, .. } => EchoState::Stored(seq),
        OutboxState::Refused { error } => EchoState::Refused(error),
    }
}

fn answer(reply: AnyReply) -> Answer {
    match reply {
        AnyReply::History(r) => Answer::History(r),
        AnyReply::Found(r) => Answer::Search(r),
        AnyReply::Members(r) => Answer::Members(r),
        AnyReply::Present(r) => Answer::Present(r),
        AnyReply::Rooms(r) => Answer::Rooms(r),
        AnyReply::Room(r) => Answer::Room(r),
        AnyReply::User(r) => Answer::User(r),
        AnyReply::Thread(r) => Answer::Thread(r),
        AnyReply::Done(_) | AnyReply::Sent(_) | AnyReply::Pong(_) => Answer::Done,
    }
}

/// A wish as a request.
pub(super) fn request(ask: Ask) -> AnyRequest {
    match ask {
        Ask::History(r) => r.into(),
        Ask::Search(r) => r.into(),
        Ask::Thread(r) => r.into(),
        Ask::Mark(r) => r.into(),
        Ask::Typing(r) => r.into(),
        Ask::Presence(r) => r.into(),
        Ask::Rooms(r) => r.into(),
        Ask::Create(r) => r.into(),
        Ask::Leave(r) => r.into(),
        Ask::Update(r) => r.into(),
        Ask::Invite(r) => r.into(),
        Ask::Members(r) => r.into(),
        Ask::Present(r) => r.into(),
        Ask::Kick(r) => r.into(),
        Ask::Ban(r) => r.into(),
        Ask::Unban(r) => r.into(),
        Ask::Mute(r) => r.into(),
        Ask::Role(r) => r.into(),
        Ask::Edit(r) => r.into(),
        Ask::Delete(r) => r.into(),
        Ask::React(r) => r.into(),
        Ask::Profile(r) => r.into(),
        Ask::Block(r) => r.into(),
    }
}
