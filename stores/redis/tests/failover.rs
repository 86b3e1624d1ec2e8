//! Replicas, and what happens when a primary dies.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::{sync::Arc, time::Duration};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{
    AccountStore, Change, Clock, ErrorKind, Expiry, Key, Removal, Removed, Result, Store, SystemClock, WatchStore,
    When, Written,
};
use bytes::Bytes;
use support::{Cluster, Sentinels, Server};

async fn open(text: &str) -> RedisStore {
    RedisStore::open(&RedisConfig::parse(text).unwrap(), Arc::new(SystemClock)).await.unwrap()
}

async fn put(store: &RedisStore, name: &str) -> Result<Written> {
    store.put(&Key::new(name), Bytes::from_static(b"x"), When::Absent, Expiry::default()).await
}

/// Asks until there is an answer, as callers come again and again.
async fn in_the_end<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T>) -> T {
    for _ in 0..600 {
        match call().await {
            Ok(answer) => return answer,
            // A failover is no reason for somebody to act.
            Err(error) => assert!(
                [ErrorKind::Unavailable, ErrorKind::ReadOnly].contains(&error.kind()),
                "{what}: {error}: {:?}",
                std::error::Error::source(&error)
            ),
        }
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within a minute");
}

#[tokio::test]
async fn a_sign_out_is_acknowledged_when_a_replica_has_it() {
    let primary = Server::start(&[]);
    let debug = ["--enable-debug-command", "yes", "--replicaof", "127.0.0.1", &primary.port.to_string()];
    let replica = Server::start(&debug);
    replica.wait_for_info("replication", "master_link_status:up");
    support::wait_until("the replica follows", || primary.cli(&["INFO", "replication"]).contains("state=online"));
    let store = open(&primary.address()).await;
    for round in 0..20 {
        put(&store, "ada").await.unwrap();
        assert_eq!(store.remove(&Key::new("ada"), Removal::SignOut).await.unwrap(), Removed::Done);
        assert_eq!(replica.cli(&["EXISTS", "ada"]), "0", "round {round}");
        let revoked = store.revoke("client", "oid.tid", SystemClock.now()).await.unwrap();
        let row = "_absentia:{client:client}::account:oid.tid";
        assert_eq!(replica.cli(&["HGET", row, "generation"]), revoked.generation.to_string());
    }
    put(&store, "ada").await.unwrap();
    // The replica hangs, and the primary has not noticed yet.
    let sleeper = std::thread::spawn(move || {
        replica.cli(&["DEBUG", "SLEEP", "7"]);
        replica
    });
    SystemClock.sleep(Duration::from_millis(300)).await;
    let error = store.remove(&Key::new("ada"), Removal::SignOut).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no replica confirmed it within 2s"), "{error}");
    assert!(store.get(&Key::new("ada")).await.unwrap().is_none(), "it was carried out");
    // Writes do not wait for replicas, nor behind those that do.
    put(&store, "eve").await.unwrap();
    assert_eq!(store.revoke("client", "oid.tid", SystemClock.now()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let _replica = sleeper.join().unwrap();
    // Repeated, it waits for the first attempt.
    in_the_end("the sign-out", async || store.remove(&Key::new("ada"), Removal::SignOut).await).await;
}

#[tokio::test]
async fn a_sentinels_new_primary_is_followed() {
    let mut servers = Sentinels::start();
    let store = open(&servers.text()).await;
    put(&store, "ada").await.unwrap();
    store.remove(&Key::new("nobody"), Removal::SignOut).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    servers.primary.stop();
    in_the_end("a write", async || put(&store, "eve").await).await;
    assert!(store.get(&Key::new("ada")).await.unwrap().is_some(), "the replica had it");
    let changes = in_the_end("a watch", async || watch.next().await).await;
    assert_eq!(changes, [Change::Lost]);
    put(&store, "bob").await.unwrap();
    assert!(matches!(&watch.next().await.unwrap()[..], [Change::Written(key, _)] if key.as_str() == "bob"));
}

#[tokio::test]
async fn an_unknown_service_is_named() {
    let servers = Sentinels::start();
    let text = format!("{},serviceName=other", servers.sentinel.address());
    let error = RedisStore::open(&RedisConfig::parse(&text).unwrap(), Arc::new(SystemClock)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("no primary named other; correct serviceName"), "{error}");
}

#[tokio::test]
async fn a_clusters_new_primary_is_followed() {
    let mut cluster = Cluster::start();
    let store = open(&cluster.seeds()).await;
    let keys: Vec<_> = (0..60).map(|number| Key::new(format!("key {number}"))).collect();
    for key in &keys {
        put(&store, key.as_str()).await.unwrap();
    }
    assert_eq!(store.remove(&keys[0], Removal::SignOut).await.unwrap(), Removed::Done);
    store.revoke("client", "oid.tid", SystemClock.now()).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    // The first seed is a primary, and the node that the watch listens to.
    cluster.0[0].stop();
    for key in &keys[1..] {
        let found = in_the_end("a read", async || store.get(key).await).await;
        assert!(found.is_some(), "{key} was lost, though replicas had it");
    }
    let found = in_the_end("a sweep's read", async || store.get_many(&keys).await).await;
    assert_eq!(found.iter().filter(|entry| entry.is_some()).count(), 59);
    assert_eq!(in_the_end("a watch", async || watch.next().await).await, [Change::Lost]);
    in_the_end("a walk", async || absentia_store::ScanStore::scan(&store, None, 100).await).await;
    in_the_end("a write", async || put(&store, "new").await).await;
    let heard = watch.next().await.unwrap();
    assert!(matches!(&heard[..], [Change::Written(key, _)] if key.as_str() == "new"), "{heard:?}");
    // Its replica took over and has none itself: a sign-out there waits for nobody.
    for key in &keys {
        in_the_end("a sign-out", async || store.remove(key, Removal::SignOut).await).await;
    }
}

#[tokio::test]
async fn a_cluster_has_one_database() {
    let cluster = Cluster::start();
    let text = format!("{},defaultDatabase=1", cluster.0[0].address());
    let error = RedisStore::open(&RedisConfig::parse(&text).unwrap(), Arc::new(SystemClock)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    // One node is enough to find the others.
    let store = open(&cluster.0[5].address()).await;
    for number in 0..20 {
        put(&store, &format!("key {number}")).await.unwrap();
    }
}
