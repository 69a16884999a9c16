//! Finding, making, changing, entering and leaving rooms.

mod enter;
mod list;
mod manage;

pub(super) use enter::open_direct;
pub use enter::{enter, find, join, leave};
pub use list::list;
pub use manage::{create, delete, invite, transfer, update};
