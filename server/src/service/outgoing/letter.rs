//! What is sent to an outgoing webhook: its JSON, its id, its signature. The headers and the way of signing are those of
//! Standard Webhooks, so that libraries verify it: HMAC-SHA256 of `id.timestamp.body`, in Base64.

use bytes::Bytes;
use chat_common::event::{Entry, EntryBody};
use chat_common::model::User;
use chat_common::rest::Told;
use chat_common::{Epoch, RoomName, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::super::accounts::secret;
use crate::outbound::Post;
use crate::service::{Error, Result};
use crate::storage::{MoveRow, OutgoingRow};

/// What a secret begins with, so that scanners find a leaked one.
const PREFIX: &str = "whsec_";

/// The JSON of a delivery.
#[derive(Serialize)]
struct Body<'a> {
    /// Of this format; grows when a reader would have to know.
    v: u32,
    r#type: Told,
    /// The same for every try.
    delivery: &'a str,
    /// When it happened.
    timestamp: Timestamp,
    /// The lineage that numbers belong to.
    epoch: &'a Epoch,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Entry(&'a Entry),
    Move { event: Told, room: &'a RoomName, at: Timestamp, user: &'a User },
}

/// A delivery, ready to be signed and sent.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Its id.
    pub delivery: String,
    /// What it tells.
    pub event: Told,
    /// When it happened.
    pub at: Timestamp,
    body: Bytes,
}

/// 256 random bits, as a secret is written.
pub(super) fn new_secret() -> Result<String> {
    Ok(format!("{PREFIX}{}", base64(&secret::random::<32>()?)))
}

/// What an entry is told as; `None`: not at all.
pub(super) fn event_of(entry: &Entry) -> Option<Told> {
    Some(match &entry.body {
        EntryBody::Created { .. } => Told::MessageCreated,
        EntryBody::Edited { .. } => Told::MessageEdited,
        // Who keeps a copy must hear that texts are gone, one by one or all at once.
        EntryBody::Deleted { .. } | EntryBody::Blanked { .. } => Told::MessageDeleted,
        EntryBody::Reacted { .. } => Told::ReactionChanged,
        EntryBody::RoomUpdated { .. } => Told::RoomUpdated,
        EntryBody::MemberRemoved { .. } => Told::MemberRemoved,
        EntryBody::MemberUpdated { .. } => Told::MemberUpdated,
        EntryBody::Unknown => return None,
    })
}

impl Letter {
    /// About an entry of the log.
    pub fn entry(epoch: &Epoch, hook: &str, entry: &Entry, event: Told) -> Result<Self> {
        let delivery = format!("msg_{epoch}_{hook}_{}", entry.seq.0);
        Self::of(epoch, delivery, event, entry.at, Data::Entry(entry))
    }

    /// About who came or went.
    pub fn moved(epoch: &Epoch, row: &OutgoingRow, moved: &MoveRow) -> Result<Self> {
        let delivery = format!("msg_{epoch}_{}_m{}.{}", row.id, moved.at.as_millis(), moved.id);
        Self::moved_again(epoch, row, delivery, (&moved.user, moved.joined, moved.at))
    }

    /// The same under the id that it had.
    pub fn moved_again(
        epoch: &Epoch,
        row: &OutgoingRow,
        delivery: String,
        (user, joined, at): (&User, bool, Timestamp),
    ) -> Result<Self> {
        let event = if joined { Told::MemberJoined } else { Told::MemberLeft };
        Self::of(epoch, delivery, event, at, Data::Move { event, room: &row.room, at, user })
    }

    fn of(epoch: &Epoch, delivery: String, event: Told, at: Timestamp, data: Data<'_>) -> Result<Self> {
        let body = Body { v: 1, r#type: event, delivery: &delivery, timestamp: at, epoch, data };
        let body = serde_json::to_vec(&body).map_err(|error| {
            tracing::error!(%error, "an event is no JSON");
            Error::Internal
        })?;
        Ok(Self { delivery, event, at, body: body.into() })
    }

    /// As it is sent at this time.
    pub fn post(&self, row: &OutgoingRow, now: Timestamp) -> Post {
        let timestamp = (now.as_millis() / 1_000).to_string();
        let signature = sign(&row.signing.0, &self.delivery, &timestamp, &self.body);
        let headers = vec![
            ("webhook-id", self.delivery.clone()),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ];
        Post { url: row.url.clone(), headers, body: self.body.clone() }
    }
}

/// `v1,` and the HMAC in Base64.
fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = secret.strip_prefix(PREFIX).and_then(unbase64).unwrap_or_else(|| secret.as_bytes().to_vec());
    // A key of any length is taken; the fallback is there for the type alone.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", base64(&mac.finalize().into_bytes()))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().fold(0u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let index = (three >> (18 - 6 * i) & 63) as usize;
            out.push(if i <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|a| *a == byte)?;
        held = held << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
        held &= 0xffff;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_base64() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
            assert_eq!(unbase64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(unbase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().len(), 24);
        assert_eq!(unbase64("a b"), None);
    }

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_random() {
        let secret = new_secret().unwrap();
        assert!(secret.starts_with(PREFIX) && secret != new_secret().unwrap());
        assert_eq!(unbase64(secret.strip_prefix(PREFIX).unwrap()).unwrap().len(), 32);
    }
}
