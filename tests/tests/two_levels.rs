//! Memory over a store: what each may be told, and what one does for the other.

#![allow(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use absentia::{CacheLevel, ErrorKind, Event, Heard, StoreFailure, Then, TokenCache, TokenSource};
use absentia_store::{
    Backend, Clock as _, Entry, Error, ErrorKind as StoreErrorKind, Expiry, Key, Removal, Removed, Store, When, Written,
};
use absentia_tests::{Process, World};
use async_trait::async_trait;
use bytes::Bytes;

const STEP: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_account_used_only_through_memory_for_three_sliding_windows_can_still_refresh() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let window = Duration::from_secs(300);
    for user in [&ada, &grace] {
        world.entra.set_token_lifetime(user, Duration::from_secs(1_400));
    }
    let cache = TokenCache::sealed(world.backend.clone(), world.ring.clone()).clock(Arc::new(world.clock.clone()));
    let app = world.process(cache.sliding_expiration(window).build());
    for user in [&ada, &grace] {
        world.sign_in_for(&app.client, user, "User.Read").await.unwrap();
    }
    // Of ada somebody wants a token each ten seconds, of grace nobody does.
    let began = world.clock.monotonic();
    while world.clock.monotonic() - began < 3 * window {
        let token = app.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
        assert_eq!(token.metadata().cache_level, CacheLevel::L1);
        // What goes on behind it needs nothing but a turn: this store never waits.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        world.advance(STEP);
    }
    assert_eq!(world.requests(&ada, "refresh_token"), 0, "she was served without Entra");
    // Her token ends within a window of the last look at the store, which is at most a minute ago.
    world.advance(Duration::from_secs(210));
    let token = app.client.account(&world.id(&ada)).token("User.Read").await;
    let error = app.client.account(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired, "the windows were real: {error}");
    assert_eq!(token.unwrap().metadata().token_source, TokenSource::IdentityProvider);
}

/// A store whose next calls fail.
struct Shaky {
    inner: Arc<dyn Store>,
    failures: AtomicUsize,
}

impl Shaky {
    fn fail(&self, calls: usize) {
        self.failures.store(calls, Ordering::SeqCst);
    }

    fn stand(&self) -> absentia_store::Result<()> {
        let less = |left: usize| left.checked_sub(1);
        match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(Error::new(StoreErrorKind::Unavailable, "shaken")),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Shaky {
    async fn get(&self, key: &Key) -> absentia_store::Result<Option<Entry>> {
        self.stand()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> absentia_store::Result<Written> {
        self.stand()?;
        self.inner.put(key, value, when, expiry).await
    }

    async fn remove(&self, key: &Key, when: Removal) -> absentia_store::Result<Removed> {
        self.stand()?;
        self.inner.remove(key, when).await
    }
}

/// A process with this policy, and nothing in memory, over a store that can be shaken.
fn shaky(world: &World, policy: StoreFailure) -> (Process, Arc<Shaky>) {
    let store = Arc::new(Shaky { inner: world.backend.entries.clone(), failures: AtomicUsize::new(0) });
    let backend = Backend { entries: store.clone(), ..world.backend.clone() };
    let cache = TokenCache::sealed(backend, world.ring.clone()).clock(Arc::new(world.clock.clone()));
    (world.process(cache.memory_limit(0).store_failure(policy).build()), store)
}

#[tokio::test]
async fn a_call_is_tried_again_as_often_as_the_policy_says_and_each_failure_is_told() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let (app, store) = shaky(&world, StoreFailure { retries: 2, then: Then::Fail });
    let account = app.client.account(&world.id(&ada));
    let mut events = app.cache.events();
    store.fail(2);
    account.token("User.Read").await.unwrap();
    for _ in 0..2 {
        let heard = events.next().await.unwrap();
        assert!(matches!(&heard, Heard::Event(Event::StoreFailed { call: "get", again: true, .. })), "{heard:?}");
    }
    store.fail(3);
    assert_eq!(account.token("User.Read").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let told: Vec<Heard> = [events.next().await, events.next().await, events.next().await].map(Option::unwrap).into();
    assert!(
        matches!(&told[2], Heard::Event(Event::StoreFailed { again: false, message, .. }) if &**message == "shaken")
    );
    // Also of writes and removals.
    store.fail(1);
    world.sign_in_for(&app.client, &ada, "User.Read").await.unwrap();
    store.fail(2);
    app.client.sign_out(&world.id(&ada)).await.unwrap();
    // Without a policy once is enough.
    let (app, store) = shaky(&world, StoreFailure::default());
    store.fail(1);
    assert_eq!(
        app.client.account(&world.id(&ada)).token("User.Read").await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn taken_for_a_miss_a_failing_store_sends_users_to_sign_in_but_no_removal_is_swallowed() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let (app, store) = shaky(&world, StoreFailure { retries: 0, then: Then::Miss });
    store.fail(2); // a flight looks again when it is its turn
    let error = app.client.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
    app.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    store.fail(usize::MAX);
    assert_eq!(app.client.sign_out(&world.id(&ada)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    store.fail(0);
    app.client.sign_out(&world.id(&ada)).await.unwrap();
    // A worker would mark everybody.
    let error = world.builder(&app.cache).background().build().unwrap_err();
    assert!(error.to_string().contains("TokenCache:StoreFailure:Then"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_a_slow_listener_hears_how_much_it_missed() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let ring = absentia::KeyRing::ephemeral(&absentia_cache::OsRandom).unwrap();
    let other = TokenCache::sealed(world.backend.clone(), ring).clock(Arc::new(world.clock.clone())).build();
    let app = world.process(other);
    let mut events = app.cache.events();
    let account = app.client.account(&world.id(&ada));
    assert!(account.token("User.Read").await.is_err());
    let Some(Heard::Event(Event::Unreadable { key })) = events.next().await else { unreachable!("nothing was told") };
    assert!(key.as_str().ends_with(world.id(&ada).as_str()));
    for _ in 0..400 {
        let _ = account.token("User.Read").await;
    }
    assert!(matches!(events.next().await, Some(Heard::Missed(missed)) if missed > 0));
    drop((account, app));
    while let Some(Heard::Event(_)) = events.next().await {}
}
