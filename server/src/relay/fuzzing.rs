//! What the fuzzer (`dev/fuzz`) calls: what comes from the Redis that Node servers share.

use super::wire::{self, Nsp};

/// A broadcast, read and written again; `None` where it is dropped or of another namespace.
pub fn broadcast(bytes: &[u8]) -> Option<Vec<u8>> {
    let (uid, broadcast) = wire::decode_broadcast(bytes).ok()??;
    Some(wire::encode_broadcast(&uid, &broadcast))
}

/// A request to either namespace: whether it was understood.
pub fn request(bytes: &[u8]) -> bool {
    Nsp::ALL.map(|nsp| wire::decode_request(nsp, bytes).is_ok()).into_iter().all(|understood| understood)
}

/// The largest message that is read at all, bytes.
pub const LARGEST: usize = wire::LARGEST;
