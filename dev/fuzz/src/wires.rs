//! What comes from other nodes and from Node servers.

use chat_common::UserId;
use chat_server::cluster::envelope::{Envelope, Lineage, MAX_FRAME};
use chat_server::cluster::wire::Topic;
use chat_server::relay::fuzzing;
use chat_server::storage::RoomId;

/// Node's classic Redis adapter. What was read is written so that it is read as the same.
pub(crate) fn relay_wire(data: &[u8]) {
    fuzzing::request(data);
    let Some(written) = fuzzing::broadcast(data) else { return };
    if written.len() > fuzzing::LARGEST {
        return;
    }
    assert_eq!(fuzzing::broadcast(&written).as_ref(), Some(&written), "written twice");
}

/// Frames between our own nodes; the lineage of the input is taken for ours, and the topic chosen to fit.
pub(crate) fn envelope(data: &[u8]) {
    if data.len() < 18 {
        return;
    }
    let number = |at: usize| data.get(at..at + 8).map(|b| u64::from_be_bytes(b.try_into().unwrap()));
    let envelope = Envelope::new(Lineage(number(2).unwrap()));
    let (room, user) = (number(18).unwrap_or_default(), number(18).unwrap_or_default());
    let topics =
        [Topic::All, Topic::Room(RoomId(room.cast_signed())), Topic::User(UserId::from_bits(user)), Topic::Relay];
    let told: Vec<_> = topics.into_iter().filter_map(|t| envelope.read(t, data).ok().map(|told| (t, told))).collect();
    assert!(told.len() <= 1, "a frame belongs to one topic");
    let Some((topic, told)) = told.into_iter().next() else { return };
    let Some(frame) = envelope.write(told.from, &told.signal) else { return };
    assert!(frame.len() <= MAX_FRAME);
    let again = envelope.read(topic, &frame).expect("our own frame is read");
    assert_eq!(envelope.write(again.from, &again.signal), Some(frame), "written twice");
}
