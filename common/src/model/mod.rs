//! What entries and accounts add up to, as clients see it.

mod message;
mod presence;
mod room;
mod user;

pub use message::{Message, Reaction};
pub use presence::{Presence, Status};
pub use room::{Member, Role, RoomKind, RoomSummary, Sync};
pub use user::{User, UserKind};
