//! The servers that take the same load: ours and what one would use instead. A new one is a row here and a program that speaks
//! the few events of [`Wire`].

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::machine::Cores;
use crate::process::Server;

/// A server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// `chat-server`: every message is committed and synced before it is told.
    Ours,
    /// Node, socket.io 4.8: numbers messages and keeps the last ones in memory.
    Node,
    /// Node, NestJS' gateway over the same socket.io.
    Nest,
    /// socketioxide with nothing around it: tells what is said.
    Bare,
    /// tokio-tungstenite alone, frames made once for all readers: the floor.
    Floor,
}

/// How one speaks to it.
pub struct Wire {
    /// Between a packet's kind and the rest.
    pub space: &'static str,
    pub join: &'static str,
    pub say: &'static str,
}

/// Where the programs are, and the cores.
pub struct Setup {
    pub bin: PathBuf,
    /// The folder with the Node servers and their packages.
    pub node: Option<PathBuf>,
    pub cores: Cores,
    /// Further arguments for ours.
    pub more: Vec<String>,
}

impl Peer {
    /// As tables and plots call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "chat-server",
            Self::Node => "socket.io on Node",
            Self::Nest => "NestJS",
            Self::Bare => "bare socketioxide",
            Self::Floor => "bare WebSocket",
        }
    }

    /// The name that a result and the command line have.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Node => "node",
            Self::Nest => "nest",
            Self::Bare => "bare",
            Self::Floor => "floor",
        }
    }

    /// How one speaks to it.
    pub fn wire(self) -> Wire {
        match self {
            Self::Ours => Wire { space: "/chat,", join: "room:join", say: "message:send" },
            _ => Wire { space: "", join: "join", say: "say" },
        }
    }

    /// Why it cannot take part; `None`: it can.
    pub fn missing(self, setup: &Setup) -> Option<&'static str> {
        let file = match self {
            Self::Node => "load.mjs",
            Self::Nest => "nest.mjs",
            _ => return None,
        };
        match &setup.node {
            Some(folder) if folder.join(file).is_file() => None,
            _ => Some("CHAT_BENCH_NODE names no folder with it; `cargo xtask bench load` makes one"),
        }
    }

    /// Starts it on the server's core, ours with its data in `data`.
    pub fn start(self, setup: &Setup, data: &Path) -> Result<Server> {
        let ourselves = |what: &str| {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(what);
            anyhow::Ok(command)
        };
        let node = |file: &str| {
            let folder = setup.node.as_ref().context("no folder with the Node servers")?;
            let mut command = Command::new("node");
            command.arg(folder.join(file)).current_dir(folder).env("NODE_ENV", "production");
            anyhow::Ok(command)
        };
        setup.cores.on_servers(|| match self {
            Self::Ours => Server::chat_with(&setup.bin, data, &setup.more),
            Self::Node => Server::start(node("load.mjs")?),
            Self::Nest => Server::start(node("nest.mjs")?),
            Self::Bare => Server::start(ourselves("bare")?),
            Self::Floor => Server::start(ourselves("floor")?),
        })
    }
}
