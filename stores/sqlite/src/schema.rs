use std::path::Path;

use absentia_store::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::{SqliteConfig, batch, connection, error};

/// One step of the schema. Once released its text never changes: a change is another step.
struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration { number: 1, name: "tables", sql: include_str!("../migrations/0001_tables.sql") },
    Migration { number: 2, name: "blocked", sql: include_str!("../migrations/0002_blocked.sql") },
];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL
) STRICT";

/// Makes the file if there is none, and brings its schema up to date. Repeatable; two processes may do it at once.
pub(crate) fn create(config: &SqliteConfig) -> Result<()> {
    let path = &config.path;
    make_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connection::connect(config, flags)?;
    let explain = |error| error::explain(path, "create the schema", error);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(explain)?;
    if mode != "wal" {
        return Err(config_error(path, "has no write-ahead log: a file system of this machine is needed"));
    }
    let refused = batch::in_transaction(&connection, |transaction| {
        transaction.execute_batch(LEDGER)?;
        let applied = match applied(transaction, path)? {
            Ok(applied) => applied,
            Err(refused) => return Ok(Some(refused)),
        };
        for migration in MIGRATIONS.iter().skip(applied) {
            transaction.execute_batch(migration.sql)?;
            transaction.execute(
                "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
                (migration.number, migration.name, checksum(migration.sql)),
            )?;
        }
        Ok(None)
    })
    .map_err(explain)?;
    refused.map_or(Ok(()), Err)
}

/// Refuses a database without this program's schema.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let explain = |error| error::explain(path, "read the schema", error);
    let ledger = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'", [], |_| Ok(()))
        .optional()
        .map_err(explain)?;
    if ledger.is_none() {
        return Err(config_error(path, "has no schema: run `absentia store create`"));
    }
    if applied(connection, path).map_err(explain)?? < MIGRATIONS.len() {
        return Err(config_error(path, "has an older schema: run `absentia store create` to bring it up to date"));
    }
    Ok(())
}

/// Refuses a path where no file is: SQLite's own answer would not say which of these it was.
pub(crate) fn expect_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(config_error(path, "is a folder: give the path of a file in it")),
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(config_error(path, "there is no database: run `absentia store create`"))
        }
        Err(cause) => Err(config_error(path, "cannot be looked at").caused_by(cause)),
    }
}

/// How many migrations were applied, if they are ours.
fn applied(connection: &Connection, path: &Path) -> rusqlite::Result<Result<usize>> {
    let mut statement = connection.prepare("SELECT number, checksum FROM migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if rows.len() > MIGRATIONS.len() {
        return Ok(Err(config_error(
            path,
            "has the schema of a newer version: use that version, or another database made by `absentia store create`",
        )));
    }
    let ours = MIGRATIONS.iter().map(|migration| (migration.number, checksum(migration.sql)));
    if !rows.iter().cloned().eq(ours.take(rows.len())) {
        return Ok(Err(config_error(
            path,
            "has a schema this program did not make: give another path and run `absentia store create`",
        )));
    }
    Ok(Ok(rows.len()))
}

fn make_file(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // Tokens are sealed, but names of users are not. SQLite gives its `-wal` and `-shm` files the same mode.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => expect_file(path),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(config_error(path, "its folder does not exist: make it first").caused_by(cause))
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(config_error(path, "may not be made by this user").caused_by(cause))
        }
        Err(cause) => Err(config_error(path, "could not be made").caused_by(cause)),
    }
}

fn config_error(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{}: {what}", path.display()))
}

/// FNV-1a: notices an edited migration; it is no protection against anybody.
fn checksum(sql: &str) -> String {
    let hash = sql
        .bytes()
        .filter(|byte| *byte != b'\r')
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
