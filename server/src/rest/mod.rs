//! The REST edge: decode, one service call, encode. What a request may do is the services' to say; this module knows
//! routes, bodies, statuses and who a request comes from.

mod admin;
mod auth;
mod cors;
mod deadline;
mod docs;
mod error;
mod events;
mod extract;
mod health;
#[doc(hidden)]
pub mod hooks;
mod me;
mod members;
mod messages;
pub mod metrics;
mod openapi;
mod outgoing;
mod presence;
mod rooms;
mod routes;
mod search;
mod server;
mod sessions;
mod streams;
mod tokens;
mod watch;
mod web;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use openapi::document;
pub use routes::router;

use crate::cluster::tap::Tap;
use crate::domain::Live;
use crate::domain::policy::Policy;
use crate::service::Services;
use crate::service::counters::Watched;

/// What every handler works with. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    parts: Arc<Parts>,
    streams: streams::Streams,
}

/// What [`Rest`] is made of.
pub struct Parts {
    /// The use cases.
    pub services: Arc<Services>,
    /// Who may come in.
    pub policy: Live<Policy>,
    /// Foreign origins whose pages may use the interface, as in the header, in lower case.
    pub allow_origin: Live<Vec<String>>,
    /// Stirs those who wait for entries.
    pub tap: Tap,
    /// What the Socket.IO edge holds.
    pub edge: Arc<dyn Watched>,
    /// Where keys and database lie.
    pub data_dir: PathBuf,
    /// `/metrics` has a listener of its own.
    pub metrics_apart: bool,
    /// How the feed for other systems is doing, where there is one.
    pub feed: Option<crate::service::feed::Status>,
    /// How the relay is doing, where it is on.
    pub relay: Option<Relay>,
    /// The node is going away.
    pub drain: CancellationToken,
}

/// What is told of the relay, which this edge does not know.
#[derive(Clone)]
pub struct Relay {
    /// `Ok`, or what is wrong with what its nodes share.
    pub health: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// How many of its sockets are on this node.
    pub connections: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl Rest {
    /// From its parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), streams: streams::Streams::default() }
    }
}

impl std::ops::Deref for Rest {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}
