//! What the store costs on top of SQLite: `cargo run --release -p absentia-sqlite --example measure`.
//!
//! Replaces and reads one of 200 entries of 7 KB, through the store and by bare statements on one connection of the same
//! kind of file, in turns, and prints the medians of the turns.

#![allow(clippy::unwrap_used, reason = "an example")]

use std::{path::Path, sync::Arc, time::Duration};

use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Clock, Expiry, Key, Store, SystemClock, Version, When, Written};
use bytes::Bytes;
use rusqlite::Connection;

const ENTRIES: usize = 200;
const CALLS: usize = 4_000;
const TURNS: usize = 5;

fn per_call(clock: &SystemClock, since: Duration) -> f64 {
    (clock.monotonic() - since).as_secs_f64() * 1e6 / CALLS as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL)",
        )
        .unwrap();
    connection
}

async fn put(store: &SqliteStore, key: &Key, value: &Bytes, when: When, expiry: Expiry) -> Version {
    match store.put(key, value.clone(), when, expiry).await.unwrap() {
        Written::Done(version) => version,
        Written::Conflict => unreachable!("nobody else writes"),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SystemClock;
    let connection = bare(&folder.path().join("bare.db"));
    let config = SqliteConfig::new(folder.path().join("store.db"));
    let store = SqliteStore::create(&config, Arc::new(SystemClock)).await.unwrap();
    let slides = Expiry { sliding: Some(Duration::from_secs(90 * 86_400)), absolute: None };
    let keys: Vec<Key> = (0..ENTRIES).map(|n| Key::new(format!("0a1b2c3d-client/user-{n:05}.tenant"))).collect();
    let value = |n: usize| Bytes::from(vec![n as u8; 7_000]);
    let mut versions = Vec::new();
    let upsert = "INSERT INTO entries (key, value, version) VALUES (?1, ?2, ?3)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version";
    for (n, key) in keys.iter().enumerate() {
        connection.prepare_cached(upsert).unwrap().execute((key.as_str(), &value(n)[..], 0)).unwrap();
        versions.push(put(&store, key, &value(n), When::Absent, slides).await);
    }
    let (mut bare_puts, mut puts, mut bare_gets, mut gets) = (vec![], vec![], vec![], vec![]);
    for _ in 0..TURNS {
        let since = clock.monotonic();
        for n in 0..CALLS {
            let key = keys[n * 37 % ENTRIES].as_str();
            connection.prepare_cached(upsert).unwrap().execute((key, &value(n)[..], n as i64)).unwrap();
        }
        bare_puts.push(per_call(&clock, since));
        let since = clock.monotonic();
        for n in 0..CALLS {
            let at = n * 37 % ENTRIES;
            versions[at] = put(&store, &keys[at], &value(n), When::Unchanged(versions[at].clone()), slides).await;
        }
        puts.push(per_call(&clock, since));
        let since = clock.monotonic();
        for n in 0..CALLS {
            let mut statement = connection.prepare_cached("SELECT value FROM entries WHERE key = ?1").unwrap();
            let read: Vec<u8> = statement.query_row([keys[n * 37 % ENTRIES].as_str()], |row| row.get(0)).unwrap();
            assert_eq!(read.len(), 7_000);
        }
        bare_gets.push(per_call(&clock, since));
        let since = clock.monotonic();
        for n in 0..CALLS {
            assert!(store.get(&keys[n * 37 % ENTRIES]).await.unwrap().is_some());
        }
        gets.push(per_call(&clock, since));
    }
    let (bare_put, put, bare_get, get) = (median(bare_puts), median(puts), median(bare_gets), median(gets));
    println!("put 7 KB: bare {bare_put:.1} µs, store {put:.1} µs ({:.0} % of bare ops/s)", 100.0 * bare_put / put);
    println!("get 7 KB: bare {bare_get:.1} µs, store {get:.1} µs");
}
