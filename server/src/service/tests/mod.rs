//! The use cases as callers meet them.
