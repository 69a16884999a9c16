//! One HTTP question over a plain socket: enough to ask a server on this machine who it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Who listens on an address of this machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Listener {
    /// A `chat-server` that takes requests.
    Ready,
    /// A `chat-server` that does not (yet, or no longer).
    NotReady,
    /// Something else.
    Foreign,
    /// Nobody.
    Nobody,
}

/// Asks `/readyz` and tells who answers.
pub fn who_listens(address: SocketAddr) -> Listener {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return Listener::Nobody };
    let limit = Some(Duration::from_secs(2));
    let question = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = stream
        .set_read_timeout(limit)
        .and_then(|()| stream.set_write_timeout(limit))
        .and_then(|()| stream.write_all(question.as_bytes()));
    if asked.is_ok() {
        // What was read before an error still tells who it is.
        let _partial = stream.take(64 * 1024).read_to_end(&mut answer);
    }
    judge(&String::from_utf8_lossy(&answer))
}

fn judge(answer: &str) -> Listener {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Listener::Foreign };
    // A chunked body stands between lines with its length.
    let json = match (body.find('{'), body.rfind('}')) {
        (Some(from), Some(to)) if from < to => &body[from..=to],
        _ => return Listener::Foreign,
    };
    let Ok(json) = serde_json::from_str::<serde_json::Value>(json) else { return Listener::Foreign };
    match (json["ready"].as_bool(), json["store"].is_string()) {
        (Some(true), true) if head.starts_with("HTTP/1.1 200") => Listener::Ready,
        (Some(_), true) => Listener::NotReady,
        _ => Listener::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_server_is_known_by_its_readiness() {
        let ready = r#"{"ready":true,"store":"ok","bus":"ok","draining":false}"#;
        assert_eq!(judge(&format!("HTTP/1.1 200 OK\r\na: b\r\n\r\n{ready}")), Listener::Ready);
        assert_eq!(judge(&format!("HTTP/1.1 200 OK\r\n\r\n37\r\n{ready}\r\n0\r\n\r\n")), Listener::Ready);
        let away = r#"{"ready":false,"store":"ok","bus":"ok","draining":true}"#;
        assert_eq!(judge(&format!("HTTP/1.1 503 No\r\n\r\n{away}")), Listener::NotReady);
    }

    #[test]
    fn something_else_is_not_taken_for_one() {
        for other in
            ["", "SSH-2.0-x\r\n", "HTTP/1.1 404 Not Found\r\n\r\n<html>", "HTTP/1.1 200 OK\r\n\r\n{\"ready\":1}"]
        {
            assert_eq!(judge(other), Listener::Foreign, "{other:?}");
        }
    }
}
