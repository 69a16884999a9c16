//! What the server tells.

use chat_common::event::server::Hint;
use chat_common::event::{Entry, EntryBody, ServerEvent};
use chat_common::{ClientId, Seq, Timestamp, UserId};
use serde_json::Value;

use super::{Duration, NetEvent, Now, Phase, State};

impl State {
    pub(super) fn packet(&mut self, name: &str, data: Value, now: Now) {
        if let Phase::Online(online) = &mut self.phase {
            online.heart.heard(now.mono);
        }
        match ServerEvent::decode(name, data) {
            ServerEvent::Ready(ready) => self.ready(ready, now),
            ServerEvent::Entry(entry) => {
                let room = entry.room.clone();
                let mut out = vec![];
                if let Some(log) = self.logs.get_mut(&room) {
                    log.entry(*entry, &mut out);
                }
                self.carry_out(&room, out, now);
            }
            ServerEvent::Reply(raw) => self.reply(raw, now),
            ServerEvent::Hint(hint) => self.hint(hint, now),
            // A later version's event, or nonsense.
            ServerEvent::Unknown { .. } => {}
        }
    }

    fn hint(&mut self, hint: Hint, now: Now) {
        if !self.online() {
            return;
        }
        match &hint {
            Hint::RoomHead { room, head } => {
                let mut out = vec![];
                if let Some(log) = self.logs.get_mut(room) {
                    log.head(*head, &mut out);
                }
                let room = room.clone();
                self.carry_out(&room, out, now);
            }
            Hint::RoomGone { room } => {
                self.gone(&room.clone());
                return;
            }
            Hint::Notice { code, retry_after_ms, .. } => {
                if code == "token_expiring" {
                    self.renew();
                } else if let (Phase::Online(online), "draining") = (&mut self.phase, code.as_str()) {
                    online.come_back = retry_after_ms.map(Duration::from_millis);
                }
            }
            _ => {}
        }
        self.tell(NetEvent::Hint(hint));
    }

    /// An entry in its turn.
    pub(super) fn told(&mut self, entry: Box<Entry>) {
        if let EntryBody::Created { client_id, .. } = &entry.body {
            self.seen_own(entry.from.id, client_id, entry.seq, entry.at);
        }
        self.tell(NetEvent::Entry(entry));
    }

    /// A message of one's own that is in the log need not be sent again.
    pub(super) fn seen_own(&mut self, from: UserId, client_id: &ClientId, seq: Seq, at: Timestamp) {
        if matches!(&self.phase, Phase::Online(online) if online.me == from) {
            let change = self.outbox.seen(client_id, seq, at);
            self.changes(change.into_iter().collect());
        }
    }
}
