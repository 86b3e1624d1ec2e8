use std::{path::PathBuf, time::Duration};

use absentia_store::{SqliteMode, SqliteTarget};

use crate::{
    ado::Pair,
    connection_string::{ConnectionStringError, last},
};

const MEMORY: &str = ":memory:";
/// How the server names of SQL Server begin that no file has.
const SQL_SERVER_NAMES: [&str; 5] = ["tcp:", "np:", "lpc:", "admin:", "(localdb)"];

/// Reads what follows `sqlite:`: `tokens.db`, `//tokens.db`, `///var/lib/tokens.db`, `:memory:`, with
/// `?mode=ro|rw|rwc|memory`. Nothing is percent-decoded.
pub(crate) fn of_url(rest: &str) -> Result<SqliteTarget, ConnectionStringError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut mode = SqliteMode::default();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        mode = match option.to_ascii_lowercase().as_str() {
            "mode=rwc" => SqliteMode::ReadWriteCreate,
            "mode=rw" => SqliteMode::ReadWrite,
            "mode=ro" => SqliteMode::ReadOnly,
            "mode=memory" => SqliteMode::Memory,
            _ => {
                return Err(ConnectionStringError::new(
                    "after `?` only mode=ro, mode=rw, mode=rwc or mode=memory is read",
                ));
            }
        };
    }
    target(path.strip_prefix("//").unwrap_or(path), mode, None)
}

/// Reads the words of Microsoft.Data.Sqlite. Cache, pooling, foreign keys and triggers are accepted and mean nothing to
/// this product's own schema.
pub(crate) fn of_pairs(pairs: &[Pair]) -> Result<SqliteTarget, ConnectionStringError> {
    if last(pairs, &["Password"]).is_some_and(|value| !value.is_empty()) {
        return Err(ConnectionStringError::new(
            "all its words are SQLite's, and Password would encrypt the file, which is not done here: entries are sealed \
             instead. Take Password out; if a server is meant, say which with a scheme: mssql://, postgres://, mysql://",
        ));
    }
    let mode = match last(pairs, &["Mode"]).map(|value| value.to_ascii_lowercase()).as_deref() {
        None | Some("readwritecreate") => SqliteMode::ReadWriteCreate,
        Some("readwrite") => SqliteMode::ReadWrite,
        Some("readonly") => SqliteMode::ReadOnly,
        Some("memory") => SqliteMode::Memory,
        Some(_) => {
            return Err(ConnectionStringError::new("Mode is ReadWriteCreate, ReadWrite, ReadOnly or Memory"));
        }
    };
    if !last(pairs, &["Cache"])
        .is_none_or(|value| ["default", "private", "shared"].contains(&value.to_ascii_lowercase().as_str()))
    {
        return Err(ConnectionStringError::new("Cache is Default, Private or Shared"));
    }
    if pairs.iter().any(|pair| pair.is(&["Vfs"])) {
        return Err(ConnectionStringError::new("Vfs cannot be chosen here; take it out"));
    }
    let busy_timeout = match last(pairs, &["Default Timeout", "Command Timeout"]).map(|value| value.parse::<u32>()) {
        None => None,
        Some(Ok(seconds)) => Some(Duration::from_secs(seconds.into())),
        Some(Err(_)) => return Err(ConnectionStringError::new("Default Timeout is a whole number of seconds")),
    };
    let path = last(pairs, &["Data Source", "DataSource", "Filename"]).map_or("", |value| value.as_str());
    target(path, mode, busy_timeout)
}

fn target(path: &str, mode: SqliteMode, busy_timeout: Option<Duration>) -> Result<SqliteTarget, ConnectionStringError> {
    let lower = path.to_ascii_lowercase();
    if mode == SqliteMode::Memory || lower == MEMORY {
        return Ok(SqliteTarget { path: PathBuf::new(), mode: SqliteMode::Memory, busy_timeout });
    }
    if path.is_empty() {
        return Err(ConnectionStringError::new("it names no file: Data Source=tokens.db, or sqlite:tokens.db"));
    }
    if SQL_SERVER_NAMES.iter().any(|name| lower.starts_with(name)) {
        return Err(ConnectionStringError::new(
            "all its words are SQLite's, but Data Source names a SQL Server; add Initial Catalog, or use mssql://",
        ));
    }
    if lower.starts_with("file:") || lower.starts_with("|datadirectory|") {
        return Err(ConnectionStringError::new(
            "write the path of the database itself, without file: and |DataDirectory|",
        ));
    }
    Ok(SqliteTarget { path: PathBuf::from(path), mode, busy_timeout })
}
