//! Finding, making, changing, entering and leaving rooms.

mod enter;
mod list;
mod manage;

pub(super) use enter::open_direct;
pub use enter::{enter, find, join, leave};
pub use list::list;
pub use manage::{create, delete, invite, transfer, update};

/// The one payload type that the edge passes through to [`find`] and [`enter`].
pub type SubscribeRequest = chat_common::event::room::Subscribe;
/// The one payload type that the edge passes through to [`join`] and [`enter`].
pub type JoinRequest = chat_common::event::room::Join;
