//! Redis without persistence, alone or as a cluster of one node that owns all slots.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{Guarded, folder, free_port, needed, wait_for};

/// Which kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One server.
    Alone,
    /// A cluster of one node: the client's side of a Redis Cluster, as sharded Pub/Sub needs it.
    Cluster,
}

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    // Before the folder: what uses it ends first.
    process: Option<Guarded>,
    port: u16,
    mode: Mode,
    folder: TempDir,
}

impl Redis {
    /// Starts one; returns when it answers.
    pub fn start(mode: Mode) -> Result<Self> {
        let mut server = Self { process: None, port: free_port()?, mode, folder: folder("redis")? };
        server.launch()?;
        if mode == Mode::Cluster {
            // 16,384 slots by their numbers, which every version with a cluster understands.
            let slots = (0..16_384).map(|n| n.to_string());
            let words: Vec<String> = ["CLUSTER".to_owned(), "ADDSLOTS".to_owned()].into_iter().chain(slots).collect();
            let said = server.ask(&words)?;
            if said != "+OK" {
                bail!("Redis does not take its slots: {said}");
            }
            let (port, process) = (server.port, server.process.as_mut().context("it runs")?);
            wait_for("the Redis cluster", process, || {
                ask(port, &["GET".to_owned(), "nothing".to_owned()]).is_ok_and(|said| said == "$-1")
            })?;
        }
        Ok(server)
    }

    fn launch(&mut self) -> Result<()> {
        let mut words: Vec<OsString> = vec![needed("redis-server", "redis-server")?.into()];
        let port = self.port.to_string();
        words.extend(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"].map(Into::into));
        if self.mode == Mode::Cluster {
            let gossip = free_port()?.to_string();
            let announce = ["--cluster-enabled", "yes", "--cluster-port", &gossip];
            words.extend(announce.map(Into::into));
            words.extend(["--cluster-announce-ip", "127.0.0.1"].map(Into::into));
        }
        let mut process = Guarded::start("redis", &words, "TERM", self.folder.path())?;
        let port = self.port;
        wait_for("Redis", &mut process, || ask(port, &["PING".to_owned()]).is_ok_and(|said| said == "+PONG"))?;
        self.process = Some(process);
        Ok(())
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Its port, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first line of the answer to a command.
    pub fn ask(&self, words: &[String]) -> Result<String> {
        ask(self.port, words)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut p| p.kill())
    }

    /// Starts it again on the same port, killing it first if it runs. What it knew is gone.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch()
    }

    /// Sends a signal by its name (`STOP`, `CONT`).
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.as_ref().context("Redis does not run")?.signal(name)
    }
}

fn ask(port: u16, words: &[String]) -> Result<String> {
    let limit = Some(Duration::from_secs(5));
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let mut packet = format!("*{}\r\n", words.len());
    for word in words {
        packet += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(packet.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn alone_and_as_a_cluster_it_answers_and_comes_back_after_a_kill() {
        // Found by the tests that need it, too, which note themselves left out.
        if crate::find("redis-server").is_none() {
            return;
        }
        for mode in [Mode::Alone, Mode::Cluster] {
            let mut server = Redis::start(mode).unwrap();
            let set = ["SET", "a", "1"].map(str::to_owned);
            assert_eq!(server.ask(&set).unwrap(), "+OK", "{mode:?}");
            server.kill().unwrap();
            assert!(server.ask(&set).is_err());
            server.restart().unwrap();
            assert_eq!(server.ask(&["PING".to_owned()]).unwrap(), "+PONG", "{mode:?}");
        }
    }
}
