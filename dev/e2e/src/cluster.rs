//! Several `chat-server` processes on one PostgreSQL, with one key file and a bus between them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::{Options, Server};

/// Nodes that share a store. Dropped: killed.
pub struct Cluster {
    /// The nodes, each on a port of its own that it keeps over restarts.
    pub nodes: Vec<Server>,
    folder: TempDir,
}

impl Cluster {
    /// Starts so many nodes at once on one database; `bus` is the value of `--bus`. Guests and registration are open.
    pub async fn start(count: usize, database: &str, bus: Option<&str>) -> Self {
        Self::with(count, database, bus, &Options::roomy()).await
    }

    /// As [`Self::start`], each node with these options besides.
    pub async fn with(count: usize, database: &str, bus: Option<&str>, options: &Options) -> Self {
        let mut options = options.clone().arg("--database").arg(database);
        if let Some(bus) = bus {
            options = options.arg("--bus").arg(bus);
        }
        Self::of(vec![options; count]).await
    }

    /// Nodes with options each of its own, database and bus among them.
    pub async fn of(options: Vec<Options>) -> Self {
        let folder = tempfile::Builder::new().prefix("chat-e2e-").tempdir().expect("a folder for the cluster");
        let key = folder.path().join("secret.key");
        std::fs::write(&key, "5e".repeat(32)).expect("a key file");
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("the key file is ours");
        let shared = |options: Options| {
            let key = key.display().to_string();
            let shared =
                ["--guests", "on", "--registration", "open", "--trusted-proxy", "127.0.0.1", "--key-file", &key];
            shared.iter().fold(options, |options, arg| options.arg(arg))
        };
        let nodes = join_all(options.into_iter().map(|options| Server::with(shared(options)))).await;
        Self { nodes, folder }
    }

    /// One node on an SQLite of its own.
    pub async fn alone(options: &Options) -> Self {
        Self::of(vec![options.clone()]).await
    }

    /// `127.0.0.1:PORT` of each node.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Server::address).collect()
    }

    /// The key file that all share.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("secret.key")
    }

    /// SIGKILL to one node; its port is refused from now on.
    pub fn kill9(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// SIGSTOP to one node: it holds its connections and answers nothing.
    pub fn stop(&self, node: usize) {
        self.nodes[node].signal("STOP");
    }

    /// Lets a stopped node go on.
    pub fn go_on(&self, node: usize) {
        self.nodes[node].signal("CONT");
    }

    /// Starts a node again on its port, killing it first if it runs.
    pub async fn restart(&mut self, node: usize) {
        self.nodes[node].restart().await;
    }
}
