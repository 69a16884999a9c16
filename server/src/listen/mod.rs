//! The accept loop: TCP options, header limits, caps, stalled writes, and the handle by which a connection is cut
//! from elsewhere. What is served over the connections is the caller's.

mod accept;
mod caps;
mod conn;
mod forwarded;
mod line;
mod stream;

pub use accept::{HEAD_BYTES, HEAD_TIME, Options, bind, serve};
pub use caps::{Caps, Permit};
pub use conn::ConnHandle;
pub use forwarded::{BadCidr, Cidr, TrustedProxies};
pub use line::{Line, Lines};
pub use stream::{Guarded, WRITE_STALL};
