//! The running server's end of the admin socket.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_common::event::admin::AdminEvent;
use chat_common::{ErrorBody, ErrorCode};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Answer, Desk, LINE, Request, SOCKET, execute};
use crate::service::Caller;
use crate::service::overview::{Overview, Told};

/// Commands at once; further ones wait in the kernel's queue.
const AT_ONCE: usize = 8;
/// Those who watch at once; further ones are refused.
const WATCHERS: usize = 8;
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
    let (slots, watchers) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(WATCHERS)));
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
        let (desk, watchers, drain) = (desk.clone(), Arc::clone(&watchers), drain.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &desk, slot, watchers, &drain).await {
                tracing::debug!(%error, "a command hung up");
            }
        });
    }
}

async fn answer(
    stream: UnixStream,
    desk: &Desk,
    slot: OwnedSemaphorePermit,
    watchers: Arc<Semaphore>,
    drain: &CancellationToken,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut read = BufReader::new(read).take(LINE as u64);
    tokio::time::timeout(PATIENCE, read.read_until(b'\n', &mut line)).await??;
    let request = serde_json::from_slice(&line);
    if let (Ok(Request::Watch), Some(overview)) = (&request, &desk.overview) {
        // The commands' places are not for those who stay.
        drop(slot);
        return watch(write, desk, overview, watchers, drain).await;
    }
    let answer = match request {
        Ok(request) => match execute(desk, request).await {
            Ok(reply) => Answer::Ok(reply),
            Err(error) => Answer::Error(error.body()),
        },
        Err(error) => Answer::Error(ErrorBody::new(
            ErrorCode::Unsupported,
            format!("the running server does not know this command ({error}); restart it after an upgrade"),
        )),
    };
    say(&mut write, &answer).await
}

async fn say<T: Serialize>(write: &mut OwnedWriteHalf, line: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

/// A line for each thing that is told, until nobody reads or the server drains. One who is slow misses some.
async fn watch(
    mut write: OwnedWriteHalf,
    desk: &Desk,
    overview: &Overview,
    watchers: Arc<Semaphore>,
    drain: &CancellationToken,
) -> io::Result<()> {
    let Ok(_place) = watchers.try_acquire_owned() else {
        let error = ErrorBody::new(ErrorCode::RateLimited, format!("{WATCHERS} watch already; close one"));
        return say(&mut write, &Answer::Error(error)).await;
    };
    let begun = async { overview.watch(&desk.services, &Caller::local()?).await };
    let (snapshot, mut told) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return say(&mut write, &Answer::Error(error.body())).await,
    };
    say(&mut write, &AdminEvent::Snapshot(Box::new(snapshot))).await?;
    loop {
        let told = tokio::select! {
            told = told.recv() => told,
            () = drain.cancelled() => return Ok(()),
        };
        match told {
            Ok(Told::Tick(tick)) => say(&mut write, &AdminEvent::Tick(Box::new((*tick).clone()))).await?,
            Ok(Told::Audit(line)) => say(&mut write, &AdminEvent::Audit(Box::new((*line).clone()))).await?,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}
