//! Sessions and their refresh tokens, which are known by hash alone.
