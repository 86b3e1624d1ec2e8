//! Who is let in, over what, and what is said to the others.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use absentia_redis::{RedisConfig, RedisStore, Tls, opener};
use absentia_store::{
    AccountQuery, AccountStore, Activity, ClaimRequest, Clock, ConnectionText, Error, ErrorKind, Expiry, GrantKind,
    Key, LeaseStore, RedisTarget, Removal, Result, ScanStore, Store, SystemClock, Target, WatchStore, When,
};
use bytes::Bytes;
use support::Server;

async fn open(config: &RedisConfig) -> Result<RedisStore> {
    RedisStore::open(config, Arc::new(SystemClock)).await
}

fn read(text: &str) -> RedisConfig {
    RedisConfig::parse(text).unwrap()
}

/// The error must be the operator's to solve, and tell no password.
fn assert_config(answer: Result<RedisStore>, says: &str) {
    let error = answer.expect_err(says);
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(says), "{text} does not say {says}");
    assert!(!text.contains("s3cret") && !text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let server = Server::start(&["--requirepass", "s3cret"]);
    let address = server.address();
    for wrong in ["", ",password=hidden", ",password=hidden,abortConnect=false", ",user=nobody,password=s3cret"] {
        assert_config(open(&read(&format!("{address}{wrong}"))).await, "`user` and `password` in ConnectionStrings:");
    }
    assert_config(open(&read(&format!("redis://:hidden@{address}"))).await, "`user` and `password`");
    open(&read(&format!("{address},password=s3cret"))).await.unwrap();
    open(&read(&format!("redis://:s3cret@{address}"))).await.unwrap();
    open(&read(&format!("redis://default:s3cret@{address}"))).await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_changed_while_it_runs_is_named() {
    let mut server = Server::start(&["--requirepass", "s3cret"]);
    let store = open(&read(&format!("{},password=s3cret", server.address()))).await.unwrap();
    server.stop();
    server.configure("--requirepass", "another");
    server.begin();
    let error = store.get(&Key::new("ada")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

/// What docs.md says that an ACL user needs is enough for everything, and less is named.
#[tokio::test]
async fn an_acl_user_needs_what_the_docs_say() {
    let docs = include_str!("../src/docs.md");
    let rights = docs.lines().find(|line| line.starts_with("`+@hash")).expect("docs.md lists commands");
    let rights = rights.split('`').nth(1).unwrap().split(' ').collect::<Vec<_>>();
    let server = Server::start(&[]);
    let user = [&["ACL", "SETUSER", "app", "on", ">s3cret", "~I:*", "~_absentia:*", "&_absentia:*"], &rights[..]];
    assert_eq!(server.cli(&user.concat()), "OK");
    server.cli(&["ACL", "SETUSER", "weak", "on", ">s3cret", "~other:*", "+@connection"]);
    let text = |user: &str| format!("{},user={user},password=s3cret", server.address());
    let weak = open(&read(&text("weak")).instance_name("I:")).await.unwrap();
    let refused = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("ACL"), "{error}");
    };
    refused(weak.put(&Key::new("a"), Bytes::new(), When::Absent, Expiry::default()).await.unwrap_err());
    refused(weak.watch().await.map(drop).unwrap_err());

    let store = open(&read(&text("app")).instance_name("I:")).await.unwrap();
    everything(&store).await;
    let outside = open(&read(&text("app")).instance_name("J:")).await.unwrap();
    refused(outside.put(&Key::new("a"), Bytes::new(), When::Absent, Expiry::default()).await.unwrap_err());
}

async fn everything(store: &RedisStore) {
    let (key, now) = (Key::new("ada"), SystemClock.now());
    let mut watch = store.watch_others().await.unwrap();
    let slides = Expiry { sliding: Some(Duration::from_millis(400)), absolute: None };
    store.put(&key, Bytes::new(), When::Absent, slides).await.unwrap();
    watch.next().await.unwrap();
    SystemClock.sleep(Duration::from_millis(100)).await;
    assert!(store.get(&key).await.unwrap().is_some());
    assert_eq!(store.scan(None, 10).await.unwrap(), std::slice::from_ref(&key));
    let leases: &dyn LeaseStore = store;
    let absentia_store::Acquired::Held(lease) = leases.acquire(&key, "me", Duration::from_secs(9)).await.unwrap()
    else {
        panic!("nobody else asks")
    };
    leases.renew(&lease, Duration::from_secs(9)).await.unwrap();
    leases.look(&key).await.unwrap();
    leases.release(&lease, Some(Bytes::new()), Duration::from_secs(9)).await.unwrap();
    accounts(store, key.clone(), now).await;
    store.remove(&key, Removal::SignOut).await.unwrap();
}

async fn accounts(store: &dyn AccountStore, key: Key, now: SystemTime) {
    let activity = Activity {
        client_id: "c".to_owned(),
        account_id: "oid.tid".to_owned(),
        tenant: "tid".to_owned(),
        username: None,
        key: key.clone(),
        kind: GrantKind::Account,
        at: now,
        sign_in: Some(0),
        expires_at: None,
    };
    store.record(&activity).await.unwrap();
    store.generation("c", "oid.tid").await.unwrap();
    let request = ClaimRequest {
        client_id: "c".to_owned(),
        idle_before: now + Duration::from_secs(1),
        pass: None,
        username: None,
        lease: Duration::from_secs(9),
        limit: 1,
    };
    let claims = store.claim(&request, now).await.unwrap();
    assert!(store.renew(&claims[0], Duration::from_secs(9), now).await.unwrap());
    let finish = absentia_store::Finish { due_at: now, attempts: 0, grants: Vec::new() };
    store.finish(&claims[0], &finish).await.unwrap();
    assert_eq!(store.accounts(&AccountQuery::default()).await.unwrap().len(), 1);
    assert_eq!(store.foreign_accounts("other").await.unwrap(), 1);
    store.revoke("c", "oid.tid", now).await.unwrap();
    store.forget_grant("c", &key).await.unwrap();
    store.sweep_accounts(now, now, 10).await.unwrap();
}

fn with_authority(text: &str, pem: &str) -> RedisConfig {
    let mut config = read(text);
    let server_name = config.tls.and_then(|tls| tls.server_name);
    config.tls = Some(Tls { authorities: Some(pem.as_bytes().to_vec()), server_name });
    config
}

#[tokio::test]
async fn certificates_are_checked() {
    let one = support::Tls::start(&["cache.example.net"]);
    let other = support::Tls::start(&["127.0.0.1"]);
    let address = one.server.address();
    let says = "certificate was not accepted";
    // Signed by an authority that nobody told us of; the name of another server; plain text.
    assert_config(open(&read(&format!("rediss://{address}"))).await, says);
    assert_config(open(&with_authority(&format!("{address},ssl=true"), &one.authority)).await, says);
    let named = format!("{address},ssl=true,sslHost=cache.example.net");
    assert_config(open(&with_authority(&named, &other.authority)).await, says);
    let plain = open(&read(&format!("{address},syncTimeout=500,connectTimeout=500"))).await.unwrap_err();
    assert_eq!(plain.kind(), ErrorKind::Unavailable, "{plain}");
    let store = open(&with_authority(&named, &one.authority)).await.unwrap();
    everything(&store).await;
}

#[tokio::test]
async fn a_database_has_a_number() {
    let server = Server::start(&[]);
    let (zero, two) = (read(&server.address()), read(&format!("redis://{}/2", server.address())));
    let (zero, two) = (open(&zero).await.unwrap(), open(&two).await.unwrap());
    let mut watch = zero.watch().await.unwrap();
    for (store, name) in [(&two, "two"), (&zero, "zero")] {
        store.put(&Key::new(name), Bytes::new(), When::Absent, Expiry::default()).await.unwrap();
    }
    assert_eq!(zero.scan(None, 10).await.unwrap(), [Key::new("zero")]);
    let heard = watch.next().await.unwrap();
    assert!(matches!(&heard[..], [absentia_store::Change::Written(key, _)] if key.as_str() == "zero"), "{heard:?}");
    assert_config(open(&read(&format!("{},defaultDatabase=99", server.address()))).await, "defaultDatabase");
}

#[tokio::test]
async fn the_opener_makes_nothing_and_tells_no_password() {
    let server = Server::start(&["--requirepass", "s3cret"]);
    let target = |connection: String| {
        Target::Redis(RedisTarget { connection: ConnectionText::new(connection), instance_name: "I:".to_owned() })
    };
    let opener = opener();
    assert_eq!(opener.backend(), "absentia-redis");
    let right = target(format!("{},password=s3cret", server.address()));
    assert!(opener.accepts(&right) && !opener.accepts(&Target::Postgres(ConnectionText::new("postgres://h"))));
    let created = opener.create(&right, Arc::new(SystemClock)).await.unwrap();
    assert_eq!(created.name, format!("redis {}", server.address()));
    let opened = opener.open(&right, Arc::new(SystemClock)).await.unwrap();
    let keys = |server: &Server| server.cli(&["-a", "s3cret", "--no-auth-warning", "KEYS", "*"]);
    assert_eq!(keys(&server), "");
    opened.entries.put(&Key::new("ada"), Bytes::new(), When::Absent, Expiry::default()).await.unwrap();
    assert_eq!(keys(&server), "I:ada");
    // Creating is where somebody looks on, so that a server that is not there is an error.
    let nobody = target(format!("127.0.0.1:{},abortConnect=false", support::free_port()));
    assert!(opener.open(&nobody, Arc::new(SystemClock)).await.is_ok());
    assert!(opener.create(&nobody, Arc::new(SystemClock)).await.is_err());
    let reserved = Target::Redis(RedisTarget {
        connection: ConnectionText::new(server.address()),
        instance_name: "_absentia:x".to_owned(),
    });
    assert!(opener.open(&reserved, Arc::new(SystemClock)).await.is_err());
}
