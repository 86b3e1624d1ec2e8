//! Which files are opened, and what is said about the others.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use std::{path::Path, sync::Arc};

use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{AccountStore, Error, ErrorKind, Expiry, Key, Store, SystemClock, When};
use bytes::Bytes;

async fn open(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(&SqliteConfig::new(path), Arc::new(SystemClock)).await
}

async fn create(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::create(&SqliteConfig::new(path), Arc::new(SystemClock)).await
}

/// The error must be the operator's to solve, and say which file and what to do.
fn assert_config(answer: Result<SqliteStore, Error>, path: &Path, says: &str) {
    let error = answer.expect_err(says);
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text} names no path");
    assert!(text.contains(says), "{text} does not say {says}");
}

#[tokio::test]
async fn opening_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    assert_config(open(&path).await, &path, "absentia store create");
    assert!(!path.exists());
    std::fs::write(&path, b"").unwrap();
    assert_config(open(&path).await, &path, "absentia store create");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[tokio::test]
async fn creating_again_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let first = create(&path).await.unwrap();
    let key = Key::new("ada");
    first.put(&key, Bytes::from_static(b"x"), When::Absent, Expiry::default()).await.unwrap();
    let (second, third) = tokio::join!(create(&path), create(&path));
    for store in [second.unwrap(), third.unwrap(), open(&path).await.unwrap()] {
        assert!(store.get(&key).await.unwrap().is_some());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let store = create(&path).await.unwrap();
    store.put(&Key::new("ada"), Bytes::new(), When::Absent, Expiry::default()).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/such/tokens.db");
    assert_config(create(&path).await, &path, "folder does not exist");
    assert_config(open(&path).await, &path, "absentia store create");
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_config(create(folder.path()).await, folder.path(), "is a folder");
    assert_config(open(folder.path()).await, folder.path(), "is a folder");
}

#[tokio::test]
async fn a_file_of_another_kind_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "not a database, but somebody's notes\n".repeat(200);
    std::fs::write(&path, &notes).unwrap();
    assert_config(create(&path).await, &path, "not an SQLite database");
    assert_config(open(&path).await, &path, "not an SQLite database");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    drop(create(&path).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("INSERT INTO migrations VALUES (999, 'of the future', 'x')", []).unwrap();
    assert_config(open(&path).await, &path, "newer version");
    assert_config(create(&path).await, &path, "newer version");
}

#[tokio::test]
async fn an_older_schema_asks_for_its_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
        )
        .unwrap();
    assert_config(open(&path).await, &path, "absentia store create");
    create(&path).await.unwrap();
    open(&path).await.unwrap();
}

#[tokio::test]
async fn the_first_schema_is_brought_up_to_date_with_the_accounts_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT;
             INSERT INTO migrations VALUES (1, 'tables', '8bda3b7922f5e3dd')",
        )
        .unwrap();
    connection.execute_batch(include_str!("../migrations/0001_tables.sql")).unwrap();
    connection
        .execute_batch("INSERT INTO accounts VALUES ('c', 'ada.tid', 'tid', 'ada', 1, 2, NULL, NULL, 3, 4, 5, 6, NULL)")
        .unwrap();
    assert_config(open(&path).await, &path, "absentia store create");
    create(&path).await.unwrap();
    let store = open(&path).await.unwrap();
    let ada = store.account("c", "ada.tid").await.unwrap().unwrap();
    assert_eq!((ada.username.as_str(), ada.fence, ada.generation, ada.blocked_at), ("ada", 3, 4, None));
}

#[tokio::test]
async fn an_edited_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    drop(create(&path).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE migrations SET checksum = 'edited'", []).unwrap();
    assert_config(open(&path).await, &path, "did not make");
}

/// What is released stays: a migration is never edited, another one follows it.
#[tokio::test]
async fn released_migrations_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    drop(create(&path).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let mut statement = connection.prepare("SELECT checksum FROM migrations ORDER BY number").unwrap();
    let checksums: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(checksums, ["8bda3b7922f5e3dd", "7f9008f6ee77b43c"]);
}
