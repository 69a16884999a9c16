//! The Socket.IO edge.
