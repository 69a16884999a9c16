//! Sending a message and what happens to it afterwards. One verb a file.

mod delete;
mod edit;
mod react;
mod send;

pub use delete::delete;
pub use edit::edit;
pub use react::react;
pub use send::send;
