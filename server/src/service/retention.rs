//! Texts that are kept no longer: what is older than its room keeps it, and what erased users wrote. One loop on each
//! node takes them, step by step; the store sees to it that no two take the same. Each step's entry is told.

use std::sync::Arc;
use std::time::Duration;

use chat_common::RoomName;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Caller, Error, Result, Services, tell};
use crate::storage::RoomRow;

/// How often it is looked whether something is due: days are counted, so an hour more is nothing.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// After a failure it is tried again sooner.
const PAUSE: Duration = Duration::from_secs(60);
/// Between two steps, so that sending comes first.
const BREATH: Duration = Duration::from_millis(20);
/// A hundred years: more is a mistake.
const MOST: u32 = 36_500;

/// Wakes the loop before its hour.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is something to do.
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Refuses a number of days that nobody means.
pub(super) fn days(days: u32) -> Result<u32> {
    if days > MOST {
        return Err(Error::invalid("retention_days", "1 to 36,500 days, or 0 for ever"));
    }
    Ok(days)
}

/// Sets for how long a room keeps texts; `actor: None`: the command line. The loop takes what is due by it.
pub(super) async fn set(
    s: &Services,
    actor: Option<chat_common::UserId>,
    room: &RoomName,
    days: Option<u32>,
) -> Result<RoomRow> {
    let shown = days.unwrap_or(s.limits.retention_days);
    let change = s.store.set_retention(actor, room, days, shown, s.now()).await?;
    tell::change(s, &change).await;
    s.retention.ring();
    Ok(change.room)
}

/// `chat-server room retention`: `None` goes by the server's default, 0 keeps for ever. How many messages lost their
/// texts by it at once.
pub async fn set_and_apply(s: &Services, caller: &Caller, room: &RoomName, wish: Option<u32>) -> Result<u64> {
    caller.needs_admin()?;
    let wish = wish.map(days).transpose()?;
    set(s, caller.actor(), room, wish).await?;
    all(s).await
}

/// Takes everything that is due; how many messages lost their texts.
pub async fn all(s: &Services) -> Result<u64> {
    let mut messages = 0;
    while let Some(done) = s.store.blank_next(s.limits.retention_days, s.now()).await? {
        messages += u64::from(done.messages);
        if let Some(change) = &done.change {
            tell::change(s, change).await;
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(messages)
}

/// The loop of one node.
pub async fn run(s: Arc<Services>, end: CancellationToken) -> std::result::Result<(), String> {
    loop {
        let wait = tokio::select! {
            () = end.cancelled() => return Ok(()),
            done = all(&s) => match done {
                Ok(0) => LOOK,
                Ok(messages) => {
                    tracing::info!(messages, "texts that are kept no longer were deleted");
                    LOOK
                }
                Err(error) => {
                    tracing::warn!(%error, "texts that are kept no longer could not be deleted; it is tried again");
                    PAUSE
                }
            },
        };
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            () = s.retention.0.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
