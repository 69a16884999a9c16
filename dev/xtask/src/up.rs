//! `cargo xtask up`: from a clone to a chat with one command.
//!
//! Builds in the dev profile: it is ready in a third of the time of a release build, and a chat among a few people
//! does not feel the difference. The data stays in `data/` of the repository.

use std::io::{BufRead, BufReader, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http::{Listener, who_listens};
use crate::{setup, sh, web};

/// Where and how.
#[derive(clap::Args)]
pub struct Options {
    /// The server's port on 127.0.0.1.
    #[arg(long, default_value_t = 6969)]
    port: u16,
    /// Where the server keeps its data.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Your name, as a guest.
    #[arg(long)]
    name: Option<String>,
    /// Only the server, in the foreground (also where there is no terminal).
    #[arg(long)]
    no_tui: bool,
}

/// Builds, starts what is missing, opens the screen, ends what it started.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    web::run_if_possible();
    println!("building (the first time takes some minutes) …");
    sh::run(sh::cargo().args(["build", "--locked", "-p", "chat-server", "-p", "chat-tui"]))?;
    let address = SocketAddr::from(([127, 0, 0, 1], options.port));
    let screen = !options.no_tui && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let server = match who_listens(address) {
        Listener::Ready => {
            println!("a chat-server is already running on http://{address}; using it");
            None
        }
        Listener::NotReady => bail!("the chat-server on {address} takes no requests now; wait for it or end it"),
        Listener::Foreign => bail!("port {} is used by another program; choose one with --port", options.port),
        Listener::Nobody => Some(Server::start(options, address)?),
    };
    if !screen {
        if let Some(server) = server {
            println!("no terminal: the server runs on http://{address} until it is ended");
            let status = server.wait()?;
            if !status.success() {
                bail!("the server ended with {status}");
            }
        }
        return Ok(());
    }
    let mut tui = Command::new(sh::target().join("debug/chat-tui"));
    tui.args(["--server", &format!("http://{address}"), "--room", "lobby"]);
    if let Some(name) = &options.name {
        tui.args(["--name", name]);
    }
    let ended = tui.status().context("cannot start chat-tui");
    if let Some(server) = server {
        server.stop()?;
    }
    let ended = ended?;
    if !ended.success() {
        bail!("chat-tui ended with {ended}");
    }
    Ok(())
}

/// A server that this command started.
struct Server(Child);

impl Server {
    fn start(options: &Options, address: SocketAddr) -> Result<Self> {
        let data = options.data_dir.clone().unwrap_or_else(|| sh::root().join("data"));
        let log = sh::target().join("chat-server.log");
        let errors = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(sh::target().join("debug/chat-server"))
            .arg("--listen")
            .arg(address.to_string())
            .arg("--data-dir")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("cannot start chat-server")?;
        // What it prints is shown until it is ready and drained afterwards, so that it never waits for us.
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if !std::io::stdout().is_terminal() {
                        println!("{line}");
                    }
                }
            });
        }
        let mut server = Self(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while who_listens(address) != Listener::Ready {
            if let Some(status) = server.0.try_wait()? {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the server ended with {status}:\n{said}");
            }
            if Instant::now() > deadline {
                server.stop()?;
                bail!("the server was not ready within 20 s; its log: {}", log.display());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        println!("chat-server on http://{address}, data in {}, log in {}", data.display(), log.display());
        Ok(server)
    }

    fn wait(mut self) -> Result<ExitStatus> {
        self.0.wait().context("lost the server")
    }

    /// Asks it to end, and waits; it flushes its queues first.
    fn stop(mut self) -> Result<()> {
        let pid = self.0.id().to_string();
        if self.0.try_wait()?.is_none() && !sh::succeeds("kill", &["-TERM", &pid]) {
            self.0.kill().context("cannot end the server")?;
        }
        self.0.wait().context("lost the server")?;
        Ok(())
    }
}
