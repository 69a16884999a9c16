//! The key of a record tells what it is about, so that a node drops what it does not follow without looking inside,
//! and what belongs together keeps its order in one partition.

use chat_common::UserId;

use crate::cluster::wire::Topic;
use crate::storage::RoomId;

/// The bytes of a record's key.
pub fn key(topic: Topic) -> Vec<u8> {
    let with = |tag: u8, id: [u8; 8]| [&[tag][..], &id].concat();
    match topic {
        Topic::All => vec![b'a'],
        Topic::Relay => vec![b'e'],
        Topic::Room(room) => with(b'r', room.0.to_be_bytes()),
        Topic::User(user) => with(b'u', user.bits().to_be_bytes()),
    }
}

/// What a key tells; `None`: not one of ours.
pub fn topic(key: &[u8]) -> Option<Topic> {
    let (tag, id) = key.split_first()?;
    if id.is_empty() {
        return match tag {
            b'a' => Some(Topic::All),
            b'e' => Some(Topic::Relay),
            _ => None,
        };
    }
    let id: [u8; 8] = id.try_into().ok()?;
    match tag {
        b'r' => Some(Topic::Room(RoomId(i64::from_be_bytes(id)))),
        b'u' => Some(Topic::User(UserId::from_bits(u64::from_be_bytes(id)))),
        _ => None,
    }
}

/// Which of `partitions` a key goes to; the same on every node and in every version.
pub fn partition(key: &[u8], partitions: usize) -> usize {
    // FNV-1a, its halves folded together: the last byte would otherwise decide too little.
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let folded = (hash ^ (hash >> 32)) & u64::from(u32::MAX);
    usize::try_from(folded).unwrap_or_default() % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back() {
        for t in [
            Topic::All,
            Topic::Relay,
            Topic::Room(RoomId(1)),
            Topic::Room(RoomId(i64::MAX)),
            Topic::User(UserId::from_bits(u64::MAX)),
        ] {
            assert_eq!(topic(&key(t)), Some(t));
        }
        for foreign in [&b""[..], b"x", b"r", b"room-12345", b"a123"] {
            assert_eq!(topic(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn rooms_spread_over_the_partitions_and_stay_where_they_are() {
        let mut used = [0_usize; 12];
        for id in 1..=1_200 {
            used[partition(&key(Topic::Room(RoomId(id))), 12)] += 1;
        }
        assert!(used.iter().all(|n| (60..=140).contains(n)), "{used:?}");
        // Nodes of different versions must agree: these are for ever.
        assert_eq!(partition(b"a", 12), 4);
        assert_eq!(partition(&key(Topic::Room(RoomId(1))), 12), 3);
    }
}
