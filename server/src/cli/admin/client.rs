//! The command's end of the admin socket.

use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use chat_common::event::admin::AdminEvent;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Answer, Reply, Request, SOCKET};

/// The socket with a request said; `Err(request)` inside: nobody is there to be asked.
async fn said(data_dir: &Path, request: Request) -> anyhow::Result<Result<UnixStream, Request>> {
    let path = data_dir.join(SOCKET);
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        // No file, a file without a server behind it, or a path too long for a socket: nobody to ask.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            ) =>
        {
            return Ok(Err(request));
        }
        Err(e) => {
            return Err(e).with_context(|| format!("cannot talk to the server through {}", path.display()));
        }
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    Ok(Ok(stream))
}

/// Asks the running server; `Err(request)` inside: none runs, here is the request again.
pub async fn ask(data_dir: &Path, request: Request) -> anyhow::Result<Result<Reply, Request>> {
    let stream = match said(data_dir, request).await? {
        Ok(stream) => stream,
        Err(request) => return Ok(Err(request)),
    };
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    match serde_json::from_str(&answer).context("the server hung up; its log says why")? {
        Answer::Ok(reply) => Ok(Ok(reply)),
        Answer::Error(body) => bail!("{}", body.message),
    }
}

/// What the running server tells those who watch.
#[derive(Debug)]
pub struct Watching {
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
}

/// Watches the running server; `None`: none runs.
pub async fn watch(data_dir: &Path) -> anyhow::Result<Option<Watching>> {
    let stream = said(data_dir, Request::Watch).await?;
    Ok(stream.ok().map(|stream| Watching { stream: BufReader::new(stream), line: Vec::new() }))
}

impl Watching {
    /// The next event; `None`: the server ended. May be dropped and called again.
    pub async fn next(&mut self) -> anyhow::Result<Option<AdminEvent>> {
        // What was read before the call was dropped stays in the line.
        self.stream.read_until(b'\n', &mut self.line).await?;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice(&line) {
            Ok(event) => Ok(Some(event)),
            Err(_) => match serde_json::from_slice(&line).context("the server says what is not understood here")? {
                Answer::Error(body) => bail!("{}", body.message),
                Answer::Ok(_) => bail!("the server answered something else"),
            },
        }
    }
}
