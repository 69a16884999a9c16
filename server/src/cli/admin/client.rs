//! The command's end of the admin socket.

use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Answer, Reply, Request, SOCKET};

/// Asks the running server; `Err(request)` inside: none runs, here is the request again.
pub async fn ask(data_dir: &Path, request: Request) -> anyhow::Result<Result<Reply, Request>> {
    let path = data_dir.join(SOCKET);
    let stream = match UnixStream::connect(&path).await {
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
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(read).read_line(&mut answer).await?;
    match serde_json::from_str(&answer).context("the server hung up; its log says why")? {
        Answer::Ok(reply) => Ok(Ok(reply)),
        Answer::Error(body) => bail!("{}", body.message),
    }
}
