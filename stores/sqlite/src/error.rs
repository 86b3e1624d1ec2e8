use std::path::Path;

use absentia_store::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// What SQLite said, as what the caller can do about it.
pub(crate) fn explain(path: &Path, doing: &str, error: rusqlite::Error) -> Error {
    let path = path.display();
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, format!("{path}: could not {doing}: locked by another process"))
        }
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Full, format!("{path}: could not {doing}: the disk or the file's size limit is full"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (ErrorKind::ReadOnly, format!("{path}: could not {doing}: the file may not be written by this user"))
        }
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Config,
            format!(
                "{path}: not an SQLite database; give another path, or move this file away and run `absentia store create`"
            ),
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Config,
            format!(
                "{path}: the database is damaged; restore a backup, or move it away and run `absentia store create`"
            ),
        ),
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Unavailable, format!("{path}: could not {doing}: the file could not be opened"))
        }
        _ => (ErrorKind::Unavailable, format!("{path}: could not {doing}")),
    };
    Error::new(kind, message).caused_by(error)
}

/// A thread that is gone, or a call that panicked in it.
pub(crate) fn gave_up(path: &Path, doing: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{}: gave up: could not {doing}", path.display()))
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn each_code_is_what_the_caller_can_do_about_it() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, ErrorKind::Unavailable),
            (ffi::SQLITE_BUSY_RECOVERY, ErrorKind::Unavailable),
            (ffi::SQLITE_LOCKED, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR, ErrorKind::Unavailable),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Unavailable),
            (ffi::SQLITE_FULL, ErrorKind::Full),
            (ffi::SQLITE_READONLY, ErrorKind::ReadOnly),
            (ffi::SQLITE_READONLY_DIRECTORY, ErrorKind::ReadOnly),
            (ffi::SQLITE_PERM, ErrorKind::ReadOnly),
            (ffi::SQLITE_CORRUPT, ErrorKind::Config),
            (ffi::SQLITE_NOTADB, ErrorKind::Config),
        ] {
            let cause = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = explain(Path::new("/data/tokens.db"), "write an entry", cause);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains("/data/tokens.db"), "{error}");
        }
    }
}
