//! What SQLite's failures mean to the services: try again, or a fault.

use rusqlite::ErrorCode;

use crate::storage::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let passing = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::OperationInterrupted
            )
        );
        if passing { Self::Unavailable(error.to_string()) } else { Self::Internal(error.to_string()) }
    }
}

/// A stored value that this program cannot read.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Internal(format!("the database holds a damaged value: {what}"))
}
