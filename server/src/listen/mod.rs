//! The accept loop: TCP options, TLS, header limits, caps, stalled writes, and the handle by which a connection is cut
//! from elsewhere. What is served over the connections is the caller's.

mod accept;
mod caps;
mod conn;
mod forwarded;
mod line;
mod stream;
mod tls;
mod tls_cert;
mod tls_files;
mod wire;

pub use accept::{HEAD_BYTES, HEAD_TIME, Options, bind, serve};
pub use caps::{Caps, Permit};
pub use conn::ConnHandle;
pub use forwarded::{BadCidr, Cidr, TrustedProxies};
pub use line::{Line, Lines};
pub use stream::{Guarded, WRITE_STALL};
pub use tls::{HANDSHAKE_TIME, Tls};
pub use tls_cert::{Facts, date};
pub use tls_files::{Loaded, TlsError, TlsFiles, load as load_tls};
pub use wire::{Mark, Wrote};
