//! The accept loop, and the handle by which a connection is cut from elsewhere.

mod conn;

pub use conn::ConnHandle;
