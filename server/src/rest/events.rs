//! A room's log as server-sent events: what is missing since `Last-Event-ID`, then live. Each event is an entry under
//! its own name with `id: EPOCH:SEQ`. The stream reads the log; what stirs it is only a hint, so nothing is lost.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use chat_common::event::history::Get;
use chat_common::event::room::SyncRequest;
use chat_common::event::server::Entry;
use chat_common::{Epoch, ErrorBody, ErrorCode, RoomName, Seq};
use futures_util::stream::unfold;
use http::HeaderMap;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::{At, Authed, Bearer};
use super::streams::Slot;
use crate::cluster::Interest;
use crate::cluster::tap::Stir;
use crate::cluster::wire::Topic;
use crate::service::{Caller, accounts, history, rooms, sync};
use crate::storage::RoomId;

/// A token that has ended is noticed after so long at the latest, however busy the room is, and a lost stir repaired.
const LOOK_AGAIN: Duration = Duration::from_millis(1_500);
/// A comment keeps proxies from closing a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A room's entries from `Last-Event-ID` (`EPOCH:SEQ`) on, or from now on. After an event `reset` everything known
/// before is void; its data is the latest page. An event `error` is the last one.
#[utoipa::path(get, path = "/rooms/{room}/events", tag = "messages",
    params(("Last-Event-ID" = Option<String>, Header, description = "`EPOCH:SEQ` of the last event seen.")),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String), (status = 429)))]
pub async fn events(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Bearer(token): Bearer,
    at: At,
    headers: HeaderMap,
) -> Result<impl IntoResponse> {
    let most = rest.services.limits.connections_per_user;
    let slot = rest.streams.take(caller.user.id, most).ok_or_else(|| {
        let said = format!("you have {most} event streams open; close one first");
        ErrorBody { retry_after_ms: Some(1_000), ..ErrorBody::new(ErrorCode::RateLimited, said) }
    })?;
    // Listening begins before the position is read, so that nothing falls between.
    let stirs = rest.tap.listen();
    let (id, room) = rooms::find(&rest.services, &caller, &at.room()?).await?;
    let interest = rest.services.bus.follow(Topic::Room(id));
    let (epoch, after) = match headers.get("last-event-id") {
        Some(value) => position(value.to_str().unwrap_or_default())?,
        None => {
            let latest = Get { room: room.clone().into(), before: None, after: None, around: None, limit: Some(1) };
            let head = history::get(&rest.services, &caller, latest).await?.head;
            (rest.services.store.epoch(), head)
        }
    };
    let follower = Follower {
        rest,
        caller,
        token,
        id,
        room,
        epoch,
        after,
        stirs,
        looked: Instant::now(),
        ready: VecDeque::new(),
        over: false,
        _slot: slot,
        _interest: interest,
    };
    let stream = unfold(follower, |mut f| async move { f.next().await.map(|event| (Ok::<_, Infallible>(event), f)) });
    // Proxies that gather answers before they pass them on are asked not to.
    let told = [("x-accel-buffering", "no")];
    Ok((told, Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))))
}

fn position(text: &str) -> Result<(Epoch, Seq)> {
    let bad = || Failure::invalid("Last-Event-ID", "the header is not `EPOCH:SEQ` as an event's id said it");
    let (epoch, seq) = text.rsplit_once(':').ok_or_else(bad)?;
    Ok((Epoch(epoch.to_owned()), seq.parse().map_err(|_| bad())?))
}

struct Follower {
    rest: Rest,
    caller: Caller,
    token: String,
    id: RoomId,
    room: RoomName,
    epoch: Epoch,
    after: Seq,
    stirs: Receiver<Stir>,
    /// When the token was looked at last.
    looked: Instant,
    // One reply of `room:sync`, so 48 KiB at most.
    ready: VecDeque<Event>,
    over: bool,
    _slot: Slot,
    /// Other nodes' entries of the room stir this stream.
    _interest: Interest,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            // Also of a reader that was away for long in the middle of much to read.
            if self.looked.elapsed() >= LOOK_AGAIN {
                self.look().await;
                continue;
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => self.wait().await,
                Err(body) => self.end(&body),
            }
        }
    }

    /// Looks whether the token still is good.
    async fn look(&mut self) {
        match accounts::authenticate(&self.rest.services, &self.token).await {
            Ok(caller) => (self.caller, self.looked) = (caller, Instant::now()),
            Err(error) => self.end(&error.body()),
        }
    }

    fn end(&mut self, body: &ErrorBody) {
        self.over = true;
        self.ready.extend(Event::default().event("error").json_data(body).ok());
    }

    /// Reads what is new; true: there was something.
    async fn read(&mut self) -> std::result::Result<bool, ErrorBody> {
        let request = SyncRequest {
            room: self.room.clone().into(),
            after: self.after,
            epoch: self.epoch.clone(),
            full: Some(true),
        };
        let got = sync::sync(&self.rest.services, &self.caller, request).await?;
        if got.reset {
            (self.epoch, self.after) = (got.epoch.clone(), got.head);
            let id = self.id_of(got.head);
            self.ready.extend(Event::default().id(id).event("reset").json_data(&got).ok());
            return Ok(true);
        }
        for entry in got.entries.into_iter().flatten() {
            self.after = entry.seq;
            let event = self.event(&entry);
            self.ready.extend(event);
        }
        Ok(!self.ready.is_empty())
    }

    fn id_of(&self, seq: Seq) -> String {
        format!("{}:{seq}", self.epoch)
    }

    fn event(&self, entry: &Entry) -> Option<Event> {
        Event::default().id(self.id_of(entry.seq)).event(entry.body.name()).json_data(entry).ok()
    }

    /// Until something may be new, or the token must be looked at again.
    async fn wait(&mut self) {
        let again = tokio::time::sleep(LOOK_AGAIN.saturating_sub(self.looked.elapsed()));
        tokio::pin!(again);
        loop {
            tokio::select! {
                stir = self.stirs.recv() => match stir {
                    Ok(Stir::Room(id)) if id == self.id => return,
                    Ok(Stir::Any) => return,
                    Ok(Stir::Room(_)) => {}
                    Ok(Stir::Authority) => break,
                    // What was missed may have been about authority.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => break,
                },
                () = &mut again => break,
                () = self.rest.drain.cancelled() => {
                    // The client comes back by itself, from the last id it saw.
                    self.over = true;
                    return;
                }
            }
        }
        self.look().await;
    }
}
