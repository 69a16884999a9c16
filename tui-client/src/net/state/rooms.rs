//! Which rooms are open, and how they come back after a break: all known ones in one `session:resume`, page by page;
//! what that leaves unanswered is asked for room by room.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_common::event::room::{Join, JoinReply, Resume, ResumeReply, Subscribe, Unsubscribe};
use chat_common::model::Sync;
use chat_common::{ErrorBody, ErrorCode, RoomName, RoomRef};

use super::{Log, NetEvent, Now, Phase, Purpose, ROOMS, State, Wanted};

/// Rooms named in one `session:resume`.
const RESUMED_AT_ONCE: usize = 300;

impl State {
    pub(super) fn open(&mut self, wanted: Wanted, now: Now) {
        if self.wanted.iter().any(|w| w.room == wanted.room) {
            return;
        }
        if self.logs.len() + self.wanted.len() >= ROOMS {
            let error = ErrorBody::new(ErrorCode::TooLarge, format!("{ROOMS} rooms are open; close one first"));
            self.tell(NetEvent::OpenFailed { room: wanted.room, error });
            return;
        }
        self.wanted.push(wanted);
        self.join_wanted(now);
    }

    pub(super) fn close(&mut self, room: &RoomName, now: Now) {
        self.wanted.retain(|w| w.room != RoomRef::Room(room.clone()));
        if self.logs.remove(room).is_some() {
            if let Phase::Online(online) = &mut self.phase {
                online.to_resume.remove(room);
            }
            self.ask(&Unsubscribe { room: room.clone().into() }, Purpose::Nothing, now);
        }
    }

    /// One is no longer in this room.
    pub(super) fn gone(&mut self, room: &RoomName) {
        self.logs.remove(room);
        if let Phase::Online(online) = &mut self.phase {
            online.to_resume.remove(room);
        }
        self.tell(NetEvent::Gone { room: room.clone() });
    }

    /// Joins what was asked for before there was a line.
    pub(super) fn join_wanted(&mut self, now: Now) {
        if !self.online() {
            return;
        }
        self.join_at = None;
        for wanted in std::mem::take(&mut self.wanted) {
            let (epoch, after) = wanted.from.clone().map(|p| (p.epoch, p.seq)).unzip();
            let join = Join { room: wanted.room.clone(), after, epoch };
            if let RoomRef::Room(name) = &wanted.room {
                // Live entries may precede the answer: a log that holds them must be there.
                let log = || Log::new(name.clone(), wanted.full, wanted.from.clone());
                self.logs.entry(name.clone()).or_insert_with(log);
            }
            if !self.ask(&join, Purpose::Join { wanted: wanted.clone(), known: false }, now) {
                self.put_off(wanted, None, now);
            }
        }
    }

    /// Joins later.
    fn put_off(&mut self, wanted: Wanted, wait_ms: Option<u64>, now: Now) {
        let wait = Duration::from_millis(wait_ms.unwrap_or(2_000).clamp(500, 60_000));
        self.wanted.push(wanted);
        self.join_at = Some(self.join_at.unwrap_or_default().max(now.mono + wait));
    }

    pub(super) fn joined(&mut self, wanted: Wanted, known: bool, result: Result<JoinReply, ErrorBody>, now: Now) {
        let log_name = match &wanted.room {
            RoomRef::Room(name) => Some(name.clone()),
            // Not known before it is joined.
            RoomRef::Direct(_) => None,
        };
        match (result, log_name) {
            (Ok(reply), log_name) => {
                let name = reply.room.room.clone();
                if let Some(asked) = log_name.filter(|n| *n != name) {
                    self.logs.remove(&asked);
                }
                self.tell(NetEvent::Joined {
                    asked: wanted.room,
                    room: Box::new(reply.room),
                    members: reply.members,
                    present: reply.present,
                });
                let log = || Log::new(name.clone(), wanted.full, wanted.from);
                self.logs.entry(name.clone()).or_insert_with(log);
                self.synced(&name, Ok(reply.sync), now);
            }
            (Err(error), Some(name)) if known && error.code.is_retryable() => {
                if let Some(log) = self.logs.get_mut(&name) {
                    log.failed(now.mono);
                }
            }
            (Err(_), Some(name)) if known => self.gone(&name),
            (Err(error), _) if error.code.is_retryable() => self.put_off(wanted, error.retry_after_ms, now),
            (Err(error), log_name) => {
                if let Some(name) = log_name {
                    self.logs.remove(&name);
                }
                self.tell(NetEvent::OpenFailed { room: wanted.room, error });
            }
        }
    }

    /// Asks for everything that was missed, as far as one question goes.
    pub(super) fn resume(&mut self, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        let mut rooms = BTreeMap::new();
        let mut epoch = None;
        let mut unknown = vec![];
        for name in &online.to_resume {
            match self.logs.get(name).and_then(Log::at) {
                // One question is about one lineage; what knows another one is asked for by itself.
                Some((e, seq)) if epoch.as_ref().is_none_or(|known| known == e) && rooms.len() < RESUMED_AT_ONCE => {
                    epoch = Some(e.clone());
                    rooms.insert(name.clone(), *seq);
                }
                Some((e, _)) if epoch.as_ref() == Some(e) => {}
                _ => unknown.push(name.clone()),
            }
        }
        for name in unknown {
            self.subscribe(&name, now);
        }
        match epoch {
            Some(epoch) => {
                if !self.ask(&Resume { epoch, rooms }, Purpose::Resume, now) {
                    self.resumed(Err(super::online::offline()), now);
                }
            }
            None => {
                if let Phase::Online(online) = &mut self.phase {
                    online.resumed = true;
                }
            }
        }
    }

    pub(super) fn resumed(&mut self, result: Result<ResumeReply, ErrorBody>, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        let before = online.to_resume.len();
        match result {
            Ok(reply) => {
                for room in reply.gone {
                    if self.logs.contains_key(&room) {
                        self.gone(&room);
                    }
                }
                for (room, sync) in reply.rooms {
                    if let Phase::Online(online) = &mut self.phase
                        && online.to_resume.remove(&room)
                    {
                        self.synced(&room, Ok(sync), now);
                    }
                }
            }
            Err(error) => tracing::debug!(code = %error.code, "resume failed; room by room"),
        }
        let Phase::Online(online) = &mut self.phase else { return };
        let left: Vec<RoomName> = online.to_resume.iter().cloned().collect();
        if left.is_empty() {
            online.resumed = true;
        } else if left.len() < before {
            self.resume(now);
        } else {
            // No progress that way.
            online.resumed = true;
            for room in left {
                self.subscribe(&room, now);
            }
        }
    }

    /// Brings one known room back by itself.
    fn subscribe(&mut self, room: &RoomName, now: Now) {
        if let Phase::Online(online) = &mut self.phase {
            online.to_resume.remove(room);
        }
        let Some(log) = self.logs.get(room) else { return };
        let (epoch, after) = log.at().cloned().unzip();
        let request = Subscribe { room: room.clone().into(), after, epoch };
        let wanted = Wanted { room: room.clone().into(), full: false, from: None };
        let purpose = Purpose::Join { wanted, known: true };
        self.ask(&request, purpose, now);
    }

    pub(super) fn synced(&mut self, room: &RoomName, result: Result<Sync, ErrorBody>, now: Now) {
        let mut out = vec![];
        match (self.logs.get_mut(room), result) {
            (Some(log), Ok(sync)) => log.sync(sync, now.mono, &mut out),
            (Some(_), Err(error))
                if matches!(error.code, ErrorCode::NotFound | ErrorCode::Forbidden | ErrorCode::Banned) =>
            {
                self.gone(room);
            }
            (Some(log), Err(_)) => log.failed(now.mono),
            (None, _) => {}
        }
        self.carry_out(room, out, now);
    }
}
