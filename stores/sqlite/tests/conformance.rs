//! `SqliteStore` keeps every law, each on a fresh file.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Backend, ManualClock, conformance::Fixture};

fn config(path: &PathBuf) -> SqliteConfig {
    // Laws race as hard as they can, and wait for announcements.
    SqliteConfig {
        busy_timeout: Duration::from_secs(20),
        watch_interval: Duration::from_millis(10),
        ..SqliteConfig::new(path)
    }
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db");
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let store = SqliteStore::create(&config(&path), Arc::new(clock.clone())).await.unwrap();
    let (file, time) = (path.clone(), clock.clone());
    Fixture::new(Backend::of("sqlite", &Arc::new(store)), clock)
        .reopened_by(move || {
            let (file, time) = (file.clone(), time.clone());
            async move {
                let store = SqliteStore::open(&config(&file), Arc::new(time)).await.unwrap();
                Backend::of("sqlite", &Arc::new(store))
            }
        })
        .keeping(folder)
}

// Named as in the table of laws by backend.
mod sqlite {
    use super::*;

    absentia_store::conformance_tests!(|| fixture());
}
