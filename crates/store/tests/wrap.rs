//! The decorators do what they say, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_store::{
    AccountQuery, Backend, Clock, ErrorKind, Expiry, Key, Lease, ManualClock, MemoryStore, Removal, Store, When,
    Written,
    wrap::{Call, Calls, Faulty, Meter, Moment, Timeout},
};
use bytes::Bytes;

fn faulty() -> (Faulty<MemoryStore>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000)));
    (Faulty::new(Arc::new(MemoryStore::new(clock.clone())), clock.clone()), clock)
}

async fn put(store: &dyn Store, value: &'static str) -> absentia_store::Result<Written> {
    store.put(&Key::new("ada"), Bytes::from_static(value.as_bytes()), When::Absent, Expiry::default()).await
}

async fn until_asleep(clock: &ManualClock) {
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_call_has_its_limit_and_the_error_names_it() {
    let (slow, clock) = faulty();
    slow.switches().delay(Duration::from_secs(60));
    let store = Timeout::new(Arc::new(slow), clock.clone());
    let key = Key::new("ada");
    for (name, limit) in [("get", 500), ("get_many", 500), ("put", 2_000), ("remove", 5_000)] {
        let (store, key) = (store.clone(), key.clone());
        let call = tokio::spawn(async move {
            match name {
                "get" => store.get(&key).await.map(drop),
                "get_many" => store.get_many(&[key]).await.map(drop),
                "put" => put(&store, "x").await.map(drop),
                _ => store.remove(&key, Removal::SignOut).await.map(drop),
            }
        });
        until_asleep(&clock).await;
        clock.advance(Duration::from_millis(limit - 1));
        tokio::task::yield_now().await;
        assert!(!call.is_finished(), "{name} ended early");
        clock.advance(Duration::from_millis(1));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().starts_with(&format!("{name}:")), "{error}");
        clock.advance(Duration::from_secs(120));
    }
}

/// Calls each store of a backend that never answers; says what ended the call and after how long.
async fn ended(backend: &Backend, clock: &ManualClock, call: &str) -> (absentia_store::Error, Duration) {
    let (accounts, leases) = (backend.accounts.as_ref().unwrap(), backend.leases.as_ref().unwrap());
    let (now, second, key) = (clock.now(), Duration::from_secs(1), Key::new("ada"));
    let lease = || Lease { key: Key::new("ada"), owner: "o".into(), fence: 1 };
    let before = clock.monotonic();
    let answer = async {
        match call {
            "generation" => accounts.generation("c", "a").await.map(drop),
            "accounts" => accounts.accounts(&AccountQuery::default()).await.map(drop),
            "revoke" => accounts.revoke("c", "a", now).await.map(drop),
            "forget_grant" => accounts.forget_grant("c", &key).await,
            "unblock" => accounts.unblock("c", "a", now).await,
            "sweep_accounts" => accounts.sweep_accounts(now, now, 1).await.map(drop),
            "acquire" => leases.acquire(&key, "o", second).await.map(drop),
            "renew" => leases.renew(&lease(), second).await.map(drop),
            "release" => leases.release(&lease(), None, second).await,
            _ => leases.look(&key).await.map(drop),
        }
    };
    let passing = async {
        loop {
            until_asleep(clock).await;
            clock.advance(Duration::from_millis(500));
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::select! {
        // Looked at before more time passes.
        biased;
        answer = answer => answer.unwrap_err(),
        () = passing => unreachable!(),
    };
    (error, clock.monotonic() - before)
}

#[tokio::test]
async fn accounts_and_leases_have_deadlines_too() {
    let clock = Arc::new(ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let slow = Faulty::new(store.clone(), clock.clone());
    slow.switches().delay(Duration::from_secs(600));
    let mut backend = Backend::of("slow", &store);
    backend.accounts = Some(Arc::new(slow.clone()));
    backend.leases = Some(Arc::new(slow));
    let backend = backend.with_deadlines(&(clock.clone() as Arc<dyn Clock>));
    for (call, limit) in [
        ("generation", 500),
        ("accounts", 30_000),
        ("revoke", 5_000),
        ("forget_grant", 5_000),
        ("unblock", 2_000),
        ("sweep_accounts", 30_000),
        ("acquire", 2_000),
        ("renew", 2_000),
        ("release", 2_000),
        ("look", 500),
    ] {
        let (error, after) = ended(&backend, &clock, call).await;
        assert_eq!((error.kind(), after), (ErrorKind::Unavailable, Duration::from_millis(limit)), "{error}");
        assert!(error.to_string().starts_with(&format!("{call}: the store did not answer within")), "{error}");
    }
}

#[tokio::test]
async fn a_meter_counts_calls_conflicts_and_errors() {
    let (faulty, _) = faulty();
    let switches = faulty.switches();
    let meter = Meter::new(Arc::new(faulty));
    put(&meter, "x").await.unwrap();
    put(&meter, "x").await.unwrap();
    meter.get(&Key::new("ada")).await.unwrap();
    meter.get_many(&[Key::new("ada"), Key::new("b")]).await.unwrap();
    switches.fail();
    meter.remove(&Key::new("ada"), Removal::SignOut).await.unwrap_err();
    assert_eq!(meter.calls(), Calls { get: 1, get_many: 1, put: 2, remove: 1, conflicts: 1, errors: 1 });
}

#[tokio::test]
async fn a_full_store_reads_on() {
    let (store, _) = faulty();
    put(&store, "old").await.unwrap();
    store.switches().fail_writes(ErrorKind::Full);
    assert_eq!(put(&store, "new").await.unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(&store.get(&Key::new("ada")).await.unwrap().unwrap().value[..], b"old");
}

#[tokio::test]
async fn a_lost_answer_is_a_write_that_happened() {
    let (store, _) = faulty();
    store.switches().lose_answers();
    put(&store, "x").await.unwrap_err();
    assert!(store.get(&Key::new("ada")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_gate_holds_a_call_before_or_after_it_happened() {
    for (moment, happened) in [(Moment::Before, false), (Moment::After, true)] {
        let (store, _) = faulty();
        let gate = store.switches().hold(Call::Put, moment);
        let writer = store.clone();
        let call = tokio::spawn(async move { put(&writer, "x").await });
        gate.reached(1).await;
        assert_eq!(store.get(&Key::new("ada")).await.unwrap().is_some(), happened);
        assert!(!call.is_finished());
        gate.release();
        assert!(matches!(call.await.unwrap(), Ok(Written::Done(_))));
    }
}

#[tokio::test]
async fn a_delay_is_slept_on_the_clock_that_was_given() {
    let (store, clock) = faulty();
    store.switches().delay(Duration::from_secs(3));
    let reader = store.clone();
    let call = tokio::spawn(async move { reader.get(&Key::new("ada")).await });
    until_asleep(&clock).await;
    let before = clock.monotonic();
    clock.advance(Duration::from_secs(3));
    call.await.unwrap().unwrap();
    assert_eq!(clock.monotonic() - before, Duration::from_secs(3));
}
