//! What a socket is told: packets as they stand on a WebSocket, encoded once for all who are told the same.
//!
//! Where a frame goes past the library it must be what the library would have written; so the two prefixes of the wire
//! stand here and nowhere else. Long polling still goes through the library, which is given name and payload.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::call::raw;

/// A text frame, whole.
const TEXT: u8 = 0x81;
/// The longest header of a frame of ours: no mask.
const HEADER: usize = 10;

/// One packet's name: how its payload is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An event of this name.
    Event(&'static str),
    /// The acknowledgement of the client's packet of this number.
    Ack(i64),
}

/// Packets that are told together.
#[derive(Debug)]
pub(super) struct Told {
    /// All of them as frames, one after the other.
    pub frames: Bytes,
    packets: Box<[(Kind, Range<usize>)]>,
}

/// Shared by all sockets that are told it.
pub(super) type Out = Arc<Told>;

impl Told {
    /// An event with its payload.
    pub(super) fn event<T: Serialize>(name: &'static str, payload: &T) -> Out {
        Self::run([(Kind::Event(name), &*raw(payload))])
    }

    /// Packets in order.
    pub(super) fn run<'a>(packets: impl IntoIterator<Item = (Kind, &'a RawValue)>) -> Out {
        let mut frames = Vec::new();
        let packets = packets.into_iter().map(|(kind, payload)| (kind, frame(&mut frames, kind, payload))).collect();
        Arc::new(Self { frames: frames.into(), packets })
    }

    /// How many packets.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Bytes on the wire.
    pub(super) fn size(&self) -> usize {
        self.frames.len()
    }

    /// Each packet and its payload.
    pub(super) fn packets(&self) -> impl Iterator<Item = (Kind, &RawValue)> {
        // What was just written as JSON can be read.
        self.packets
            .iter()
            .filter_map(|(kind, at)| Some((*kind, serde_json::from_slice(self.frames.get(at.clone())?).ok()?)))
    }
}

/// Appends a packet of `/chat` as a frame; where its payload stands.
fn frame(out: &mut Vec<u8>, kind: Kind, payload: &RawValue) -> Range<usize> {
    let payload = payload.get().as_bytes();
    let mut head = match kind {
        // The names of events are words and colons.
        Kind::Event(name) => format!("42/chat,[\"{name}\""),
        Kind::Ack(id) => format!("43/chat,{id}["),
    };
    if matches!(kind, Kind::Event(_)) {
        head.push(',');
    }
    let length = head.len() + payload.len() + 1;
    out.reserve(HEADER + length);
    out.push(TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(head.as_bytes());
    let from = out.len();
    out.extend_from_slice(payload);
    let at = from..out.len();
    out.push(b']');
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_their_lengths_right() {
        for bytes in [0, 80, 125, 126, 300, 65_000, 65_535, 70_000] {
            let text = "x".repeat(bytes);
            let value = raw(&text);
            let told = Told::run([(Kind::Event("a:b"), &*value), (Kind::Ack(7), &*value)]);
            let mut at = 0;
            let mut seen = Vec::new();
            while at < told.frames.len() {
                assert_eq!(told.frames[at], TEXT);
                let (length, header) = match told.frames[at + 1] {
                    126 => (usize::from(u16::from_be_bytes(told.frames[at + 2..at + 4].try_into().unwrap())), 4),
                    127 => (u64::from_be_bytes(told.frames[at + 2..at + 10].try_into().unwrap()) as usize, 10),
                    short => (usize::from(short), 2),
                };
                seen.push(String::from_utf8(told.frames[at + header..at + header + length].to_vec()).unwrap());
                at += header + length;
            }
            assert_eq!(seen, [format!("42/chat,[\"a:b\",\"{text}\"]"), format!("43/chat,7[\"{text}\"]")]);
            let payload = format!("\"{text}\"");
            let parts: Vec<_> = told.packets().map(|(kind, payload)| (kind, payload.get().to_owned())).collect();
            assert_eq!(parts, [(Kind::Event("a:b"), payload.clone()), (Kind::Ack(7), payload)]);
        }
    }
}
