//! WebSocket frames (RFC 6455) as a load generator needs them: text out, whatever a server sends in. No extension, no
//! fragments: the servers under load are told so, and one that sends a fragment is an error.

use anyhow::{Result, bail};

/// A server's frame at the front of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Front<'a> {
    /// More bytes are needed.
    Partial,
    /// A text frame's payload, and the bytes that the frame took.
    Text(&'a [u8], usize),
    /// A ping, pong or binary frame: nothing that is counted.
    Other(usize),
    /// The server says goodbye.
    Close,
}

/// Looks at the front of `bytes`.
pub fn front(bytes: &[u8]) -> Result<Front<'_>> {
    let [first, second, ..] = *bytes else { return Ok(Front::Partial) };
    if second & 0x80 != 0 {
        bail!("a server's frame is masked");
    }
    let (head, length) = match second {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (4, usize::from(u16::from_be_bytes([a, b]))),
            _ => return Ok(Front::Partial),
        },
        127 => match bytes.get(2..10).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(length))?),
            None => return Ok(Front::Partial),
        },
        short => (2, usize::from(short)),
    };
    if length > 1 << 24 {
        bail!("a frame of {length} bytes");
    }
    let Some(payload) = bytes.get(head..head + length) else { return Ok(Front::Partial) };
    match first {
        0x81 => Ok(Front::Text(payload, head + length)),
        0x82 | 0x89 | 0x8a => Ok(Front::Other(head + length)),
        0x88 => Ok(Front::Close),
        other => bail!("a frame that begins with {other:#x}: a fragment, or an extension nobody asked for"),
    }
}

/// Appends a text frame to `out`. The mask is zero: servers unmask with it like with any other, and it costs us nothing.
#[expect(clippy::cast_possible_truncation, reason = "the arms check the range")]
pub fn text(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The bytes after the answer to the upgrade; `None`: the answer is not whole yet.
pub fn after_upgrade(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    if !bytes.starts_with(b"HTTP/1.1 101") {
        bail!("no upgrade: {}", String::from_utf8_lossy(&bytes[..end.min(200)]));
    }
    Ok(Some(end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(payload: &[u8]) -> Vec<u8> {
        let mut masked = Vec::new();
        text(&mut masked, payload);
        // What a server sends: no mask bit, no key.
        let head = masked.len() - payload.len() - 4;
        masked[1] &= 0x7f;
        masked.drain(head..head + 4);
        masked
    }

    #[test]
    fn every_length_is_read_back_and_every_beginning_waits() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = vec![b'x'; length];
            let mut bytes = served(&payload);
            let whole = bytes.len();
            for cut in (0..whole).step_by(1 + whole / 50) {
                assert_eq!(front(&bytes[..cut]).unwrap(), Front::Partial, "{length} cut at {cut}");
            }
            bytes.extend_from_slice(&[0x81, 1]);
            assert_eq!(front(&bytes).unwrap(), Front::Text(&payload, whole), "{length}");
        }
    }

    #[test]
    fn other_frames_are_told_apart() {
        assert_eq!(front(&[0x89, 0]).unwrap(), Front::Other(2));
        assert_eq!(front(&[0x88, 2, 3, 232]).unwrap(), Front::Close);
        for wrong in [&[0x01, 0][..], &[0x81, 0x80, 1, 2, 3, 4], &[0xc1, 0]] {
            assert!(front(wrong).is_err(), "{wrong:?}");
        }
        assert!(front(&[0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]).is_err(), "a length nobody sends");
    }

    #[test]
    fn what_is_sent_is_masked_as_the_standard_asks() {
        let mut out = Vec::new();
        text(&mut out, b"2probe");
        assert_eq!(out, b"\x81\x86\0\0\0\x002probe");
        let mut out = Vec::new();
        text(&mut out, &[b'y'; 300]);
        assert_eq!((&out[..4], out.len()), (&[0x81, 0xfe, 1, 44][..], 308));
    }

    #[test]
    fn an_upgrade_ends_at_the_empty_line() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00";
        assert_eq!(after_upgrade(answer).unwrap(), Some(answer.len() - 2));
        assert_eq!(after_upgrade(&answer[..40]).unwrap(), None);
        assert!(after_upgrade(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
    }
}
