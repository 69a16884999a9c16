//! Who may talk to the server, and by which transport.

use std::fmt;
use std::str::FromStr;

use super::file::string_value;

/// An origin as browsers send it: scheme, host and port, in lower case, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);
string_value!(Origin);

impl Origin {
    /// As in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let lower = s.trim().to_ascii_lowercase();
        let host = lower.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        match host {
            Some((_, host)) if !host.is_empty() && host.bytes().all(is_host_byte) => Ok(Self(lower)),
            _ => Err(format!("`{s}` is no origin; write it as https://chat.example (no path, no `*`)")),
        }
    }
}

fn is_host_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']')
}

/// One way of Socket.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Long polling.
    Polling,
    /// WebSocket.
    Websocket,
}

/// The ways that are open; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// Long polling.
    pub polling: bool,
    /// WebSocket.
    pub websocket: bool,
}
string_value!(Transports);

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true }
    }
}

impl fmt::Display for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.polling, self.websocket) {
            (true, true) => "polling,websocket",
            (true, false) => "polling",
            _ => "websocket",
        })
    }
}

impl FromStr for Transports {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let mut open = Self { polling: false, websocket: false };
        for word in s.split(',').map(str::trim) {
            match word {
                "polling" => open.polling = true,
                "websocket" => open.websocket = true,
                other => return Err(format!("`{other}` is no transport; take websocket, polling or both")),
            }
        }
        Ok(open)
    }
}
