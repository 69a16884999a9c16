//! Doubles of a wire, for tests.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::wire::{Heard, Topic, Wire};

/// What a wire was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Subscribe(Topic),
    Unsubscribe(Topic),
    Publish(Topic, Bytes),
}

/// A wire that carries nothing and notes what it was asked.
#[derive(Debug, Default)]
pub struct Silent(Mutex<Vec<Asked>>);

impl Silent {
    /// What it was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, asked: Asked) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}

#[async_trait]
impl Wire for Silent {
    fn publish(&self, topic: Topic, bytes: Bytes) {
        self.note(Asked::Publish(topic, bytes));
    }

    fn subscribe(&self, topic: Topic) {
        self.note(Asked::Subscribe(topic));
    }

    fn unsubscribe(&self, topic: Topic) {
        self.note(Asked::Unsubscribe(topic));
    }

    fn health(&self) -> Result<(), String> {
        Ok(())
    }

    async fn close(&self) {}
}

/// How an exchange treats what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Everything arrives once and in order.
    Fair,
    /// Much is lost, repeated, late or out of order.
    Shaky,
    /// It is away.
    Down,
    /// Topics asked for are not heard until it is fair again.
    Deaf,
}

/// A broker in memory.
#[derive(Debug)]
pub struct Exchange(Mutex<Carried>);

#[derive(Debug)]
struct Carried {
    mood: Mood,
    ends: Vec<(HashSet<Topic>, HashSet<Topic>, mpsc::Sender<Heard>)>,
    late: Vec<(usize, Topic, Bytes)>,
    chance: u64,
}

/// A node's end of an [`Exchange`].
#[derive(Debug)]
pub struct ExchangeWire(Arc<Exchange>, usize);

impl Exchange {
    pub fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Carried { mood, ends: Vec::new(), late: Vec::new(), chance: 0x2545_f491_4f6c_dd1d })))
    }

    fn carried(&self) -> MutexGuard<'_, Carried> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more node.
    pub fn end(self: &Arc<Self>) -> (ExchangeWire, mpsc::Receiver<Heard>) {
        let (tx, rx) = mpsc::channel(100_000);
        let mut carried = self.carried();
        carried.ends.push((HashSet::new(), HashSet::new(), tx));
        (ExchangeWire(Arc::clone(self), carried.ends.len() - 1), rx)
    }

    /// Another mood; when it is fair again, that is told as brokers do.
    pub fn set(&self, mood: Mood) {
        let mut carried = self.carried();
        let before = std::mem::replace(&mut carried.mood, mood);
        if mood != Mood::Fair {
            return;
        }
        for (topics, asked, tx) in &mut carried.ends {
            for topic in asked.drain() {
                topics.insert(topic);
                tx.try_send(Heard::Missed(Some(topic))).unwrap();
            }
            if before != Mood::Deaf {
                tx.try_send(Heard::Missed(None)).unwrap();
            }
        }
    }

    /// Whether somebody follows the topic, or asked for it.
    pub fn is_followed(&self, topic: Topic) -> bool {
        self.carried().ends.iter().any(|(topics, asked, _)| topics.contains(&topic) || asked.contains(&topic))
    }
}

impl Carried {
    fn below(&mut self, n: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % n
    }

    fn carry(&mut self, topic: Topic, bytes: &Bytes) {
        for end in 0..self.ends.len() {
            if !self.ends[end].0.contains(&topic) {
                continue;
            }
            let times = match self.mood {
                Mood::Down => 0,
                Mood::Fair | Mood::Deaf => 1,
                Mood::Shaky => match self.below(10) {
                    0..2 => 0,
                    2..4 => 2,
                    4..7 => {
                        self.late.push((end, topic, bytes.clone()));
                        0
                    }
                    _ => 1,
                },
            };
            for _ in 0..times {
                self.ends[end].2.try_send(Heard::Bytes(topic, bytes.clone())).unwrap();
            }
        }
        while !self.late.is_empty() && self.below(3) == 0 {
            let at = self.below(self.late.len() as u64) as usize;
            let (end, topic, bytes) = self.late.swap_remove(at);
            self.ends[end].2.try_send(Heard::Bytes(topic, bytes)).unwrap();
        }
    }
}

#[async_trait]
impl Wire for ExchangeWire {
    fn publish(&self, topic: Topic, bytes: Bytes) {
        self.0.carried().carry(topic, &bytes);
    }

    fn subscribe(&self, topic: Topic) {
        let mut carried = self.0.carried();
        let deaf = carried.mood == Mood::Deaf;
        let (topics, asked, tx) = &mut carried.ends[self.1];
        if deaf {
            asked.insert(topic);
        } else {
            topics.insert(topic);
            tx.try_send(Heard::Missed(Some(topic))).unwrap();
        }
    }

    fn unsubscribe(&self, topic: Topic) {
        let mut carried = self.0.carried();
        carried.ends[self.1].0.remove(&topic);
        carried.ends[self.1].1.remove(&topic);
    }

    fn health(&self) -> Result<(), String> {
        if self.0.carried().mood == Mood::Down { Err("the exchange is away".to_owned()) } else { Ok(()) }
    }

    async fn close(&self) {}
}
