//! What `update` wants done. `runtime` does it; nothing here waits for an outcome, answers come back as messages.

use chat_common::event::{history, member, message, presence, room, user};
use chat_common::{ClientId, RoomName, RoomRef, Seq};

use crate::command::HookAsk;
use crate::settings::Setting;

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Keep the message in the outbox on disk and send it.
    Send {
        /// Where.
        room: RoomRef,
        /// As typed.
        text: String,
        /// Its key.
        client_id: ClientId,
        /// What it answers.
        reply_to: Option<Seq>,
    },
    /// Try a refused message again.
    Retry(ClientId),
    /// Drop a refused message.
    Discard(ClientId),
    /// Ask the server; the answer carries the tag.
    Ask {
        /// For the answer.
        tag: u64,
        /// What.
        ask: Box<Ask>,
    },
    /// Ask the server about a room's webhooks; the answer carries the tag.
    Hook {
        /// For the answer.
        tag: u64,
        /// Whose.
        room: RoomRef,
        /// What.
        ask: HookAsk,
    },
    /// Enter a room and stay in it.
    Open(RoomRef),
    /// Stay no longer in a room.
    Close(RoomName),
    /// Do not wait for the next try.
    ReconnectNow,
    /// Keep a draft (empty: forget it).
    SaveDraft {
        /// Where.
        room: RoomRef,
        /// What is typed.
        text: String,
    },
    /// Keep the last view of this room.
    SaveView(RoomName),
    /// Put a text on the clipboard.
    Copy(String),
    /// Show what an address leads to; where nothing can, put it on the clipboard.
    OpenLink(String),
    /// Remember what of a room draws attention; `None`: as of every room.
    NotifyRoom {
        /// As settings name it: `ops`, `@ana`.
        room: RoomRef,
        /// `all`, `mentions`, `none`.
        level: Option<&'static str>,
    },
    /// Draw attention, if the rules of politeness allow it.
    Alert(Alert),
    /// Write the text in the user's own editor.
    Edit(String),
    /// Draw everything anew.
    Redraw,
    /// Stop until the shell wakes it.
    Suspend,
    /// Make a setting hold and write it to the file; `None`: its default.
    Set(&'static Setting, Option<String>),
    /// Leave.
    Quit,
}

/// Others wrote where the user does not look; whether that rings is `notify`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Where.
    pub room: RoomName,
    /// As settings name it: `ops`, `@ana`.
    pub target: RoomRef,
    /// A conversation of two.
    pub direct: bool,
    /// It names the user.
    pub named: bool,
    /// Who wrote what, in one line, unfiltered.
    pub text: String,
}

/// A request other than sending.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// A page of messages.
    History(history::Get),
    /// Messages found.
    Search(history::Search),
    /// The replies to a message.
    Thread(history::Thread),
    /// Read up to here.
    Mark(history::Mark),
    /// Typing or not.
    Typing(presence::Typing),
    /// How present one is.
    Presence(presence::Set),
    /// Public rooms.
    Rooms(room::List),
    /// Make a room.
    Create(room::Create),
    /// End the membership.
    Leave(room::Leave),
    /// Change the room.
    Update(room::Update),
    /// Let somebody in.
    Invite(room::Invite),
    /// Who is a member.
    Members(member::List),
    /// Who is there.
    Present(presence::Get),
    /// Remove.
    Kick(member::Kick),
    /// Remove for good.
    Ban(member::Ban),
    /// Lift a ban.
    Unban(member::Unban),
    /// Silence.
    Mute(member::Mute),
    /// Give a role.
    Role(member::SetRole),
    /// Change a text.
    Edit(message::Edit),
    /// Blank a message.
    Delete(message::Delete),
    /// React.
    React(message::React),
    /// One's own profile.
    Profile(user::SetProfile),
    /// Hide somebody.
    Block(user::Block),
}
