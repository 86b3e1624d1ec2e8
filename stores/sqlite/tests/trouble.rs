//! What becomes of a call when the file is locked, full, read-only, or shared by many.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Change, ErrorKind, Expiry, Key, Removal, Store, SystemClock, WatchStore, When, Written};
use bytes::Bytes;

struct Folder {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    Folder { path: folder.path().join("tokens.db"), _folder: folder }
}

async fn create(config: &SqliteConfig) -> SqliteStore {
    SqliteStore::create(config, Arc::new(SystemClock)).await.unwrap()
}

async fn put(store: &SqliteStore, name: &str, bytes: usize) -> absentia_store::Result<Written> {
    store.put(&Key::new(name), Bytes::from(vec![7; bytes]), When::Absent, Expiry::default()).await
}

fn check_integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_locked_file_is_unavailable_within_the_timeout_and_recovers() {
    let folder = folder();
    let config = SqliteConfig { busy_timeout: Duration::from_millis(200), ..SqliteConfig::new(&folder.path) };
    let store = create(&config).await;
    put(&store, "ada", 10).await.unwrap();
    let other = rusqlite::Connection::open(&folder.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(2), put(&store, "eve", 10)).await;
    let error = answer.expect("it ends within the busy timeout, give or take the machine").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("locked by another process"), "{error}");
    assert!(error.to_string().contains("tokens.db"), "{error}");
    assert!(store.get(&Key::new("ada")).await.unwrap().is_some(), "reads go on while another writes");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(put(&store, "eve", 10).await, Ok(Written::Done(_))));
}

#[tokio::test]
async fn a_read_goes_on_while_its_rearming_has_to_wait() {
    let folder = folder();
    let config = SqliteConfig { busy_timeout: Duration::from_secs(5), ..SqliteConfig::new(&folder.path) };
    let clock = absentia_store::ManualClock::at(std::time::UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let store = SqliteStore::create(&config, Arc::new(clock.clone())).await.unwrap();
    let (key, slides) = (Key::new("ada"), Expiry { sliding: Some(Duration::from_secs(10)), absolute: None });
    store.put(&key, Bytes::new(), When::Absent, slides).await.unwrap();
    clock.advance(Duration::from_secs(6));
    let other = rusqlite::Connection::open(&folder.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let read = tokio::time::timeout(Duration::from_secs(2), store.get(&key)).await;
    assert!(read.expect("it does not wait for the lock").unwrap().is_some());
    other.execute_batch("ROLLBACK").unwrap();
    // The writer takes its calls in order: after this one it has re-armed.
    put(&store, "eve", 1).await.unwrap();
    clock.advance(Duration::from_secs(6));
    assert!(store.get(&key).await.unwrap().is_some(), "the re-arming was forgotten");
}

#[tokio::test]
async fn a_full_file_refuses_writes_and_reads_on() {
    let folder = folder();
    let config = SqliteConfig { max_page_count: Some(64), ..SqliteConfig::new(&folder.path) };
    let store = create(&config).await;
    put(&store, "old", 7_000).await.unwrap();
    let mut refused = None;
    for number in 0..200 {
        if let Err(error) = put(&store, &format!("key {number}"), 7_000).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.expect("64 pages are soon full");
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert_eq!(store.get(&Key::new("old")).await.unwrap().unwrap().value.len(), 7_000);
    store.remove(&Key::new("key 1"), Removal::SignOut).await.unwrap();
    assert!(matches!(put(&store, "key 1", 1_000).await, Ok(Written::Done(_))), "room that was made is used");
    check_integrity(&folder.path);
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_reads_on() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let config = SqliteConfig::new(&folder.path);
    let keeper = create(&config).await;
    put(&keeper, "ada", 10).await.unwrap();
    for ending in ["", "-wal", "-shm"] {
        let file = format!("{}{ending}", folder.path.display());
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    if std::fs::OpenOptions::new().write(true).open(&folder.path).is_ok() {
        // The superuser may write everywhere; what SQLite says of a file it may not write is asked for in another way.
        let error = read_only_error(&config);
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
        return;
    }
    let store = SqliteStore::open(&config, Arc::new(SystemClock)).await.unwrap();
    assert!(store.get(&Key::new("ada")).await.unwrap().is_some());
    let error = put(&store, "eve", 10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
}

#[cfg(unix)]
fn read_only_error(config: &SqliteConfig) -> rusqlite::Error {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(&config.path, flags).unwrap();
    connection.execute("DELETE FROM entries", []).unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_worth_of_racing_writers_lose_nothing() {
    let folder = folder();
    let config = SqliteConfig { busy_timeout: Duration::from_secs(20), ..SqliteConfig::new(&folder.path) };
    let one = create(&config).await;
    let two = SqliteStore::open(&config, Arc::new(SystemClock)).await.unwrap();
    let key = Key::new("counter");
    one.put(&key, Bytes::from_static(b"0"), When::Absent, Expiry::default()).await.unwrap();
    let writers = [one.clone(), two.clone(), one.clone(), two].map(|store| {
        let key = key.clone();
        tokio::spawn(async move {
            let mut added = 0;
            while added < 100 {
                let entry = store.get(&key).await.unwrap().unwrap();
                let count: u32 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
                let next = Bytes::from((count + 1).to_string());
                let written = store.put(&key, next, When::Unchanged(entry.version), Expiry::default()).await.unwrap();
                added += u32::from(written != Written::Conflict);
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(&one.get(&key).await.unwrap().unwrap().value[..], b"400");
    check_integrity(&folder.path);
}

#[tokio::test]
async fn a_watch_far_behind_hears_that_it_lost_changes() {
    let folder = folder();
    let config = SqliteConfig { watch_interval: Duration::from_millis(10), ..SqliteConfig::new(&folder.path) };
    let store = create(&config).await;
    put(&store, "before", 1).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    // As if 20,000 writes had been made and all but the last were trimmed.
    let connection = rusqlite::Connection::open(&folder.path).unwrap();
    connection.execute("INSERT INTO changes VALUES (20000, 'x', 1)", []).unwrap();
    assert_eq!(watch.next().await.unwrap(), [Change::Lost]);
    put(&store, "ada", 1).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), [Change::Written(Key::new("ada"))], "after that it goes on");
    // As if an old copy of the file had been restored.
    connection.execute("DELETE FROM changes WHERE sequence > 1", []).unwrap();
    assert_eq!(watch.next().await.unwrap(), [Change::Lost]);
}

#[tokio::test]
async fn announcements_are_trimmed() {
    let folder = folder();
    let store = create(&SqliteConfig::new(&folder.path)).await;
    let connection = rusqlite::Connection::open(&folder.path).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
             INSERT INTO changes SELECT i, 'x', 1 FROM n",
        )
        .unwrap();
    for number in 0..256 {
        put(&store, &format!("key {number}"), 1).await.unwrap();
    }
    let kept: i64 = connection.query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap();
    assert!((10_000..=10_256).contains(&kept), "{kept} kept");
}

#[tokio::test]
async fn a_watch_outlives_an_error_and_ends_with_its_handle() {
    let folder = folder();
    let config = SqliteConfig { watch_interval: Duration::from_millis(10), ..SqliteConfig::new(&folder.path) };
    let store = create(&config).await;
    let mut watch = store.watch().await.unwrap();
    let connection = rusqlite::Connection::open(&folder.path).unwrap();
    connection.execute_batch("ALTER TABLE changes RENAME TO hidden; CREATE TABLE x (y)").unwrap();
    assert_eq!(watch.next().await.unwrap_err().kind(), ErrorKind::Unavailable);
    connection.execute_batch("ALTER TABLE hidden RENAME TO changes").unwrap();
    put(&store, "ada", 1).await.unwrap();
    let heard = loop {
        // Errors from before the table was back may be waiting.
        if let Ok(heard) = watch.next().await {
            break heard;
        }
    };
    assert_eq!(heard, [Change::Written(Key::new("ada"))]);
}
