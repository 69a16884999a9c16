//! Doubles of a wire, for tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::wire::{Topic, Wire};

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
