//! The kinds of load, each a scene that runs on one server at a time.

mod crowd;
mod durable;
mod fanout;
mod growth;
mod peak;
mod stored;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::peer::{Peer, Setup};
use super::record::Record;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scene {
    /// One sender into a room of 400: message by message, in bursts of 10 and of 25.
    Fanout,
    /// 20 sockets in a room, 2,000 messages a second.
    Stream,
    /// 400 sockets in a room, 500 messages a second: 200,000 deliveries a second.
    Heavy,
    /// The same with 2,000 messages a second: 800,000.
    Flood,
    /// The highest rate into a room of 400 with p99 below 100 ms.
    Peak,
    /// 1,000 rooms of 10 sockets, 2,000 messages a second over all.
    Rooms,
    /// 5,000 connections that do nothing: memory and CPU.
    Idle,
    /// The same connections, ended and back all at once.
    Storm,
    /// 1, 64 and 1,000 senders that wait for their answers.
    Durable,
    /// History pages, searches, sends and the start with up to a million messages stored.
    Stored,
    /// A room of 50 to 1,600 sockets.
    Sockets,
    /// 1,000 sockets in 1 to 1,000 rooms.
    Spread,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// A measured stretch.
    pub span: Duration,
    /// Connections of the scenes with thousands.
    pub many: usize,
    /// Messages stored at the most.
    pub stored: usize,
}

impl Scene {
    /// Rounds whose medians count, unless the command line says another number.
    pub fn rounds(self) -> usize {
        match self {
            Self::Fanout | Self::Stream => 3,
            _ => 1,
        }
    }

    /// Whether `peer` can be asked for it.
    pub fn is_for(self, peer: Peer) -> bool {
        // The others keep nothing.
        !matches!(self, Self::Durable | Self::Stored) || peer == Peer::Ours
    }

    /// Measures it once.
    pub async fn run(self, setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
        match self {
            Self::Fanout => fanout::steps(setup, peer, effort).await,
            Self::Stream => fanout::paced(setup, peer, effort, "stream", 20, 2_000.0).await,
            Self::Heavy => fanout::paced(setup, peer, effort, "heavy", 400, 500.0).await,
            Self::Flood => fanout::paced(setup, peer, effort, "flood", 400, 2_000.0).await,
            Self::Idle => crowd::idle(setup, peer, effort).await,
            Self::Storm => crowd::storm(setup, peer, effort).await,
            Self::Durable => durable::sends(setup, peer, effort).await,
            Self::Peak => peak::search(setup, peer, effort).await,
            Self::Rooms => growth::many_rooms(setup, peer, effort).await,
            Self::Stored => stored::curve(setup, peer, effort).await,
            Self::Sockets => growth::sockets(setup, peer, effort).await,
            Self::Spread => growth::rooms(setup, peer, effort).await,
        }
    }
}
