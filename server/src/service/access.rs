//! Resolving what a request names, and the right to read it.
