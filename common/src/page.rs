//! Lists that end early: opaque cursors, and filling a reply up to its size.

use serde::{Deserialize, Serialize};

/// Where a list goes on; opaque. What a reply gave as `next` is a request's `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(transparent)]
pub struct Cursor(pub String);

/// How many of `items`, from the first, fit into `budget` bytes of JSON; at least one, so that a list always moves on.
pub fn fitting<T: Serialize>(items: &[T], budget: usize) -> usize {
    let mut used = 0usize;
    for (i, item) in items.iter().enumerate() {
        used = used.saturating_add(json_len(item)).saturating_add(1);
        if used > budget {
            return i.max(1);
        }
    }
    items.len()
}

/// Bytes that `value` takes as JSON; 0 if it cannot be written as JSON.
pub fn json_len<T: Serialize>(value: &T) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0 += buf.len();
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => 0,
    }
}
