//! Beside ASP.NET Core's cache: its entries are read and replaced, ours read by it, and neither overwrites the other unseen.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Entry, Expiry, Key, Removal, Removed, Store, SystemClock, Version, When, Written};
use bytes::Bytes;
use support::Server;

/// 2100-01-01T00:00:00Z in ticks and in seconds since 1970.
const END: (&str, u64) = ("662380416000000000", 4_102_444_800);

struct Beside {
    server: Server,
    store: RedisStore,
}

impl Beside {
    async fn start() -> Self {
        let server = Server::start(&[]);
        let config = RedisConfig::parse(&server.address()).unwrap().instance_name("TokenCache");
        let store = RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap();
        Self { server, store }
    }

    /// What .NET sends for `SetAsync`: fields, then the time to live.
    fn dotnet_sets(&self, absexp: &str, sldexp: &str, data: &str, ttl: Option<&str>) {
        self.server.cli(&["HMSET", "TokenCacheada", "absexp", absexp, "sldexp", sldexp, "data", data]);
        if let Some(ttl) = ttl {
            self.server.cli(&["EXPIRE", "TokenCacheada", ttl]);
        }
    }

    async fn read(&self) -> Option<Entry> {
        self.store.get(&Key::new("ada")).await.unwrap()
    }

    async fn put(&self, value: &'static str, when: When, expiry: Expiry) -> Written {
        self.store.put(&Key::new("ada"), Bytes::from_static(value.as_bytes()), when, expiry).await.unwrap()
    }

    fn field(&self, name: &str) -> String {
        self.server.cli(&["HGET", "TokenCacheada", name])
    }

    fn ttl(&self) -> i64 {
        self.server.cli(&["PTTL", "TokenCacheada"]).parse().unwrap()
    }
}

#[tokio::test]
async fn what_dotnet_wrote_is_read_and_replaced() {
    let beside = Beside::start().await;
    beside.dotnet_sets("-1", "-1", "theirs", None);
    let entry = beside.read().await.unwrap();
    assert_eq!((&entry.value[..], entry.expiry), (&b"theirs"[..], Expiry::default()));
    assert_eq!(beside.put("ours", When::Absent, Expiry::default()).await, Written::Conflict);
    assert!(matches!(beside.put("ours", When::Unchanged(entry.version), Expiry::default()).await, Written::Done(_)));
    assert_eq!(beside.field("data"), "ours");

    beside.dotnet_sets(END.0, "36000000000", "theirs", Some("3600"));
    let entry = beside.read().await.unwrap();
    let end = UNIX_EPOCH + Duration::from_secs(END.1);
    assert_eq!(entry.expiry, Expiry { sliding: Some(Duration::from_secs(3_600)), absolute: Some(end) });
    let removal = Removal::IfUnchanged(entry.version);
    assert_eq!(beside.store.remove(&Key::new("ada"), removal).await.unwrap(), Removed::Done);
    assert_eq!(beside.server.cli(&["EXISTS", "TokenCacheada"]), "0");
}

#[tokio::test]
async fn what_dotnet_wrote_since_is_not_overwritten() {
    let beside = Beside::start().await;
    let Written::Done(ours) = beside.put("ours", When::Absent, Expiry::default()).await else { panic!("nobody else") };
    // It leaves fields that it does not know as they are.
    beside.dotnet_sets("-1", "-1", "theirs", None);
    assert_eq!(beside.put("late", When::Unchanged(ours.clone()), Expiry::default()).await, Written::Conflict);
    let removal = Removal::IfUnchanged(ours);
    assert_eq!(beside.store.remove(&Key::new("ada"), removal).await.unwrap(), Removed::Conflict);
    let theirs = beside.read().await.unwrap();
    assert_eq!(&theirs.value[..], b"theirs");
    assert!(matches!(beside.put("seen", When::Unchanged(theirs.version), Expiry::default()).await, Written::Done(_)));
}

#[tokio::test]
async fn what_we_write_is_what_dotnet_writes() {
    let beside = Beside::start().await;
    let end = UNIX_EPOCH + Duration::from_secs(END.1);
    let both = Expiry { sliding: Some(Duration::from_secs(600)), absolute: Some(end) };
    let Written::Done(version) = beside.put("x", When::Absent, both).await else { panic!("nobody else writes") };
    assert_eq!((beside.field("absexp"), beside.field("sldexp")), (END.0.to_owned(), "6000000000".to_owned()));
    assert!((590_000..=600_000).contains(&beside.ttl()), "{}", beside.ttl());
    let only_end = Expiry { sliding: None, absolute: Some(end) };
    let Written::Done(version) = beside.put("x", When::Unchanged(version), only_end).await else { panic!("unchanged") };
    assert_eq!((beside.field("absexp"), beside.field("sldexp")), (END.0.to_owned(), "-1".to_owned()));
    assert!(beside.ttl() > 1_000_000_000, "{}", beside.ttl());
    // Unlike .NET's own write, ours without an end lifts the end of the one before.
    let Written::Done(_) = beside.put("x", When::Unchanged(version), Expiry::default()).await else {
        panic!("unchanged")
    };
    assert_eq!((beside.field("absexp"), beside.ttl()), ("-1".to_owned(), -1));
}

#[tokio::test]
async fn a_sliding_entry_past_its_end_is_absent() {
    let beside = Beside::start().await;
    // A time to live that .NET computed from another offset outlasts the ticks.
    beside.dotnet_sets("638396676000000000", "36000000000", "over", Some("3600"));
    assert!(beside.read().await.is_none());
    let stranger = When::Unchanged(Version::new(&b":x"[..]));
    assert_eq!(beside.put("new", stranger, Expiry::default()).await, Written::Conflict);
    assert!(matches!(beside.put("new", When::Absent, Expiry::default()).await, Written::Done(_)));
    beside.dotnet_sets("638396676000000000", "36000000000", "over", Some("3600"));
    assert_eq!(beside.store.remove(&Key::new("ada"), Removal::SignOut).await.unwrap(), Removed::Absent);
    assert_eq!(beside.server.cli(&["EXISTS", "TokenCacheada"]), "0");
}
