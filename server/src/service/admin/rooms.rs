//! Rooms as the owner of the machine sees them: all of them, whoever is in them. Changing one goes by the services that
//! everybody's changes go by, which know [`Caller::local`].

use chat_common::event::Entry;
use chat_common::model::{Member, Role, RoomKind, User};
use chat_common::{Cursor, RoomName, Seq, Timestamp, UserName, text};
use serde::{Deserialize, Serialize};

use super::{Caller, Error, Result, Services, access, page, tell};
use crate::domain::Refusal;
use crate::storage::{FOREVER_MS, RoomRow};

/// Bytes of a search for rooms.
const QUERY: usize = 200;
/// Members that are shown of one room.
const MEMBERS: u32 = 200;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    /// Its name.
    pub room: RoomName,
    /// Who may see it.
    pub kind: RoomKind,
    /// One line, may be empty.
    pub topic: String,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry.
    pub head: Seq,
    /// How many members.
    pub members: u32,
}

/// Rooms by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// By name.
    pub rooms: Vec<RoomInfo>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// One room with who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The room.
    #[serde(flatten)]
    pub info: RoomInfo,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserName>,
    /// When its newest entry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_at: Option<Timestamp>,
    /// The first two hundred by name.
    pub people: Vec<Member>,
    /// Who is kept out.
    pub bans: Vec<RoomBan>,
}

/// Somebody who is kept out of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomBan {
    /// Who.
    pub user: User,
    /// Until then; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl From<RoomRow> for RoomInfo {
    fn from(row: RoomRow) -> Self {
        let RoomRow { name, kind, topic, first, head, members, .. } = row;
        Self { room: name, kind, topic, first, head, members }
    }
}

/// All rooms but direct conversations, by name.
pub async fn rooms(
    s: &Services,
    caller: &Caller,
    query: Option<String>,
    after: Option<Cursor>,
    limit: Option<u32>,
) -> Result<Rooms> {
    caller.needs_admin()?;
    let limit = page::limit(limit, s.limits.history_page);
    query.as_deref().map_or(Ok(()), |query| page::looked_for(query, QUERY))?;
    let rows = s.store.all_rooms(query.as_deref().map(text::fold), page::read(after.as_ref())?, limit + 1).await?;
    let mut rooms: Vec<RoomInfo> = rows.into_iter().map(RoomInfo::from).collect();
    let more = page::cut(&mut rooms, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&rooms, more, |r| r.room.clone());
    Ok(Rooms { rooms, next })
}

/// A room that is no direct conversation.
async fn row(s: &Services, caller: &Caller, name: &RoomName) -> Result<RoomRow> {
    caller.needs_admin()?;
    let access = s.store.access(caller.user.id, name, s.now()).await?.ok_or(Refusal::ROOM)?;
    if access.room.kind == RoomKind::Direct { Err(Refusal::ROOM.into()) } else { Ok(access.room) }
}

/// One room with its members and bans.
pub async fn room(s: &Services, caller: &Caller, name: &RoomName) -> Result<RoomDetail> {
    let row = row(s, caller, name).await?;
    let people = s.store.members(row.id, None, MEMBERS).await?;
    let latest: Option<Entry> = s.store.entries(row.id, row.head.prev(), 1).await?.pop();
    Ok(RoomDetail {
        owner: people.iter().find(|m| m.role == Role::Owner).map(|m| m.user.name.clone()),
        latest_at: latest.map(|entry| entry.at),
        bans: bans_of(s, &row).await?,
        info: row.into(),
        people,
    })
}

/// Who is kept out of a room.
pub async fn room_bans(s: &Services, caller: &Caller, name: &RoomName) -> Result<Vec<RoomBan>> {
    bans_of(s, &row(s, caller, name).await?).await
}

async fn bans_of(s: &Services, row: &RoomRow) -> Result<Vec<RoomBan>> {
    let bans = s.store.room_bans(row.id, s.now()).await?;
    let ends = |until: Timestamp| Some(until).filter(|until| until.as_millis() < FOREVER_MS);
    Ok(bans.into_iter().map(|(user, until)| RoomBan { user, until: ends(until) }).collect())
}

/// Makes a room for `owner`.
pub async fn create_room(
    s: &Services,
    caller: &Caller,
    name: RoomName,
    owner: &UserName,
    kind: RoomKind,
    topic: &str,
) -> Result<RoomInfo> {
    caller.needs_admin()?;
    if name.is_direct() {
        return Err(Error::invalid("room", "names that begin with `dm-` are direct conversations; take another name"));
    }
    let topic = text::clean_label(topic, s.limits.topic_bytes).map_err(|e| Error::text("topic", &e))?;
    let owner = access::user(s, owner).await?.user;
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        let row = s2.store.create_room(owner.id, name, kind, topic, s2.limits.rooms_per_user, at).await?;
        let detail = Some(format!("for {}", owner.name));
        s2.store.add_audit(actor, "room:create", row.name.as_str(), detail, at).await?;
        tell::added(&s2, &row, owner.id, None).await;
        Ok(row.into())
    })
    .await
}
