//! What a load came to.

use std::time::Duration;

use super::generator::Tally;

/// What a load came to.
pub struct Outcome {
    pub sent: u64,
    /// Deliveries that there should be.
    pub wanted: u64,
    /// While the load lasted, the wait for its end not counted.
    pub wall: Duration,
    /// That with the wait for what was missing.
    pub whole: Duration,
    /// The server's CPU time, its end's wait counted.
    pub cpu: Duration,
    /// The share of the generator's core that it took.
    pub own: f64,
    pub tally: Tally,
    /// Whether what came is what was sent: each message once at each reader, by the sum of their numbers.
    pub exact: bool,
}

impl Outcome {
    /// Deliveries of those that there should be, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    pub fn share(&self) -> f64 {
        self.tally.deliveries as f64 / self.wanted.max(1) as f64
    }

    /// Server CPU per delivery, µs.
    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.tally.deliveries.max(1) as f64
    }
}
