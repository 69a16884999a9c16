//! What PostgreSQL's failures mean to the services: try again, or a fault.

use sqlx::Error;

use crate::storage::StoreError;

/// Classes and codes of SQLSTATE that pass: connection, resources, operator's intervention, I/O; transactions that
/// ran into each other; a lock or a statement that took too long; a primary that became a standby.
const PASSING: [&str; 8] = ["08", "53", "57", "58", "40", "55P03", "25006", "25P03"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if passes(&error) { Self::Unavailable(said(&error)) } else { Self::Internal(said(&error)) }
    }
}

/// What the database said: its sentence alone, in which no values stand.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::Database(error) => error.message().to_owned(),
        Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Whether trying again may help.
pub(super) fn passes(error: &Error) -> bool {
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            PASSING.iter().any(|passing| code.starts_with(passing))
        }
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::PoolTimedOut | Error::PoolClosed => true,
        Error::WorkerCrashed | Error::BeginFailed => true,
        _ => false,
    }
}

/// Whether two transactions ran into each other, and this one was undone.
pub(super) fn collided(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    matches!(&*code, "40001" | "40P01" | "55P03")
}

/// The SQLSTATE, where the database gave one.
pub(super) fn code(error: &Error) -> String {
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

/// A stored value that this program cannot read.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Internal(format!("the database holds a damaged value: {what}"))
}
