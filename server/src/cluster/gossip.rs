//! What nodes tell each other about who is connected to them. All of it may be lost: a node that missed something
//! notices by the next [`What::Beat`] and asks for everything.

use chat_common::model::User;
use chat_common::{RoomName, UserId};
use serde::{Deserialize, Serialize};

use crate::domain::presence::State;
use crate::storage::{NodeId, RoomId};

/// What a node says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Says {
    /// Which one.
    pub node: NodeId,
    /// What.
    pub what: What,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A step: how some of its people are now.
    Changed {
        /// Counts its steps.
        version: u64,
        /// Who.
        people: Vec<Person>,
    },
    /// Every second or two, and when it hears of a node that it did not know.
    Beat {
        /// Of its latest step.
        version: u64,
        /// Of all its people.
        digest: Option<u64>,
    },
    /// A node is to tell everything.
    Ask {
        /// Which one.
        of: NodeId,
    },
    /// A part of everything.
    Part {
        /// The step that it is as of.
        version: u64,
        /// Counts from 0.
        part: u32,
        /// How many there are.
        parts: u32,
        /// Those of this part.
        people: Vec<(UserId, State)>,
    },
    /// The members of these large rooms changed: their numbers are to be told anew.
    Counts {
        /// Which.
        rooms: Vec<(i64, RoomName)>,
    },
    /// It ends, in order.
    Bye,
}

/// One whose state changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// `None`: not connected to this node any more.
    pub state: Option<State>,
    /// What others need to tell it, so that they need not ask the store; `None`: they do.
    pub about: Option<About>,
}

/// What it takes to tell of somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// As others see it.
    pub user: User,
    /// Its rooms.
    pub rooms: Vec<Place>,
}

/// A room of somebody's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its [`RoomId`].
    pub id: i64,
    /// Its name.
    pub name: RoomName,
    /// It is told numbers only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub large: bool,
}

impl Place {
    /// Which.
    pub fn room(&self) -> RoomId {
        RoomId(self.id)
    }
}
