//! Every request the screen and the commands make over the line, and the replies; `net` itself makes joins, resumes,
//! syncs, pings and the outbox's sends.

use chat_common::ErrorBody;
use chat_common::event::{Empty, RawReply, Request, custom, history, member, message, presence, room, session, user};
use serde_json::Value;

/// Makes both enums, and ties each request to its reply.
macro_rules! any {
    ($($variant:ident($payload:ty) -> $reply_variant:ident,)+; $($(#[$doc:meta])* $reply:ident($body:ty),)+) => {
        /// One variant for each type of request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyRequest {
            $(#[doc = concat!("See [`", stringify!($payload), "`].")] $variant($payload),)+
        }

        /// A positive reply.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyReply {
            $($(#[$doc])* $reply($body),)+
        }

        impl AnyRequest {
            /// The event's name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$payload>::NAME,)+
                }
            }

            /// The payload without `req_id`.
            pub(crate) fn payload(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$variant(p) => serde_json::to_value(p),)+
                }
            }

            /// Which request a reply answers, without its payload.
            pub(crate) fn kind(&self) -> AnyKind {
                match self {
                    $(Self::$variant(_) => AnyKind::$variant,)+
                }
            }
        }

        /// Which request a reply answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum AnyKind {
            $($variant,)+
        }

        impl AnyKind {
            /// Reads the reply.
            pub(crate) fn decode(self, raw: RawReply) -> Result<AnyReply, ErrorBody> {
                match self {
                    $(Self::$variant => raw.decode::<$payload>().map(AnyReply::$reply_variant),)+
                }
            }
        }

        $(impl From<$payload> for AnyRequest {
            fn from(p: $payload) -> Self {
                Self::$variant(p)
            }
        })+
    };
}

any! {
    RoomList(room::List) -> Rooms,
    RoomCreate(room::Create) -> Room,
    RoomDelete(room::Delete) -> Done,
    RoomLeave(room::Leave) -> Done,
    RoomUpdate(room::Update) -> Room,
    RoomInvite(room::Invite) -> Done,
    RoomTransfer(room::Transfer) -> Done,
    Send(message::Send) -> Sent,
    Edit(message::Edit) -> Done,
    Delete(message::Delete) -> Done,
    React(message::React) -> Done,
    History(history::Get) -> History,
    Search(history::Search) -> Found,
    Thread(history::Thread) -> Thread,
    Mark(history::Mark) -> Done,
    Typing(presence::Typing) -> Done,
    PresenceSet(presence::Set) -> Done,
    PresenceGet(presence::Get) -> Present,
    MemberList(member::List) -> Members,
    Kick(member::Kick) -> Done,
    Ban(member::Ban) -> Done,
    Unban(member::Unban) -> Done,
    Mute(member::Mute) -> Done,
    SetRole(member::SetRole) -> Done,
    UserGet(user::Get) -> User,
    SetProfile(user::SetProfile) -> User,
    Block(user::Block) -> Done,
    Custom(custom::Send) -> Done,
    Ping(session::Ping) -> Pong,
;
    /// A page of rooms.
    Rooms(room::ListReply),
    /// One room.
    Room(room::RoomReply),
    /// It is done.
    Done(Empty),
    /// It is stored.
    Sent(message::SendReply),
    /// A page of messages.
    History(history::GetReply),
    /// Messages found.
    Found(history::SearchReply),
    /// The replies to a message.
    Thread(history::ThreadReply),
    /// Who is there.
    Present(presence::GetReply),
    /// A page of members.
    Members(member::ListReply),
    /// A user.
    User(user::UserReply),
    /// The server's time.
    Pong(session::PingReply),
}
