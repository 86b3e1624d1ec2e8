//! A process that writes 10,000 tokens and then stands still, so that what it wrote can be looked at.
//!
//! `canaries FOLDER sealed|plain [REDIS-PORT]`: below the folder lie a SQLite file, unless a Redis is named, the key ring and
//! a log of everything there is to log.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test, seen by whoever started it")]

use std::{io::Read as _, path::Path, sync::Arc, time::UNIX_EPOCH};

use absentia::{AccountId, Authority, TokenCache};
use absentia_cache::{
    Base, Change, ChangeKind, Committed, Entity, Identity, KeyRing, Layout, Loaded, OsRandom, Subject,
};
use absentia_redis::{RedisConfig, RedisStore};
use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Activity, Backend, Clock, GrantKind, SystemClock};
use absentia_tests::canaries::{TOKENS, token};

const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, protection, redis) = match arguments.as_slice() {
        [folder, protection] => (Path::new(*folder), *protection, None),
        [folder, protection, port] => (Path::new(*folder), *protection, Some(port.parse().unwrap())),
        other => panic!("what is {other:?}?"),
    };
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let logger = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    logger.with_writer(std::sync::Mutex::new(log)).init();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backend = match redis {
        Some(port) => {
            let store = RedisStore::open(&RedisConfig::new("127.0.0.1", port), clock).await.unwrap();
            Backend::of("redis", &Arc::new(store))
        }
        None => {
            let config = SqliteConfig::new(folder.join("tokens.db"));
            Backend::of("sqlite", &Arc::new(SqliteStore::create(&config, clock).await.unwrap()))
        }
    };
    let cache = match protection {
        "plain" => TokenCache::plain(backend).build(),
        _ => {
            let file = folder.join("keys").join("ring");
            std::fs::create_dir(folder.join("keys")).unwrap();
            KeyRing::create(&file, SystemClock.now(), &OsRandom).unwrap();
            TokenCache::sealed(backend, KeyRing::load(&file).unwrap()).build()
        }
    };
    for number in (0..TOKENS).step_by(2) {
        let (identity, change, activity) = entry(number);
        // As somebody does who looks for an error.
        tracing::debug!(?identity, ?change, "written next");
        let committed = cache.commit(&identity, Base::Absent, &change, Some(&activity)).await.unwrap();
        assert!(matches!(committed, Committed::Stored { .. }), "{committed:?}");
    }
    let (identity, ..) = entry(TOKENS - 2);
    assert!(matches!(cache.load(&identity).await.unwrap(), Loaded::Found { .. }), "what was written can be read");
    println!("written");
    // Until whoever looks has looked: the write-ahead log lives as long as its connections.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A user who signs in, with the token of this number and the next.
fn entry(number: usize) -> (Identity, Change, Activity) {
    let authority = Authority::new("http://127.0.0.1:9", TENANT).unwrap();
    let home = format!("{number:08}-aaaa-4bbb-8ccc-000000000001.{TENANT}");
    let now = SystemClock.now();
    let unix = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let client = absentia_tests::committing::CLIENT;
    let entity = |kind: &str, number: usize| {
        Entity::new()
            .with("home_account_id", home.as_str())
            .with("environment", authority.environment())
            .with("client_id", client)
            .with("credential_type", kind)
            .with("secret", token(number))
    };
    let access_token = entity("AccessToken", number)
        .with("realm", TENANT)
        .with("target", "User.Read")
        .with("cached_at", unix.to_string())
        .with("expires_on", (unix + 86_400).to_string());
    let identity = Identity {
        client_id: client.into(),
        authority: authority.clone(),
        subject: Subject::Account(AccountId::parse(&home).unwrap()),
        layout: Layout::Native,
    };
    let activity = Activity {
        client_id: client.into(),
        account_id: home.clone(),
        tenant: TENANT.into(),
        username: Some(format!("{number}@contoso.example")),
        key: identity.key(),
        kind: GrantKind::Account,
        at: now,
        sign_in: Some(0),
        expires_at: None,
    };
    let change = Change {
        kind: ChangeKind::SignIn,
        access_token: Some(access_token),
        refresh_token: Some(entity("RefreshToken", number + 1)),
        id_token: None,
        account: None,
        app_metadata: None,
    };
    (identity, change, activity)
}
