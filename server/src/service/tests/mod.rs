//! The use cases as callers meet them: a real store in a folder of its own, a local bus, a clock that is moved.

mod accounts;
mod hostile;
mod messages;
mod nodes;
mod outgoing;
mod presence;
mod rooms;
mod sync;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use chat_common::clock::ManualClock;
use chat_common::event::server::{Hint, ServerInfo, ServerRole};
use chat_common::event::{EntryBody, message, room};
use chat_common::model::RoomKind;
use chat_common::{ClientId, Clock, ErrorCode, Limits, RoomName, RoomRef, Seq, Timestamp, UserName, rest};
use tokio::sync::mpsc::Receiver;

use super::accounts::{Auth, Origin, Registration};
use super::{Caller, Parts, Result, Services};
use crate::cluster::{ConnId, Signal};
use crate::storage::NodeId;
use crate::storage::sqlite::{Durability, SqliteOptions, SqliteStore};

/// A password that the rules allow.
const PASSWORD: &str = "correct horse";

/// One node, without edges.
struct World {
    s: Arc<Services>,
    clock: Arc<ManualClock>,
    signals: Receiver<Signal>,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    world_with(Limits::default()).await
}

async fn world_with(limits: Limits) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let store = {
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        SqliteStore::open(
            SqliteOptions { durability: Durability::Normal, ..SqliteOptions::new(folder.path().join("chat.db")) },
            clock,
        )
        .unwrap()
    };
    let (bus, signals) = crate::cluster::local::LocalBus::new();
    let s = Services::new(Parts {
        store: Arc::new(store),
        bus: Arc::new(bus),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        limits,
        server: ServerInfo { name: "chat".into(), version: "0".into(), node: "n1".into() },
        node: NodeId(1),
        auth: Auth::from_key(&[7; 32]),
        outbound: crate::outbound::Outbound::public(),
    });
    World { s: Arc::new(s), clock, signals, _folder: folder }
}

impl World {
    /// Nobody yet, from an address.
    fn anonymous(&self, address: &str) -> Origin {
        Origin {
            address: address.parse().unwrap(),
            agent: Some("test/1".into()),
            registration: Registration::Open,
            guests: true,
        }
    }

    /// A new account that has registered.
    async fn user(&self, name: &str) -> Caller {
        let req = rest::Register { name: name.into(), password: PASSWORD.into(), invite: None };
        let session = super::accounts::register(&self.s, &self.anonymous("127.0.0.1"), req).await.unwrap();
        self.bearer(&session.access_token).await.unwrap()
    }

    /// A new guest.
    async fn guest(&self, name: &str) -> Caller {
        let req = rest::Guest { name: name.into() };
        let session = super::accounts::guest(&self.s, &self.anonymous("127.0.0.1"), req).await.unwrap();
        self.bearer(&session.access_token).await.unwrap()
    }

    /// A new account that is an admin of the server.
    async fn admin(&self, name: &str) -> Caller {
        let user = self.user(name).await;
        self.s.store.set_server_role(None, user.user.id, ServerRole::Admin, self.clock.now()).await.unwrap();
        Caller { role: ServerRole::Admin, ..user }
    }

    async fn bearer(&self, token: &str) -> Result<Caller> {
        super::accounts::authenticate(&self.s, token).await
    }

    /// An API token of `owner`, as the caller it makes.
    async fn bot(&self, owner: &Caller, req: rest::CreateToken) -> Caller {
        let token = super::tokens::create(&self.s, owner, req).await.unwrap();
        self.bearer(&token.token).await.unwrap()
    }

    /// Makes a room owned by `owner`, with `members` in it.
    async fn room(&self, owner: &Caller, name: &str, kind: RoomKind, members: &[&Caller]) {
        let req = room::Create { room: RoomName::parse(name).unwrap(), kind: Some(kind), topic: None };
        super::rooms::create(&self.s, owner, req).await.unwrap();
        for member in members {
            match kind {
                RoomKind::Public => {
                    super::rooms::join(&self.s, member, &at(name)).await.unwrap();
                }
                _ => {
                    let req = room::Invite { room: at(name), user: member.user.name.clone() };
                    super::rooms::invite(&self.s, owner, req).await.unwrap();
                }
            }
        }
    }

    async fn send(&self, from: &Caller, room: &str, text: &str) -> Result<message::SendReply> {
        let client_id = super::accounts::secret::id().unwrap();
        self.send_as(from, room, text, &client_id).await
    }

    async fn send_as(&self, from: &Caller, room: &str, text: &str, client_id: &str) -> Result<message::SendReply> {
        let client_id = ClientId::parse(client_id).unwrap();
        let req = message::Send { room: at(room), text: text.into(), client_id, reply_to: None };
        super::messages::send(&self.s, from, req).await
    }

    /// Everything published since the last call.
    fn told(&mut self) -> Vec<Signal> {
        std::iter::from_fn(|| self.signals.try_recv().ok()).collect()
    }

    /// The names of what was published since the last call.
    fn told_names(&mut self) -> Vec<&'static str> {
        self.told().iter().map(signal_name).collect()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn signal_name(signal: &Signal) -> &'static str {
    match signal {
        Signal::Entry { entry, .. } => entry.body.name(),
        Signal::Room { hint, .. } | Signal::User { hint, .. } => hint.name(),
        Signal::Left { .. } => "left",
        Signal::Deleted { .. } => "deleted",
        Signal::Authority => "authority",
        Signal::Relay(_) => "relay",
        Signal::Nodes(_) => "nodes",
        Signal::Missed { .. } => "missed",
    }
}

/// A room as a request names it.
fn at(room: &str) -> RoomRef {
    RoomRef::parse(room).unwrap()
}

fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// On a connection.
fn on(caller: &Caller, conn: u64) -> Caller {
    Caller { conn: Some(ConnId(conn)), ..caller.clone() }
}

/// The code of a refusal.
#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().body().code
}
