//! What leases do when rows are swept and when the machine's clock is set back.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Acquired, Clock, Key, Lease, LeaseState, LeaseStore, ManualClock, ScanStore};

async fn fresh(folder: &tempfile::TempDir) -> (SqliteStore, ManualClock) {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let config = SqliteConfig::new(folder.path().join("tokens.db"));
    (SqliteStore::create(&config, Arc::new(clock.clone())).await.unwrap(), clock)
}

async fn take(store: &SqliteStore, owner: &str) -> Lease {
    match store.acquire(&Key::new("ada"), owner, Duration::from_secs(10)).await.unwrap() {
        Acquired::Held(lease) => lease,
        Acquired::Busy(fence) => panic!("{owner} finds it held as {fence}"),
    }
}

#[tokio::test]
async fn fences_do_not_come_back_when_rows_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = fresh(&folder).await;
    let mut last = 0;
    for _ in 0..3 {
        for _ in 0..5 {
            let lease = take(&store, "one").await;
            assert!(lease.fence > last);
            last = lease.fence;
            store.release(&lease, None, Duration::ZERO).await.unwrap();
        }
        clock.advance(Duration::from_secs(2 * 86_400));
        store.sweep(100).await.unwrap();
        let rows = rusqlite::Connection::open(folder.path().join("tokens.db")).unwrap();
        let left: i64 = rows.query_row("SELECT count(*) FROM leases", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_hold_a_lease_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = fresh(&folder).await;
    let first = take(&store, "one").await;
    clock.jump_to(clock.now() - Duration::from_secs(3));
    assert_eq!(store.look(&Key::new("ada")).await.unwrap(), LeaseState::Held(first.fence));
    clock.jump_to(clock.now() - Duration::from_secs(3_600));
    assert_eq!(store.look(&Key::new("ada")).await.unwrap(), LeaseState::Free);
    assert!(take(&store, "two").await.fence > first.fence);
}
