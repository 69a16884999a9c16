//! Randomness, and opaque tokens: what they look like and what of them is stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::service::{Error, Result};

/// Crockford's base 32 in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// What an API token begins with, so that scanners find a leaked one.
pub(in crate::service) const API_PREFIX: &str = "chat_";
/// What a refresh token begins with.
pub(in crate::service) const REFRESH_PREFIX: &str = "chatr_";

/// Random bytes of the operating system.
pub(in crate::service) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no randomness");
        Error::Internal
    })?;
    Ok(bytes)
}

/// 22 random characters: an id of a session, a token, an invitation.
pub(in crate::service) fn id() -> Result<String> {
    let mut id = base32(&random::<14>()?);
    id.truncate(22);
    Ok(id)
}

/// A secret of 256 random bits with a prefix.
pub(in crate::service) fn token(prefix: &str) -> Result<String> {
    Ok(format!("{prefix}{}", base32(&random::<32>()?)))
}

/// What is stored of a secret: it has 256 random bits, so a plain hash is enough.
pub(in crate::service) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A key for one purpose, or a value that follows from another one.
pub(super) fn derive(key: &[u8; 32], purpose: &str, from: &[u8]) -> [u8; 32] {
    // A key of any length is taken; the fallback is there for the type alone.
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => return [0; 32],
    };
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(from);
    mac.finalize().into_bytes().into()
}

/// The refresh token that follows `presented`: the same one for the same key, so that a reply that got lost can be
/// asked for again.
pub(super) fn successor(key: &[u8; 32], presented: &str) -> String {
    format!("{REFRESH_PREFIX}{}", base32(&derive(key, "refresh", presented.as_bytes())))
}

/// Five bits a character, the last ones filled up with zeros.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
        held &= 31;
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_keeps_every_bit() {
        assert_eq!(base32(&[]), "");
        assert_eq!(base32(&[0xff]), "zw");
        assert_eq!(base32(&[0, 0, 0, 0, 1]), "00000001");
        assert_eq!(base32(&[0xff; 5]), "zzzzzzzz");
        assert_eq!(base32(&[1; 32]).len(), 52);
        assert_ne!(base32(&[0x80; 32]), base32(&[0x81; 32]));
    }

    #[test]
    fn a_successor_follows_from_key_and_token_alone() {
        let one = successor(&[1; 32], "chatr_a");
        assert_eq!(one, successor(&[1; 32], "chatr_a"));
        assert_ne!(one, successor(&[2; 32], "chatr_a"));
        assert_ne!(one, successor(&[1; 32], "chatr_b"));
    }

    #[test]
    fn ids_and_tokens_are_random_and_long_enough() {
        assert_eq!(id().unwrap().len(), 22);
        assert_ne!(token(API_PREFIX).unwrap(), token(API_PREFIX).unwrap());
        assert_eq!(token(API_PREFIX).unwrap().len(), API_PREFIX.len() + 52);
    }
}
