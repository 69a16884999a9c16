//! Pure rules: who may do what, what a message may hold, when somebody counts as present. Nothing here waits.

pub mod address;
pub mod bucket;
pub mod hook;
pub mod live;
pub mod mention;
pub mod permission;
pub mod policy;
pub mod presence;
pub mod refusal;
pub mod throttle;

pub use live::Live;
pub use refusal::Refusal;
