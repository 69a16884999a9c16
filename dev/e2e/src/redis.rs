//! A Redis of a test's own, which it may kill and start again, and eyes and a voice on it: what goes over it is seen, and
//! what no library would say can be said.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::{foreign, wait};

/// A running (or killed) server; dropped: killed.
pub struct Redis {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one; `None` after noting that `test` is left out, where there is no `redis-server`.
    pub async fn start(test: &str) -> Option<Self> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !there.is_ok_and(|s| s.success()) {
            foreign::left_out(&format!("{test}: no redis-server (cargo xtask test installs it)"));
            return None;
        }
        // Free now; Redis cannot say which port it chose.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let folder = tempfile::Builder::new().prefix("chat-redis-").tempdir().expect("a folder");
        let mut redis = Self { child: None, port, folder };
        redis.launch().await;
        Some(redis)
    }

    /// Starts it, again on the same port.
    pub async fn launch(&mut self) {
        let port = self.port.to_string();
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server starts"));
        wait::until("Redis answers", || TcpStream::connect(("127.0.0.1", self.port)).ok()).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
        }
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("Redis runs")
    }

    /// Publishes bytes; gives how many heard them.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> usize {
        let mut stream = self.connect();
        let mut command = format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${}\r\n", channel.len(), payload.len());
        command = command.trim_start().to_owned();
        stream.write_all(command.as_bytes()).and_then(|()| stream.write_all(payload)).expect("Redis takes it");
        stream.write_all(b"\r\n").expect("Redis takes it");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("Redis answers");
        answer.trim().trim_start_matches(':').parse().unwrap_or_else(|_| panic!("PUBLISH: {answer}"))
    }

    /// Writes down every command from now on.
    pub fn watch(&self) -> Arc<Mutex<String>> {
        let mut stream = self.connect();
        stream.write_all(b"MONITOR\r\n").expect("Redis takes it");
        let mut ok = [0; 5];
        stream.read_exact(&mut ok).expect("Redis answers");
        let seen = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                kept.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        seen
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
