//! A setting that may be exchanged while others read it: what a reload of the configuration changes.
//!
//! Values are kept in a chain to which one is added by each change, so that a reader gets a plain reference, takes no
//! lock, and never sees one disappear. The chain is as long as an administrator has changed this very value since the
//! start.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The value in force; clones share it.
pub struct Live<T>(Arc<Link<T>>);

struct Link<T> {
    value: T,
    next: OnceLock<Box<Link<T>>>,
}

impl<T> Live<T> {
    /// With its first value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Link { value, next: OnceLock::new() }))
    }

    fn last(&self) -> &Link<T> {
        let mut link = &*self.0;
        while let Some(next) = link.next.get() {
            link = next;
        }
        link
    }
}

impl<T: PartialEq> Live<T> {
    /// From now on this value; nothing changes where it is the one in force.
    pub fn set(&self, value: T) {
        if self.last().value == value {
            return;
        }
        let mut new = Box::new(Link { value, next: OnceLock::new() });
        // Somebody else may be quicker; then it goes behind theirs.
        while let Err(back) = self.last().next.set(new) {
            new = back;
        }
    }
}

impl<T> Deref for Live<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.last().value
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A long chain is taken apart link by link: dropped as it stands, each would be dropped within the one before.
impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_see_the_change_and_a_reader_keeps_what_it_has() {
        let one = Live::new("a".to_owned());
        let other = one.clone();
        let held: &str = &other;
        one.set("b".to_owned());
        one.set("b".to_owned());
        assert_eq!((held, other.as_str()), ("a", "b"));
        assert!(one.0.next.get().is_some_and(|l| l.next.get().is_none()), "the same value is not kept twice");
    }

    #[test]
    fn changes_from_many_threads_are_all_taken_and_a_long_chain_can_be_dropped() {
        let live = Live::new(0);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let live = &live;
                scope.spawn(move || (0..2_000).for_each(|i| live.set(n * 10_000 + i + 1)));
            }
        });
        assert_eq!(*live % 10_000, 2_000, "the last one of some thread");
    }
}
