//! A guest's `~` may be left out: who is not found without it is looked for with it. Accounts come first, so a guest
//! never takes the place of an account; who asks again, and where, is left to the callers.

use chat_common::{RoomRef, UserName};

/// The guest's name to a name without the mark; `None` if it has the mark already.
pub fn marked(user: &UserName) -> Option<UserName> {
    (!user.is_guest()).then(|| user.clone().guest())
}

/// The conversation with the guest of that name; `None` for rooms and for guests.
pub fn conversation(room: &RoomRef) -> Option<RoomRef> {
    match room {
        RoomRef::Direct(user) => marked(user).map(RoomRef::Direct),
        RoomRef::Room(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_without_the_mark_may_be_a_guest() {
        let guest = |room: &str| conversation(&RoomRef::parse(room).unwrap()).map(|r| r.to_string());
        assert_eq!(guest("@eve").as_deref(), Some("@~eve"));
        assert_eq!((guest("@~eve"), guest("eve")), (None, None));
    }
}
