//! What a store is born with: its lineage's name, and the key of the hashes that stay where texts go.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{StoreError, StoreResult};

/// Bytes kept of a text's hash.
const HASH: usize = 16;

/// What tells another text from the same without keeping it.
pub(super) type TextHash = [u8; HASH];

/// The key of a store's text hashes.
pub(super) type TextKey = [u8; 32];

/// The keyed hash of a text.
pub(super) fn text_hash(key: &TextKey, text: &str) -> StoreResult<TextHash> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| damaged())?;
    mac.update(text.as_bytes());
    let full = mac.finalize().into_bytes();
    let mut hash = [0u8; HASH];
    hash.copy_from_slice(&full[..HASH]);
    Ok(hash)
}

/// What keeps the name of an erased user from being given again, without keeping the name.
pub(super) fn name_mark(key: &TextKey, skeleton: &str) -> StoreResult<String> {
    Ok(format!("erased:{}", hex(&text_hash(key, skeleton)?)))
}

/// Another lineage.
pub(super) fn new_epoch() -> StoreResult<String> {
    Ok(hex(&random::<10>()?))
}

/// A new key, as it is stored.
pub(super) fn new_text_key() -> StoreResult<String> {
    Ok(hex(&random::<32>()?))
}

/// A key, back from how it is stored.
pub(super) fn text_key(stored: &str) -> StoreResult<TextKey> {
    let mut out = [0u8; 32];
    let digits = stored.as_bytes();
    if digits.len() != 64 {
        return Err(damaged());
    }
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| damaged())?;
        *slot = u8::from_str_radix(pair, 16).map_err(|_| damaged())?;
    }
    Ok(out)
}

fn random<const N: usize>() -> StoreResult<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Unavailable(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn damaged() -> StoreError {
    StoreError::Internal("the database holds a damaged value: text key".into())
}
