//! Token buckets by user and address.

/// All buckets of this process, bounded in number.
#[derive(Debug, Default)]
pub struct Limiter {}
