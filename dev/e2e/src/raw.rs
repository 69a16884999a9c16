//! Bytes that no library would send: HTTP and WebSocket by hand, so that a test can break every rule of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait;

/// Opcode of a text frame.
pub const TEXT: u8 = 1;
/// Opcode of a binary frame.
pub const BINARY: u8 = 2;
/// Opcode of a continuation.
pub const MORE: u8 = 0;

/// Sends one request as it stands and reads to the end of the connection; `Connection: close` is up to the caller.
/// A connection that is reset counts as ended.
pub async fn http(address: &str, request: &[u8]) -> String {
    let mut stream = connect(address).await;
    // The server may refuse before it has read everything; what it said is what counts.
    let _refused = stream.write_all(request).await;
    String::from_utf8_lossy(&rest(&mut stream).await).into_owned()
}

/// Sends one request and gives the head of the answer and what has come with it; the connection may stay open.
pub async fn http_once(address: &str, request: &[u8]) -> String {
    let mut stream = connect(address).await;
    stream.write_all(request).await.expect("an open connection takes a request");
    let mut all = Vec::new();
    let mut buffer = vec![0; 8192];
    let read = async {
        // The head, and as much of a body as it announces.
        while !is_whole(&all) {
            match stream.read(&mut buffer).await {
                Ok(n) if n > 0 => all.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
    };
    wait::soon("an answer", read).await;
    String::from_utf8_lossy(&all).into_owned()
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    body.len() >= length
}

/// `GET path` with further header lines; the whole answer.
pub async fn get(address: &str, path: &str, headers: &str) -> String {
    http(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n").as_bytes())
        .await
}

/// The status of an answer; 0 if there is none.
pub fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|a| a.get(..3)).and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// A plain connection.
pub async fn connect(address: &str) -> TcpStream {
    wait::soon("a connection", TcpStream::connect(address)).await.expect("the server accepts")
}

/// All that comes until the end.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 8192];
    let read = async {
        while let Ok(n) = stream.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..n]);
        }
    };
    wait::soon("the end of the connection", read).await;
    all
}

/// A WebSocket whose frames are written by hand.
pub struct RawWebSocket {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawWebSocket {
    /// Upgrades with further header lines; `Err` is the whole refusal.
    pub async fn upgrade(address: &str, headers: &str) -> Result<Self, String> {
        let mut stream = connect(address).await;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("an open connection takes a request");
        let mut head = Vec::new();
        let read_head = async {
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        };
        wait::soon("an answer to the upgrade", read_head).await;
        let head = String::from_utf8_lossy(&head).into_owned();
        if status(&head) != 101 {
            return Err(head);
        }
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Upgrades and enters `/chat` with a token.
    pub async fn chat(address: &str, token: &str) -> Self {
        let mut socket = Self::upgrade(address, "").await.expect("the server upgrades");
        socket.text(&format!("40/chat,{{\"token\":\"{token}\"}}")).await;
        socket.wait_for("\"ready\"").await;
        socket
    }

    /// A well-formed text frame.
    pub async fn text(&mut self, text: &str) {
        self.frame(0x80 | TEXT, true, text.as_bytes()).await;
    }

    /// A frame with the given first byte (FIN, reserved bits, opcode), masked or not. Errors are left to the reading
    /// side: the server may have closed already.
    pub async fn frame(&mut self, first: u8, masked: bool, payload: &[u8]) {
        let bytes = frame(first, masked, payload);
        let _closed = self.stream.write_all(&bytes).await;
    }

    /// Bytes as they are; false: the connection is gone.
    pub async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads until `what` has come.
    pub async fn wait_for(&mut self, what: &str) {
        let read = async {
            loop {
                if String::from_utf8_lossy(&self.unread).contains(what) {
                    self.unread.clear();
                    return true;
                }
                let mut buffer = vec![0; 8192];
                match self.stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => self.unread.extend_from_slice(&buffer[..n]),
                    _ => return false,
                }
            }
        };
        assert!(wait::soon(what, read).await, "closed before {what} came");
    }

    /// Whether the server ends this connection in that time. Its pings are read and not answered.
    pub async fn closes_within(&mut self, patience: Duration) -> bool {
        let mut buffer = vec![0; 8192];
        let read = async { while matches!(self.stream.read(&mut buffer).await, Ok(n) if n > 0) {} };
        tokio::time::timeout(patience, read).await.is_ok()
    }

    /// As [`Self::closes_within`], but its pings are answered: only something else can end it.
    pub async fn closes_though_it_answers(&mut self, patience: Duration) -> bool {
        let read = async {
            let mut buffer = vec![0; 8192];
            while let Ok(n) = self.stream.read(&mut buffer).await {
                if n == 0 {
                    return;
                }
                if buffer[..n].windows(3).any(|w| w == [0x80 | TEXT, 1, b'2']) {
                    self.text("3").await;
                }
            }
        };
        tokio::time::timeout(patience, read).await.is_ok()
    }

    /// Whether the server ends this connection in that time, or says something that holds `what`.
    pub async fn closes_or_says(&mut self, what: &str, patience: Duration) -> bool {
        let mut said = Vec::new();
        let mut buffer = vec![0; 8192];
        let read = async {
            while let Ok(n) = self.stream.read(&mut buffer).await {
                said.extend_from_slice(&buffer[..n]);
                if n == 0 || String::from_utf8_lossy(&said).contains(what) {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, read).await.is_ok()
    }

    /// The connection itself; for a reader that never reads.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// A frame as bytes.
pub fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(mask_bit | u8::try_from(n).unwrap_or(0)),
        n @ 126..=0xffff => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&u16::try_from(n).unwrap_or(0).to_be_bytes());
        }
        n => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    if masked {
        let key = [0x12, 0x34, 0x56, 0x78];
        out.extend_from_slice(&key);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        out.extend_from_slice(payload);
    }
    out
}
