//! The HASH of an entry is the one ASP.NET Core's Redis cache reads and writes.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Clock as _, Expiry, Key, Store as _, SystemClock, When, Written};
use support::Server;

/// 2026-11-25 12:28:41.1234567 as .NET counts: 100 ns since the year 1.
const TICKS: i64 = 639_312_065_211_234_567;
/// 1970 as .NET counts.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;

async fn store(server: &Server) -> RedisStore {
    let config = RedisConfig::parse(&server.address()).unwrap().instance_name("absentia:");
    RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap()
}

/// Row 27 of what must be so for a cache to be shared with MSAL.NET.
#[tokio::test]
async fn row_27_an_entry_is_a_hash_of_ticks_and_data_that_redis_expires() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let field = |key: &str, name: &str| server.cli(&["HGET", key, name]);

    let put = async |key: &str, expiry| {
        let written = store.put(&Key::new(key), b"{}"[..].into(), When::Absent, expiry).await.unwrap();
        assert!(matches!(written, Written::Done(_)));
    };
    // `-1` stands for none, and such an entry stays.
    put("session-Key+1/=", Expiry::default()).await;
    let name = "absentia:session-Key+1/=";
    assert_eq!(server.cli(&["TYPE", name]), "hash");
    assert_eq!(["absexp", "sldexp", "data"].map(|field_name| field(name, field_name)), ["-1", "-1", "{}"]);
    assert_eq!(server.cli(&["TTL", name]), "-1");
    // Both in ticks; Redis ends it at the earlier of them.
    let hour = Duration::from_secs(3600);
    let absolute = SystemClock.now() + 2 * hour;
    put("both", Expiry { sliding: Some(hour), absolute: Some(absolute) }).await;
    let since_1970 = i64::try_from(absolute.duration_since(UNIX_EPOCH).unwrap().as_nanos() / 100).unwrap();
    assert_eq!(field("absentia:both", "absexp"), (TICKS_TO_1970 + since_1970).to_string());
    assert_eq!(field("absentia:both", "sldexp"), "36000000000");
    let left: u64 = server.cli(&["TTL", "absentia:both"]).parse().unwrap();
    assert!((3590..=3600).contains(&left), "{left}");
}

#[tokio::test]
async fn what_dotnet_wrote_is_read() {
    let server = Server::start(&[]);
    let store = store(&server).await;
    let ticks = TICKS.to_string();
    server.cli(&["HMSET", "absentia:app", "absexp", &ticks, "sldexp", "-1", "data", "{}"]);
    server.cli(&["HMSET", "absentia:bare", "data", "{}"]);
    let absolute = UNIX_EPOCH + Duration::from_nanos(u64::try_from(TICKS - TICKS_TO_1970).unwrap() * 100);
    for (key, absolute) in [("app", Some(absolute)), ("bare", None)] {
        let entry = store.get(&Key::new(key)).await.unwrap().unwrap();
        assert_eq!((&entry.value[..], entry.expiry), (&b"{}"[..], Expiry { sliding: None, absolute }), "{key}");
    }
    // Of another kind, and without `data`: nothing of ours.
    server.cli(&["SET", "absentia:text", "{}"]);
    server.cli(&["HMSET", "absentia:empty", "absexp", "-1", "sldexp", "-1"]);
    for key in ["text", "empty"] {
        assert!(store.get(&Key::new(key)).await.unwrap().is_none(), "{key}");
    }
}
