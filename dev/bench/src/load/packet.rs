//! Socket.IO packets as the generator sees them: what kind, whose acknowledgement, and the stamp in a message's text. Looked at as
//! bytes, since a parsed JSON value for each of a million deliveries a second would measure the parser.

/// A packet that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// Engine.IO's opening.
    Open,
    /// Engine.IO's ping.
    Ping,
    /// The namespace is entered.
    Connected,
    /// It is not; or the server ends it.
    Refused,
    /// The answer to the request with this number: whether it was granted.
    Ack(u64, bool),
    /// A message that bears a stamp.
    Message(Stamp),
    /// Anything else: hints, greetings.
    Other,
}

/// What a text begins with: when it was due, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds on the generator's clock.
    pub due: u64,
    /// Counts the generator's messages.
    pub number: u64,
}

const MARK: &[u8] = b"\"text\":\"@";
const DIGITS: usize = 15;

impl Stamp {
    /// A text of `bytes` bytes (at least 32) that bears this stamp.
    pub fn text(self, bytes: usize) -> String {
        let stamp = format!("@{:015}#{:015} ", self.due, self.number);
        format!("{stamp:x<bytes$}")
    }

    /// Finds and reads it; no message but ours has one.
    fn find(packet: &[u8]) -> Option<Self> {
        // It begins 60 to 200 bytes into the packet; `T` of the mark would be rarer, but a quote is found as fast.
        let at = memchr::memmem::find(packet, MARK)? + MARK.len();
        let due = number(packet.get(at..at + DIGITS)?)?;
        if packet.get(at + DIGITS) != Some(&b'#') {
            return None;
        }
        let number = number(packet.get(at + DIGITS + 1..at + 2 * DIGITS + 1)?)?;
        Some(Self { due, number })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |sum, d| d.is_ascii_digit().then(|| sum * 10 + u64::from(d - b'0')))
}

/// Reads a packet of a connection whose packets begin with `space` after their kind (`/chat,`, or nothing).
pub fn read(packet: &[u8], space: &[u8]) -> Packet {
    match packet {
        [b'0', ..] => Packet::Open,
        [b'2'] => Packet::Ping,
        [b'4', kind, rest @ ..] => {
            let rest = rest.strip_prefix(space).unwrap_or(rest);
            match kind {
                b'0' => Packet::Connected,
                b'1' | b'4' => Packet::Refused,
                b'2' => event(rest),
                b'3' => {
                    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                    match number(&rest[..digits]) {
                        Some(id) if digits > 0 => Packet::Ack(id, granted(&rest[digits..])),
                        _ => Packet::Other,
                    }
                }
                _ => Packet::Other,
            }
        }
        _ => Packet::Other,
    }
}

fn event(rest: &[u8]) -> Packet {
    if !rest.starts_with(b"[\"message:created\"") {
        return Packet::Other;
    }
    Stamp::find(rest).map_or(Packet::Other, Packet::Message)
}

fn granted(answer: &[u8]) -> bool {
    memchr::memmem::find(&answer[..answer.len().min(64)], b"\"ok\":true").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_its_way() {
        let stamp = Stamp { due: 123_456_789_012, number: 42 };
        let text = stamp.text(300);
        assert_eq!(text.len(), 300);
        let packet =
            format!(r#"42/chat,["message:created",{{"room":"lobby","seq":7,"text":"{text}","client_id":"k"}}]"#);
        assert_eq!(read(packet.as_bytes(), b"/chat,"), Packet::Message(stamp));
        let bare = packet.replace("/chat,", "");
        assert_eq!(read(bare.as_bytes(), b""), Packet::Message(stamp));
    }

    #[test]
    fn what_bears_no_stamp_is_not_counted() {
        for packet in [
            r#"42["message:created",{"text":"hello"}]"#,
            r#"42["message:created",{"text":"@123"}]"#,
            r#"42["room:head",{"text":"@000000000000001#000000000000001 "}]"#,
            r#"42["message:created",{"text":"@00000000000000x#000000000000001 "}]"#,
            "6",
            "",
        ] {
            assert_eq!(read(packet.as_bytes(), b""), Packet::Other, "{packet}");
        }
    }

    #[test]
    fn acknowledgements_say_whose_and_whether() {
        assert_eq!(read(br#"43/chat,17[{"ok":true,"seq":4}]"#, b"/chat,"), Packet::Ack(17, true));
        assert_eq!(read(br#"430[{"ok":false,"error":{}}]"#, b""), Packet::Ack(0, false));
        assert_eq!(read(br#"43[{"ok":true}]"#, b""), Packet::Other);
    }

    #[test]
    fn the_kinds_are_told_apart() {
        assert_eq!(read(br#"0{"sid":"x"}"#, b"/chat,"), Packet::Open);
        assert_eq!(read(b"2", b""), Packet::Ping);
        assert_eq!(read(br#"40/chat,{"sid":"x"}"#, b"/chat,"), Packet::Connected);
        assert_eq!(read(br#"44/chat,{"message":"no"}"#, b"/chat,"), Packet::Refused);
        assert_eq!(read(b"41/chat,", b"/chat,"), Packet::Refused);
    }
}
