//! The running server's end of the admin socket.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_common::{ErrorBody, ErrorCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Answer, Desk, LINE, SOCKET, execute};

/// Commands at once; further ones wait in the kernel's queue.
const AT_ONCE: usize = 8;
/// A command that says nothing is hung up on.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket's file, removed on drop.
#[derive(Debug)]
pub struct Bound {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the admin socket was removed before");
        }
    }
}

/// Binds the socket in the data folder, which the caller owns (a file of an earlier life is replaced). It has its mode
/// before it has its name, so that nobody else can slip in.
pub fn bind(data_dir: &Path) -> io::Result<Bound> {
    let path = data_dir.join(SOCKET);
    let early = data_dir.join(".admin.sock.new");
    let gone = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) };
    std::fs::remove_file(&early).or_else(gone)?;
    let listener = UnixListener::bind(&early)?;
    std::fs::set_permissions(&early, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&early, &path)?;
    Ok(Bound { listener, path })
}

/// Answers until `drain`.
pub async fn serve(bound: Bound, desk: Desk, drain: CancellationToken) -> Result<(), String> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        let stream = tokio::select! {
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the admin socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = drain.cancelled() => return Ok(()),
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &desk).await {
                tracing::debug!(%error, "a command hung up");
            }
            drop(slot);
        });
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut read = BufReader::new(read).take(LINE as u64);
    tokio::time::timeout(PATIENCE, read.read_until(b'\n', &mut line)).await??;
    let answer = match serde_json::from_slice(&line) {
        Ok(request) => match execute(desk, request).await {
            Ok(reply) => Answer::Ok(reply),
            Err(error) => Answer::Error(error.body()),
        },
        Err(error) => Answer::Error(ErrorBody::new(
            ErrorCode::Unsupported,
            format!("the running server does not know this command ({error}); restart it after an upgrade"),
        )),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}
