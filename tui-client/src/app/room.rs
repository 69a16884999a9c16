//! One room as the screen holds it: its timeline, one's own messages on their way, the draft, who is there, and where
//! one is looking.

use std::collections::BTreeMap;

use chat_common::model::{Member, Presence, RoomKind, RoomSummary, Status, User};
use chat_common::{RoomName, RoomRef, Seq, Timestamp, UserId};

use super::editor::Editor;
use super::msg::{Echo, RowKey};
use super::timeline::{Hole, Timeline};

/// A room of this run; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u32);

/// Which part of the timeline is in view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scroll {
    /// The end, whatever comes.
    #[default]
    Follow,
    /// This line of this item is the first row.
    Top(RowKey, u16),
    /// This line of this item is the last row; `u16::MAX` is its last line.
    Bottom(RowKey, u16),
}

/// A page that is being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// Older than everything loaded.
    Older,
    /// The inside of a hole.
    Hole(Hole),
    /// Around a message that was jumped to.
    Around(Seq),
}

/// What Enter does with the text.
#[derive(Clone, Debug, Default)]
pub enum Purpose {
    /// A new message.
    #[default]
    Say,
    /// A new message that answers one.
    Reply(Seq),
    /// Another text for a message; the draft before it waits.
    Edit(Seq, Box<Editor>),
}

/// A room.
#[derive(Clone, Debug)]
pub struct Room {
    /// For this run.
    pub id: RoomId,
    /// How requests name it.
    pub target: RoomRef,
    /// As the server told it last.
    pub summary: Option<RoomSummary>,
    /// Its log.
    pub timeline: Timeline,
    /// One's own messages that have no entry yet, in the order of sending.
    pub echoes: Vec<Echo>,
    /// The first page of its members, by name.
    pub members: Vec<Member>,
    /// Who is not offline.
    pub present: BTreeMap<UserId, Presence>,
    /// Who is typing, until when.
    pub typing: Vec<(User, Timestamp)>,
    /// Read up to here.
    pub read: Seq,
    /// Others' messages above `read`.
    pub unread: u32,
    /// Those that mention one.
    pub mentions: u32,
    /// The unread divider stands after this.
    pub divider: Option<Seq>,
    /// What is in view.
    pub scroll: Scroll,
    /// The selected item in Browse.
    pub selected: Option<RowKey>,
    /// Items that came below the view.
    pub below: u32,
    /// What is typed.
    pub editor: Editor,
    /// What it is for.
    pub purpose: Purpose,
    /// When the draft must be on disk.
    pub draft_due: Option<Timestamp>,
    /// When the view must be on disk.
    pub view_due: Option<Timestamp>,
    /// The page being fetched.
    pub loading: Option<Loading>,
    /// After a failed page: not again before this.
    pub load_not_before: Timestamp,
    /// The end of the log is being fetched.
    pub repairing: bool,
    /// Live events come.
    pub live: bool,
    /// The server has been told that one has read up to here.
    pub mark_sent: Seq,
    /// When the last read mark was sent.
    pub marked_at: Timestamp,
    /// "Mark unread from here" holds until one leaves the room.
    pub hold_read: bool,
}

impl Room {
    /// A room that is only known by how it is addressed.
    pub fn new(id: RoomId, target: RoomRef) -> Self {
        Self {
            id,
            target,
            summary: None,
            timeline: Timeline::default(),
            echoes: Vec::new(),
            members: Vec::new(),
            present: BTreeMap::new(),
            typing: Vec::new(),
            read: Seq::ZERO,
            unread: 0,
            mentions: 0,
            divider: None,
            scroll: Scroll::Follow,
            selected: None,
            below: 0,
            editor: Editor::default(),
            purpose: Purpose::Say,
            draft_due: None,
            view_due: None,
            loading: None,
            load_not_before: Timestamp::default(),
            repairing: false,
            live: false,
            mark_sent: Seq::ZERO,
            marked_at: Timestamp::default(),
            hold_read: false,
        }
    }

    /// Its name on the wire, once it is known.
    pub fn name(&self) -> Option<&RoomName> {
        match (&self.summary, &self.target) {
            (Some(s), _) => Some(&s.room),
            (None, RoomRef::Room(r)) => Some(r),
            (None, RoomRef::Direct(_)) => None,
        }
    }

    /// `#ops` or `@ana`; unfiltered.
    pub fn title(&self) -> String {
        match (self.summary.as_ref().and_then(|s| s.peer.as_ref()), &self.target) {
            (Some(peer), _) => format!("@{}", peer.name),
            (None, RoomRef::Direct(user)) => format!("@{user}"),
            (None, RoomRef::Room(room)) => format!("#{room}"),
        }
    }

    /// As in lists: a direct conversation keeps its `@`, a room goes without `#`.
    pub fn short(&self) -> String {
        let title = self.title();
        title.strip_prefix('#').map(str::to_owned).unwrap_or(title)
    }

    /// How its draft is kept: by its title, which a direct conversation has before its name is known.
    pub fn draft_key(&self) -> RoomRef {
        match self.summary.as_ref().and_then(|s| s.peer.as_ref()) {
            Some(peer) => RoomRef::Direct(peer.name.clone()),
            None => self.target.clone(),
        }
    }

    /// Two people.
    pub fn is_direct(&self) -> bool {
        matches!(self.target, RoomRef::Direct(_)) || self.summary.as_ref().is_some_and(|s| s.kind == RoomKind::Direct)
    }

    /// The other one's status in a direct conversation.
    pub fn peer_status(&self) -> Option<Status> {
        let peer = self.summary.as_ref()?.peer.as_ref()?;
        Some(self.present.get(&peer.id).map_or(Status::Offline, |p| p.status))
    }

    /// Takes the server's word on the room; what was counted since is kept if it is newer.
    pub fn tell(&mut self, summary: RoomSummary) {
        self.read = self.read.max(summary.read);
        self.mark_sent = summary.read;
        if summary.read >= self.read {
            self.unread = summary.unread;
            self.mentions = summary.mentions;
        }
        // A direct conversation is addressed by its opaque name from now on.
        self.target = RoomRef::Room(summary.room.clone());
        self.summary = Some(summary);
    }

    /// Everything that can be selected or scrolled to: the first.
    pub fn first_key(&self) -> Option<RowKey> {
        self.timeline
            .oldest()
            .map(RowKey::Stored)
            .or_else(|| self.echoes.first().map(|e| RowKey::Echo(e.client_id.clone())))
    }

    /// The last.
    pub fn last_key(&self) -> Option<RowKey> {
        self.echoes
            .last()
            .map(|e| RowKey::Echo(e.client_id.clone()))
            .or_else(|| self.timeline.newest().map(RowKey::Stored))
    }

    /// The one above.
    pub fn key_before(&self, key: &RowKey) -> Option<RowKey> {
        match key {
            RowKey::Stored(seq) => self.timeline.before(*seq).map(|(s, _)| RowKey::Stored(s)),
            RowKey::Echo(id) => match self.echoes.iter().position(|e| e.client_id == *id) {
                Some(0) | None => self.timeline.newest().map(RowKey::Stored),
                Some(i) => Some(RowKey::Echo(self.echoes[i - 1].client_id.clone())),
            },
        }
    }

    /// The one below.
    pub fn key_after(&self, key: &RowKey) -> Option<RowKey> {
        match key {
            RowKey::Stored(seq) => self
                .timeline
                .after(*seq)
                .map(|(s, _)| RowKey::Stored(s))
                .or_else(|| self.echoes.first().map(|e| RowKey::Echo(e.client_id.clone()))),
            RowKey::Echo(id) => {
                let i = self.echoes.iter().position(|e| e.client_id == *id)?;
                self.echoes.get(i + 1).map(|e| RowKey::Echo(e.client_id.clone()))
            }
        }
    }

    /// Whether it is still there; else the nearest stored one that is.
    pub fn nearest(&self, key: &RowKey) -> Option<RowKey> {
        match key {
            RowKey::Stored(seq) if self.timeline.get(*seq).is_some() => Some(key.clone()),
            RowKey::Stored(seq) => {
                let near = self.timeline.after(*seq).or_else(|| self.timeline.before(*seq));
                near.map(|(s, _)| RowKey::Stored(s))
            }
            RowKey::Echo(id) if self.echoes.iter().any(|e| e.client_id == *id) => Some(key.clone()),
            RowKey::Echo(_) => self.last_key(),
        }
    }

    /// The echo of a key.
    pub fn echo(&self, key: &RowKey) -> Option<&Echo> {
        match key {
            RowKey::Echo(id) => self.echoes.iter().find(|e| e.client_id == *id),
            RowKey::Stored(_) => None,
        }
    }

    /// Whether the server does not know yet how far one has read.
    pub fn mark_waits(&self) -> bool {
        self.mark_sent < self.read && self.summary.is_some() && !self.hold_read
    }

    /// Goes to the end and stays there.
    pub fn follow(&mut self) {
        self.scroll = Scroll::Follow;
        self.below = 0;
    }

    /// The text worth keeping: the draft, also while a message is being edited; without one, the edited text.
    pub fn draft(&self) -> &str {
        match &self.purpose {
            Purpose::Edit(_, waiting) if !waiting.is_blank() => waiting.text(),
            _ => self.editor.text(),
        }
    }
}
