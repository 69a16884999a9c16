//! The contract between `chat-server` and everything that talks to it.
//!
//! What crosses the wire is typed here once: names, limits, times, error codes, models, every request with its
//! reply, every event the server tells, the bodies of the REST interface. Nothing here waits, reads a file or
//! opens a socket; both programs build on it. `docs/protocol.md` is the same contract in prose.

pub mod clock;
pub mod error;
pub mod event;
pub mod id;
pub mod limits;
pub mod model;
pub mod name;
pub mod page;
pub mod rest;
#[cfg(test)]
mod sample;
pub mod text;
#[cfg(feature = "openapi")]
pub mod written;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{ErrorBody, ErrorCode};
pub use id::{Epoch, Seq, UserId};
pub use limits::Limits;
pub use name::{ClientId, Emoji, RoomName, RoomRef, UserName};
pub use page::Cursor;
