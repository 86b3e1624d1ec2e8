//! What the store costs on top of its client: `cargo run --release -p absentia-redis --example measure -- HOST:PORT`.
//!
//! Reads and replaces entries of 7 KB through the store, and by the same commands whose answers are thrown away, in
//! turns, with 1 and 64 in flight; then reads all of 10,000 as a sweep does. Prints the medians of the turns. Empties
//! nothing: its keys begin with `measure:` and end in an hour.

#![allow(clippy::unwrap_used, reason = "an example")]

use std::{sync::Arc, time::Duration};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Clock, Expiry, Key, Store, SystemClock, When, Written};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use redis::{Pipeline, Value, aio::MultiplexedConnection};

const ENTRIES: usize = 10_000;
const CALLS: usize = 8_000;
const TURNS: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

async fn timed(calls: usize, work: impl Future<Output = ()>) -> f64 {
    let since = SystemClock.monotonic();
    work.await;
    (SystemClock.monotonic() - since).as_secs_f64() * 1e6 / calls as f64
}

fn bare_read(keys: &[Key]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(2 * keys.len());
    for key in keys {
        let name = format!("measure:{key}");
        pipeline.cmd("HMGET").arg(&name).arg(&["absexp", "sldexp", "data", "version"][..]);
        pipeline.cmd("PTTL").arg(&name);
    }
    pipeline
}

async fn bare(connection: &MultiplexedConnection, pipeline: Pipeline) {
    pipeline.query_async::<Vec<Value>>(&mut connection.clone()).await.unwrap();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let config = RedisConfig::parse(&address).unwrap().instance_name("measure:");
    let store = RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap();
    let client = redis::Client::open(format!("redis://{address}/?protocol=resp3")).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<Key> = (0..ENTRIES).map(|n| Key::new(format!("0a1b2c3d-client/user-{n:05}.tenant"))).collect();
    let expiry = Expiry { sliding: Some(HOUR), absolute: None };
    for key in &keys {
        let when = store.get(key).await.unwrap().map_or(When::Absent, |entry| When::Unchanged(entry.version));
        let written = store.put(key, Bytes::from(vec![7; 7_000]), when, expiry).await.unwrap();
        assert!(matches!(written, Written::Done(_)));
    }
    println!("µs per call, medians of {TURNS} turns      store     bare    ratio");
    for flying in [1, 64] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let some = || stream::iter(keys.iter().take(CALLS));
            let read = some().for_each_concurrent(flying, async |key| {
                assert!(store.get(key).await.unwrap().is_some());
            });
            ours.push(timed(CALLS, read).await);
            let read = some().for_each_concurrent(flying, async |key| {
                bare(&connection, bare_read(std::slice::from_ref(key))).await;
            });
            theirs.push(timed(CALLS, read).await);
        }
        print(&format!("read, {flying} in flight"), ours, theirs);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let sweep = async {
            assert_eq!(store.get_many(&keys).await.unwrap().len(), ENTRIES);
        };
        ours.push(timed(ENTRIES, sweep).await);
        let sweep = async {
            for some in keys.chunks(100) {
                bare(&connection, bare_read(some)).await;
            }
        };
        theirs.push(timed(ENTRIES, sweep).await);
    }
    print("read 10,000 as a sweep does", ours, theirs);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let entries = store.get_many(&keys[..CALLS]).await.unwrap();
        let value = Bytes::from(vec![turn as u8; 7_000]);
        let write = async {
            for (key, entry) in keys.iter().zip(entries) {
                let when = When::Unchanged(entry.unwrap().version);
                assert!(matches!(store.put(key, value.clone(), when, expiry).await.unwrap(), Written::Done(_)));
            }
        };
        ours.push(timed(CALLS, write).await);
        let write = async {
            for key in keys.iter().take(CALLS) {
                let name = format!("measure:bare:{key}");
                let mut pipeline = Pipeline::with_capacity(2);
                pipeline.cmd("HSET").arg(&name).arg("data").arg(&value[..]).cmd("EXPIRE").arg(&name).arg(3_600);
                bare(&connection, pipeline).await;
            }
        };
        theirs.push(timed(CALLS, write).await);
    }
    print("replace, 1 in flight", ours, theirs);
}

fn print(what: &str, ours: Vec<f64>, theirs: Vec<f64>) {
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{what:<36} {ours:>8.1} {theirs:>8.1} {:>8.2}", ours / theirs);
}
