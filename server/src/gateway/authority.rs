//! What ends connections: the authority log, read each second and when the bus says so, and the tokens' own ends.
//!
//! The log is in the store, so authority does not hang on the bus. The same tick looks whether the store is there
//! (handshakes are refused while it is not) and forgets what never came to life.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_common::event::server::Hint;
use chat_common::{ErrorBody, ErrorCode, UserId};
use tokio::time::MissedTickBehavior;

use crate::service::{self, Proof};
use crate::storage::{Authority, RoomId};

use super::conn::Conn;
use super::outbox::Ending;
use super::{Gateway, session, subscribe};

/// How often the log is read.
const TICK: Duration = Duration::from_secs(1);
/// The store answers within this or counts as away.
const PATIENCE: Duration = Duration::from_secs(3);
/// So long before a token's end its client is told.
const WARNING: Duration = Duration::from_secs(60);
/// A connection whose CONNECT was never answered is forgotten after this.
const NEVER_STARTED: Duration = Duration::from_secs(20);

/// Runs until the gateway stops.
pub(super) async fn run(gateway: Arc<Gateway>) {
    let (mut cursor, mut starting) = (None, true);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                watch(&gateway);
                read(&gateway, &mut cursor).await;
                look(&gateway, cursor.is_some(), &mut starting).await;
            }
            () = gateway.look.notified() => {
                read(&gateway, &mut cursor).await;
                look(&gateway, cursor.is_some(), &mut starting).await;
            }
            () = gateway.authority.notified() => read(&gateway, &mut cursor).await,
            () = gateway.stop.cancelled() => return,
        }
    }
}

/// Notes whether the store is there for new connections.
async fn look(gateway: &Arc<Gateway>, known: bool, starting: &mut bool) {
    let healthy = tokio::time::timeout(PATIENCE, gateway.services.store.health()).await;
    let up = known && matches!(healthy, Ok(Ok(())));
    if gateway.store_up.swap(up, Ordering::Relaxed) != up {
        // That it is there at the start is no news.
        if std::mem::take(starting) && up {
            tracing::debug!(up, "the store takes connections");
        } else {
            tracing::info!(up, "whether the store takes new connections changed");
        }
    }
}

async fn read(gateway: &Arc<Gateway>, cursor: &mut Option<i64>) {
    let read = tokio::time::timeout(PATIENCE, service::authority::poll(&gateway.services, *cursor)).await;
    let (rows, newest) = match read {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return tracing::warn!(%error, "the authority log could not be read"),
        Err(_) => return tracing::warn!("the authority log could not be read in time"),
    };
    *cursor = Some(newest);
    if !rows.is_empty() {
        // Before the connections are looked at: who is being taken in right now looks at this and asks again.
        gateway.authority_round.fetch_add(1, Ordering::SeqCst);
    }
    for row in rows {
        apply(gateway, row).await;
    }
}

async fn apply(gateway: &Arc<Gateway>, row: Authority) {
    let logged_out = "the session has ended; log in again";
    match row {
        Authority::Session(id) => {
            end_where(gateway, ErrorCode::Unauthorized, logged_out, |c| c.caller().proof == Proof::Session(id.clone()));
        }
        Authority::User { user, except } => {
            end_where(gateway, ErrorCode::Unauthorized, logged_out, |c| {
                c.user == user && matches!(&c.caller().proof, Proof::Session(id) if Some(id) != except.as_ref())
            });
        }
        Authority::Token(id) => {
            let text = "the API token was deleted";
            end_where(gateway, ErrorCode::Unauthorized, text, |c| c.caller().proof == Proof::Token(id.clone()));
        }
        Authority::Banned(user) => {
            end_where(gateway, ErrorCode::Banned, "banned from this server", |c| c.user == user);
        }
        Authority::Room { user, room } => left(gateway, user, room).await,
        Authority::RoomClosed(room) => drop(gateway.settle(gateway.hub.close_to_strangers(room))),
        Authority::RoomDeleted(room) => drop(gateway.settle(gateway.hub.close_room(room))),
        Authority::Changed(user) => reload(gateway, user).await,
    }
}

fn end_where(gateway: &Arc<Gateway>, code: ErrorCode, text: &str, which: impl Fn(&Conn) -> bool) {
    for conn in gateway.hub.all() {
        if which(&conn) {
            gateway.end(&conn, Ending::Refused(ErrorBody::new(code, text)));
        }
    }
}

/// The entry that tells a kick ends the subscription; this does where the entry was lost. Who is back by now stays.
pub(super) async fn left(gateway: &Arc<Gateway>, user: UserId, room: RoomId) {
    let Some(name) = gateway.hub.follows(room, user) else { return };
    match tokio::time::timeout(PATIENCE, subscribe::is_member(&gateway.services, user, &name)).await {
        Ok(Ok(true)) => {}
        _ => {
            if let Some((name, conns)) = gateway.hub.leave(room, user) {
                let gone = Hint::RoomGone { room: name };
                conns.iter().for_each(|conn| gateway.heed(conn, conn.tell(&gone)));
            }
        }
    }
}

/// Another name, display name or server role.
async fn reload(gateway: &Arc<Gateway>, user: UserId) {
    let conns = gateway.hub.of_user(user);
    if conns.is_empty() {
        return;
    }
    match tokio::time::timeout(PATIENCE, gateway.services.store.user(user)).await {
        Ok(Ok(Some(row))) => {
            for conn in conns {
                conn.replace_caller(session::with_user(&conn.caller(), &row));
            }
        }
        _ => {
            // Without knowing what it may do now it may do nothing: it comes back and is looked up anew.
            conns.iter().for_each(|conn| gateway.end(conn, Ending::Dropped));
        }
    }
}

/// Looks at every connection: tokens that end, CONNECTs that were never answered.
pub(super) fn watch(gateway: &Arc<Gateway>) {
    let (now, instant) = (gateway.services.clock.now(), Instant::now());
    for conn in gateway.hub.all() {
        if !conn.started.load(Ordering::Relaxed) && instant.saturating_duration_since(conn.born) > NEVER_STARTED {
            gateway.end(&conn, Ending::Gone);
            continue;
        }
        let Some(expires_at) = conn.caller().expires_at else { continue };
        if now >= expires_at {
            let error = ErrorBody::new(ErrorCode::Unauthorized, "the token has expired; connect with a fresh one");
            gateway.end(&conn, Ending::Refused(error));
        } else if expires_at.since(now) <= WARNING && conn.warn_once() {
            let notice = Hint::Notice {
                code: "token_expiring".into(),
                message: "the token ends soon; send session:refresh with a fresh one".into(),
                retry_after_ms: None,
            };
            gateway.heed(&conn, conn.tell(&notice));
        }
    }
    gateway.transports.sweep(instant);
}
