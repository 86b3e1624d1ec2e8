//! What programs do that announce nothing, .NET's among them, is told all the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Acquired, Change, Expiry, Key, LeaseStore, Store, SystemClock, Watch, WatchStore, When};
use support::{Cluster, Server};

async fn store(config: &str, instance_name: &str) -> RedisStore {
    let config = RedisConfig::parse(config).unwrap().instance_name(instance_name);
    RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap()
}

async fn next(watch: &mut Box<dyn Watch>) -> Vec<Change> {
    tokio::time::timeout(Duration::from_secs(30), watch.next()).await.unwrap().unwrap()
}

/// All that is told until this was.
async fn hear_until(watch: &mut Box<dyn Watch>, last: &Change) -> Vec<Change> {
    let mut heard = Vec::new();
    while !heard.contains(last) {
        heard.extend(next(watch).await);
    }
    heard
}

fn touched(key: &str) -> Change {
    Change::Touched(Key::new(key))
}

#[tokio::test]
async fn writes_expiry_and_removals_of_others_are_told() {
    let server = Server::start(&[]);
    let store = store(&server.address(), "contoso:").await;
    let mut watch = store.watch_others().await.unwrap();
    for command in [
        &["HSET", "contoso:ada", "absexp", "-1", "sldexp", "-1", "data", "x"][..],
        &["EXPIRE", "contoso:ada", "100"],
        &["UNLINK", "contoso:ada"],
    ] {
        server.cli(command);
        assert_eq!(next(&mut watch).await, [touched("ada")], "{command:?}");
    }
    // Who only asked for announcements hears none of it, and all of ours, as before.
    let mut announced = store.watch().await.unwrap();
    server.cli(&["HSET", "contoso:eve", "data", "x"]);
    store.put(&Key::new("ada"), "x".into(), When::Absent, Expiry::default()).await.unwrap();
    assert!(matches!(&next(&mut announced).await[..], [Change::Written(key, _)] if key.as_str() == "ada"));
    // Leases, accounts and what has another prefix are nobody's entry.
    server.cli(&["SET", "fabrikam:ada", "x"]);
    assert!(matches!(store.acquire(&Key::new("ada"), "me", Duration::from_secs(9)).await.unwrap(), Acquired::Held(_)));
    server.cli(&["HSET", "contoso:last", "data", "x"]);
    let heard = hear_until(&mut watch, &touched("last")).await;
    let names: BTreeSet<_> = heard
        .iter()
        .filter_map(|change| match change {
            Change::Touched(key) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, BTreeSet::from(["ada", "eve", "last"]), "{heard:?}");
    server.cli(&["FLUSHALL"]);
    assert_eq!(next(&mut watch).await, [Change::Lost]);
}

#[tokio::test]
async fn without_an_instance_name_only_what_is_ours_is_left_out() {
    let server = Server::start(&[]);
    let store = store(&server.address(), "").await;
    let mut watch = store.watch_others().await.unwrap();
    assert!(matches!(store.acquire(&Key::new("ada"), "me", Duration::from_secs(9)).await.unwrap(), Acquired::Held(_)));
    server.cli(&["HSET", "ada", "data", "x"]);
    assert_eq!(next(&mut watch).await, [touched("ada")]);
}

#[tokio::test]
async fn a_server_that_was_away_may_have_been_written_to() {
    let mut server = Server::start(&[]);
    let store = store(&server.address(), "contoso:").await;
    let mut watch = store.watch_others().await.unwrap();
    server.stop();
    server.begin();
    while !watch.next().await.is_ok_and(|heard| heard == [Change::Lost]) {}
    server.cli(&["HSET", "contoso:ada", "data", "x"]);
    assert_eq!(next(&mut watch).await, [touched("ada")]);
}

#[tokio::test]
async fn every_primary_of_a_cluster_tells() {
    let cluster = Cluster::start();
    let store = store(&cluster.seeds(), "contoso:").await;
    let mut watch = store.watch_others().await.unwrap();
    let mut missing: BTreeSet<String> = (0..32).map(|number| format!("user {number}")).collect();
    for name in &missing {
        cluster.0[0].cli(&["-c", "HSET", &format!("contoso:{name}"), "data", "x"]);
    }
    while !missing.is_empty() {
        for change in next(&mut watch).await {
            let Change::Touched(key) = change else { panic!("{change:?}") };
            missing.remove(key.as_str());
        }
    }
}
