//! Who may do what in a room: one table, read by every write in its own transaction and by every read.
//!
//! What one may not see is "no such room", what one may not do is "forbidden". Whether a member is muted is not
//! asked here (see [`writable`]); whether a message is one's own is the caller's to know.

use chat_common::Timestamp;
use chat_common::model::{Role, RoomKind};

use super::Refusal;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// History, search, presence, live events.
    Read,
    /// Becoming a member.
    Join,
    /// Ending one's own membership.
    Leave,
    /// A message; who is no member of a public room becomes one by it.
    Send,
    /// Reactions, edits and deletions of one's own, the read mark.
    Take,
    /// Deleting another's message.
    DeleteOthers,
    /// Making another user a member.
    Invite,
    /// The topic.
    SetTopic,
    /// Public or private.
    SetKind,
    /// For how long texts are kept.
    SetRetention,
    /// Kick, ban, unban, mute; the room's webhooks.
    Moderate,
    /// Moderator or member.
    SetRole,
    /// Another owner.
    Transfer,
    /// The room with everything in it.
    DeleteRoom,
}

impl Action {
    /// Every action, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::Read,
        Self::Join,
        Self::Leave,
        Self::Send,
        Self::Take,
        Self::DeleteOthers,
        Self::Invite,
        Self::SetTopic,
        Self::SetKind,
        Self::SetRetention,
        Self::Moderate,
        Self::SetRole,
        Self::Transfer,
        Self::DeleteRoom,
    ];
}

/// The least that an action asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// Any user.
    Anyone,
    /// A member, or a server admin in a member's stead.
    Member,
    /// A member itself; being a server admin is not enough.
    Inside,
    /// A moderator, the owner, a server admin.
    Moderator,
    /// The owner or a server admin.
    Owner,
    /// Nobody.
    Never,
}

/// THE table.
pub fn least(action: Action, kind: RoomKind) -> Least {
    use Least::{Anyone, Inside, Member, Moderator, Never, Owner};
    let (public, private, direct) = match action {
        Action::Read => (Anyone, Member, Inside),
        Action::Join => (Anyone, Member, Inside),
        Action::Leave => (Anyone, Member, Never),
        Action::Send => (Anyone, Inside, Inside),
        Action::Take => (Inside, Inside, Inside),
        Action::DeleteOthers => (Moderator, Moderator, Never),
        Action::Invite => (Moderator, Member, Never),
        Action::SetTopic => (Moderator, Moderator, Never),
        Action::SetKind => (Owner, Owner, Never),
        Action::SetRetention => (Owner, Owner, Never),
        Action::Moderate => (Moderator, Moderator, Never),
        Action::SetRole => (Owner, Owner, Never),
        Action::Transfer => (Owner, Owner, Never),
        Action::DeleteRoom => (Owner, Owner, Never),
    };
    match kind {
        RoomKind::Public => public,
        RoomKind::Private => private,
        RoomKind::Direct => direct,
    }
}

/// How a user stands to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The room's.
    pub kind: RoomKind,
    /// `None`: no member.
    pub role: Option<Role>,
    /// A server admin: counts as an owner, but not in a direct conversation.
    pub admin: bool,
    /// An active ban: until then; `Some(None)`: for good.
    pub banned: Option<Option<Timestamp>>,
}

/// Who stands above whom; nobody acts on equals or betters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// No member.
    Stranger,
    /// A plain member.
    Member,
    /// Keeps order.
    Moderator,
    /// Owns the room.
    Owner,
    /// A server admin.
    Admin,
}

impl Standing {
    /// Whether the room exists for this user at all.
    pub fn sees(&self) -> bool {
        match self.kind {
            RoomKind::Public => true,
            RoomKind::Private => self.role.is_some() || self.admin,
            RoomKind::Direct => self.role.is_some(),
        }
    }

    /// Where the user stands among the others.
    pub fn rank(&self) -> Rank {
        match (self.admin && self.kind != RoomKind::Direct, self.role) {
            (true, _) => Rank::Admin,
            (_, Some(Role::Owner)) => Rank::Owner,
            (_, Some(Role::Moderator)) => Rank::Moderator,
            (_, Some(Role::Member)) => Rank::Member,
            (_, None) => Rank::Stranger,
        }
    }

    /// Refuses what this user may not do.
    pub fn check(&self, action: Action) -> Result<(), Refusal> {
        if !self.sees() {
            return Err(Refusal::ROOM);
        }
        if let Some(until) = self.banned
            && !self.admin
            && action != Action::Leave
        {
            return Err(Refusal::Banned { until });
        }
        let refused = match least(action, self.kind) {
            Least::Anyone => None,
            Least::Member if self.rank() >= Rank::Member => None,
            Least::Inside if self.role.is_some() => None,
            Least::Moderator if self.rank() >= Rank::Moderator => None,
            Least::Owner if self.rank() >= Rank::Owner => None,
            Least::Member | Least::Inside => Some("only members may do this; join the room first"),
            Least::Moderator => Some("only moderators may do this; ask one of them"),
            Least::Owner => Some("only the owner may do this"),
            Least::Never => Some("this cannot be done in a direct conversation"),
        };
        refused.map_or(Ok(()), |why| Err(Refusal::Forbidden(why)))
    }

    /// Refuses an act on a user who is not below the actor.
    pub fn check_target(&self, target: Rank) -> Result<(), Refusal> {
        if self.rank() > target {
            Ok(())
        } else {
            Err(Refusal::Forbidden("nobody may do this to an equal or a better; ask somebody above"))
        }
    }
}

/// Refuses a write while a mute lasts.
pub fn writable(muted_until: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match muted_until {
        Some(until) if until > now => Err(Refusal::Muted { until }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Option<Role>; 4] = [None, Some(Role::Member), Some(Role::Moderator), Some(Role::Owner)];

    fn at(kind: RoomKind, role: Option<Role>, admin: bool) -> Standing {
        Standing { kind, role, admin, banned: None }
    }

    /// `y` yes, `f` forbidden, `n` no such room.
    fn line(action: Action, kind: RoomKind) -> String {
        let mut out = String::new();
        for admin in [false, true] {
            for role in ROLES {
                out.push(match at(kind, role, admin).check(action) {
                    Ok(()) => 'y',
                    Err(Refusal::Forbidden(_)) => 'f',
                    Err(Refusal::NotFound { .. }) => 'n',
                    Err(_) => '?',
                });
            }
            out.push(' ');
        }
        out.trim_end().to_owned()
    }

    #[test]
    fn the_whole_table() {
        // stranger, member, moderator, owner; then the same as server admins
        let expected = [
            (Action::Read, "yyyy yyyy", "nyyy yyyy", "nyyy nyyy"),
            (Action::Join, "yyyy yyyy", "nyyy yyyy", "nyyy nyyy"),
            (Action::Leave, "yyyy yyyy", "nyyy yyyy", "nfff nfff"),
            (Action::Send, "yyyy yyyy", "nyyy fyyy", "nyyy nyyy"),
            (Action::Take, "fyyy fyyy", "nyyy fyyy", "nyyy nyyy"),
            (Action::DeleteOthers, "ffyy yyyy", "nfyy yyyy", "nfff nfff"),
            (Action::Invite, "ffyy yyyy", "nyyy yyyy", "nfff nfff"),
            (Action::SetTopic, "ffyy yyyy", "nfyy yyyy", "nfff nfff"),
            (Action::SetKind, "fffy yyyy", "nffy yyyy", "nfff nfff"),
            (Action::SetRetention, "fffy yyyy", "nffy yyyy", "nfff nfff"),
            (Action::Moderate, "ffyy yyyy", "nfyy yyyy", "nfff nfff"),
            (Action::SetRole, "fffy yyyy", "nffy yyyy", "nfff nfff"),
            (Action::Transfer, "fffy yyyy", "nffy yyyy", "nfff nfff"),
            (Action::DeleteRoom, "fffy yyyy", "nffy yyyy", "nfff nfff"),
        ];
        assert_eq!(expected.map(|row| row.0), Action::ALL);
        for (action, public, private, direct) in expected {
            assert_eq!(line(action, RoomKind::Public), public, "{action:?} public");
            assert_eq!(line(action, RoomKind::Private), private, "{action:?} private");
            assert_eq!(line(action, RoomKind::Direct), direct, "{action:?} direct");
        }
    }

    #[test]
    fn a_banned_user_may_only_leave() {
        for action in Action::ALL {
            let standing = Standing { banned: Some(None), ..at(RoomKind::Public, None, false) };
            let banned = standing.check(action) == Err(Refusal::Banned { until: None });
            assert_eq!(banned, action != Action::Leave, "{action:?}");
            let hidden = Standing { banned: Some(None), ..at(RoomKind::Private, None, false) };
            assert_eq!(hidden.check(action), Err(Refusal::ROOM), "{action:?}");
        }
    }

    #[test]
    fn nobody_acts_on_equals_or_betters() {
        let ranks = [Rank::Stranger, Rank::Member, Rank::Moderator, Rank::Owner, Rank::Admin];
        for (role, admin) in [(Some(Role::Moderator), false), (Some(Role::Owner), false), (None, true)] {
            let actor = at(RoomKind::Public, role, admin);
            for rank in ranks {
                assert_eq!(actor.check_target(rank).is_ok(), rank < actor.rank(), "{actor:?} on {rank:?}");
            }
        }
    }

    #[test]
    fn a_mute_ends_by_itself() {
        let until = Timestamp::from_millis(1_000);
        assert_eq!(writable(Some(until), Timestamp::from_millis(999)), Err(Refusal::Muted { until }));
        assert_eq!(writable(Some(until), until), Ok(()));
        assert_eq!(writable(None, until), Ok(()));
    }
}
