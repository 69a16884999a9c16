//! As much of an IRC server as a client needs to sit in one channel and be flooded. What it writes waits where the
//! client does not read.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::terminal::text;

/// The channel.
pub const CHANNEL: &str = "#flood";
/// The client's name there.
pub const NICK: &str = "reader";
/// Messages written at once.
const PACKET: u64 = 200;

/// A client that has joined.
pub struct Joined {
    out: OwnedWriteHalf,
    /// What the reading half wants answered.
    answers: mpsc::Receiver<String>,
}

/// Waits for the client, welcomes it and takes it into the channel.
pub async fn welcome(listener: &TcpListener) -> Result<Joined> {
    let (stream, _) =
        tokio::time::timeout(Duration::from_secs(20), listener.accept()).await.context("nobody comes")??;
    let (mut answers, mut out) = read(stream);
    loop {
        let line = answers.recv().await.context("the client has left")?;
        out.write_all(line.as_bytes()).await?;
        if line.contains(" 366 ") {
            return Ok(Joined { out, answers });
        }
    }
}

fn read(stream: TcpStream) -> (mpsc::Receiver<String>, OwnedWriteHalf) {
    let (input, out) = stream.into_split();
    let (send, answers) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut lines = BufReader::new(input).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(answer) = answer(line.trim())
                && send.send(answer).await.is_err()
            {
                return;
            }
        }
    });
    (answers, out)
}

fn answer(line: &str) -> Option<String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some(match verb {
        "USER" => format!(":irc 001 {NICK} :Welcome\r\n:irc 422 {NICK} :no MOTD\r\n"),
        "CAP" if rest.starts_with("LS") => ":irc CAP * LS :\r\n".to_owned(),
        "PING" => format!(":irc PONG irc {rest}\r\n"),
        "JOIN" => format!(
            ":{NICK}!r@here JOIN {CHANNEL}\r\n:irc 353 {NICK} = {CHANNEL} :{NICK} author0 author1 author2 author3\r\n\
             :irc 366 {NICK} {CHANNEL} :End of /NAMES list.\r\n"
        ),
        _ => return None,
    })
}

impl Joined {
    /// Writes the messages of these numbers, `every` apart or as fast as the client reads.
    pub async fn say(&mut self, numbers: std::ops::Range<u64>, every: Option<Duration>) -> Result<()> {
        let (begun, first, end) = (tokio::time::Instant::now(), numbers.start, numbers.end);
        let mut packet = String::new();
        for n in numbers {
            if let Some(every) = every {
                tokio::time::sleep_until(begun + every * u32::try_from(n - first).unwrap_or(u32::MAX)).await;
            }
            write!(packet, ":author{}!a@there PRIVMSG {CHANNEL} :{}\r\n", n % 4, text(n))?;
            if every.is_some() || n % PACKET == 0 || n + 1 == end {
                while let Ok(line) = self.answers.try_recv() {
                    packet.push_str(&line);
                }
                self.out.write_all(packet.as_bytes()).await.context("the client has left")?;
                packet.clear();
            }
        }
        Ok(())
    }
}
