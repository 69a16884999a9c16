//! `chat-server`: a self-hosted chat that speaks Socket.IO and REST.
//!
//! One rule carries it: a message exists when its transaction has committed; everything live is a hint, and the
//! room's `seq` repairs what a hint lost. `ARCHITECTURE.md` tells who may know whom.

pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod domain;
pub mod gateway;
pub mod lifecycle;
pub mod listen;
pub mod measure;
pub mod outbound;
pub mod relay;
pub mod rest;
pub mod service;
pub mod storage;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod trail;
