//! Many callers, several processes, sign-outs in between. Entra's journal says how many requests it took.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{sync::Arc, time::Duration};

use absentia::{
    ConfidentialClient, ErrorKind, LongRunningKey, TokenAcquirer, TokenCache,
    store::{
        Acquired, Backend, Key, Lease, LeaseState, ManualClock, MemoryStore,
        wrap::{Call, Faulty, Moment},
    },
};
use absentia_cache::{Loaded, Section};
use absentia_tests::World;
use bytes::Bytes;
use tokio::sync::Barrier;

const APP: &str = "https://graph.microsoft.com/.default";
const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CALLERS: usize = 100;

/// A hundred callers at a barrier ask at once; all must get the same token.
async fn stampede(acquirers: Vec<TokenAcquirer>, scopes: &'static str) {
    let barrier = Arc::new(Barrier::new(acquirers.len()));
    let calls: Vec<_> = acquirers
        .into_iter()
        .map(|acquirer| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                acquirer.token(scopes).await.unwrap()
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

fn hundred(make: impl Fn() -> TokenAcquirer) -> Vec<TokenAcquirer> {
    (0..CALLERS).map(|_| make()).collect()
}

async fn expired_world() -> World {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let assertion = world.assertion(&ada).await;
    let key = LongRunningKey::new("job").unwrap();
    world.client.start_long_running(&assertion).key(key).token("User.Read").await.unwrap();
    world.advance(Duration::from_secs(5 * 3600));
    world.entra.set_token_delay(Some(Duration::from_millis(300)));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_are_one_request() {
    let world = expired_world().await;
    let ada = world.entra.user("ada");
    let count = |grant: &str| world.entra.journal().token_requests().grant(grant).count();

    stampede(hundred(|| world.client.app()), APP).await;
    assert_eq!(count("client_credentials"), 1);

    let before = count("refresh_token");
    stampede(hundred(|| world.client.account(&world.id(&ada))), "User.Read").await;
    assert_eq!(count("refresh_token") - before, 1);

    let before = count("refresh_token");
    let key = LongRunningKey::new("job").unwrap();
    stampede(hundred(|| world.client.long_running(&key)), "User.Read").await;
    assert_eq!(count("refresh_token") - before, 1);

    let assertion = world.assertion(&ada).await;
    let before = count(OBO);
    stampede(hundred(|| world.client.on_behalf_of(&assertion)), "User.Read").await;
    assert_eq!(count(OBO) - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_flights_the_same_callers_are_many_requests() {
    let world = expired_world().await;
    let ada = world.entra.user("ada");
    let client = world.builder(&world.another_cache()).without_flights().build().unwrap();
    stampede((0..20).map(|_| client.account(&world.id(&ada))).collect(), "User.Read").await;
    let requests = world.requests(&ada, "refresh_token");
    assert!(requests > 1, "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_are_one_request() {
    let world = expired_world().await;
    let ada = world.entra.user("ada");
    let before = world.requests(&ada, "refresh_token");
    // Leases and their waiters run by a clock that runs.
    let processes: Vec<_> = (0..4).map(|_| running(&world)).collect();
    let acquirers = processes.iter().flat_map(|(_, client)| (0..10).map(|_| client.account(&world.id(&ada))));
    stampede(acquirers.collect(), "User.Read").await;
    assert_eq!(world.requests(&ada, "refresh_token") - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_a_failure_too() {
    let world = expired_world().await;
    let ada = world.entra.user("ada");
    world.entra.revoke_sessions(&ada);
    let before = world.requests(&ada, "refresh_token");
    let barrier = Arc::new(Barrier::new(4));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (_, client) = running(&world);
            let (barrier, id) = (barrier.clone(), world.id(&ada));
            tokio::spawn(async move {
                barrier.wait().await;
                client.account(&id).token("User.Read").await.unwrap_err()
            })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap();
        assert_eq!((error.kind(), error.aadsts()), (ErrorKind::InteractionRequired, Some(50_173)));
    }
    assert_eq!(world.requests(&ada, "refresh_token") - before, 1);
}

/// A process whose clock runs, five hours ahead as the world's.
fn running(world: &World) -> (TokenCache, ConfidentialClient) {
    struct Ahead(Duration);
    impl absentia::store::Clock for Ahead {
        fn now(&self) -> std::time::SystemTime {
            absentia::store::SystemClock.now() + self.0
        }
        fn monotonic(&self) -> Duration {
            absentia::store::SystemClock.monotonic()
        }
        fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn std::future::Future<Output = ()> + Send>> {
            absentia::store::SystemClock.sleep(duration)
        }
    }
    let clock = Arc::new(Ahead(Duration::from_secs(5 * 3600)));
    let cache = TokenCache::sealed(world.backend.clone(), world.ring.clone()).clock(clock).build();
    let client = world.builder(&cache).build().unwrap();
    (cache, client)
}

/// A world whose store can be held at any call.
async fn held_world() -> (World, absentia::store::wrap::Switches) {
    let clock = ManualClock::at(absentia::store::Clock::now(&absentia::store::SystemClock));
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new(Arc::new(clock.clone()))), Arc::new(clock.clone())));
    let switches = store.switches();
    let backend = Backend {
        entries: store.clone(),
        accounts: Some(store.clone()),
        leases: None,
        scan: None,
        watch: None,
        name: "held".into(),
    };
    (World::over(backend, clock).await, switches)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_beats_a_refresh_in_flight() {
    let (world, switches) = held_world().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.advance(Duration::from_secs(5 * 3600));
    let gate = switches.hold(Call::Put, Moment::Before);
    let acquirer = world.client.account(&world.id(&ada));
    let flight = tokio::spawn(async move { acquirer.token("User.Read").await });
    gate.reached(1).await;
    world.client.sign_out(&world.id(&ada)).await.unwrap();
    gate.release();
    let error = flight.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
    nothing_is_left(&world, &ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_beats_a_start_between_its_row_and_its_entry() {
    for moment in [Moment::Before, Moment::After] {
        for call in [Call::Record, Call::Put] {
            let (world, switches) = held_world().await;
            let ada = world.entra.user("ada");
            let assertion = world.assertion(&ada).await;
            let gate = switches.hold(call, moment);
            let client = world.client.clone();
            let key = LongRunningKey::new("job").unwrap();
            let start = tokio::spawn({
                let key = key.clone();
                async move { client.start_long_running(&assertion).key(key).token("User.Read").await }
            });
            gate.reached(1).await;
            world.client.sign_out(&world.id(&ada)).await.unwrap();
            gate.release();
            let error = start.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InteractionRequired, "{call:?} {moment:?}");
            let error = world.client.long_running(&key).token("User.Read").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InteractionRequired, "{call:?} {moment:?}");
            nothing_is_left(&world, &ada).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_on_behalf_of_during_a_sign_out_answers_and_stores_nothing() {
    let (world, switches) = held_world().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let gate = switches.hold(Call::Put, Moment::After);
    let acquirer = world.client.on_behalf_of(&assertion);
    let flight = tokio::spawn(async move { acquirer.token("User.Read").await });
    gate.reached(1).await;
    world.client.sign_out(&world.id(&ada)).await.unwrap();
    gate.release();
    flight.await.unwrap().unwrap();
    nothing_is_left(&world, &ada).await;
    let other = world.another();
    let before = world.requests(&ada, OBO);
    other.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    assert_eq!(world.requests(&ada, OBO), before + 1, "the entry was gone");
}

async fn nothing_is_left(world: &World, user: &absentia_emulator::UserHandle) {
    let accounts = world.backend.accounts.as_ref().unwrap();
    let row = accounts.account(world.client.client_id(), user.home_account_id()).await.unwrap().unwrap();
    assert!(row.revoked_at.is_some() && row.generation == 1, "{row:?}");
    assert!(row.grants.is_empty(), "{row:?}");
    let error = world.another().client.account(&world.id(user)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_never_swallowed_and_can_be_repeated() {
    let (world, switches) = held_world().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    switches.fail_writes(absentia::store::ErrorKind::Unavailable);
    let error = world.client.sign_out(&world.id(&ada)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    switches.heal();
    assert_eq!(world.client.sign_out(&world.id(&ada)).await.unwrap().entries, 1);
    assert_eq!(world.client.sign_out(&world.id(&ada)).await.unwrap().entries, 0);
    // She comes back.
    let signed_in = world.sign_in(&ada).await.unwrap();
    assert!(signed_in.generation >= 2);
    assert!(world.another().client.account(&world.id(&ada)).token("User.Read").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_write_one_partition_lose_nothing() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.entra.consent(&ada, &world.entra.app("contoso-app"), "Mail.Read");
    let (_, one) = running(&world);
    let (_, two) = running(&world);
    world.advance(Duration::from_secs(5 * 3600));
    let (first, second) = (one.account(&world.id(&ada)), two.account(&world.id(&ada)));
    let (a, b) = tokio::join!(first.token("User.Read"), second.token("Mail.Read"));
    a.unwrap();
    b.unwrap();
    // To MSAL.NET two tokens whose scopes overlap are one, and two of them would break the entry: one stays.
    let identity = absentia_cache::Identity {
        client_id: world.client.client_id().into(),
        authority: world.client.authority().clone(),
        subject: absentia_cache::Subject::Account(world.id(&ada)),
        layout: absentia_cache::Layout::Native,
    };
    let Loaded::Found { partition, .. } = world.cache.load(&identity).await.unwrap() else { panic!("gone") };
    assert_eq!(partition.section(Section::RefreshToken).len(), 1);
    let tokens = partition.section(Section::AccessToken);
    for (index, token) in tokens.iter().enumerate() {
        for other in &tokens[index + 1..] {
            assert!(!absentia_core::scope::overlap(token.text("target"), other.text("target")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_starts_under_one_key_each_get_a_token_of_their_own_user() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let (hers, other) = (world.assertion(&ada).await, world.assertion(&grace).await);
    let key = LongRunningKey::new("shared by mistake").unwrap();
    world.entra.set_token_delay(Some(Duration::from_millis(200)));
    let (first, second) = tokio::join!(
        world.client.start_long_running(&hers).key(key.clone()).token("User.Read"),
        world.client.start_long_running(&other).key(key.clone()).token("User.Read"),
    );
    assert_eq!(absentia_tests::claims(&first.unwrap().token)["oid"], ada.oid());
    assert_eq!(absentia_tests::claims(&second.unwrap().token)["oid"], grace.oid());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_an_assertion_does_not_share_the_failure_of_who_holds_none() {
    let world = expired_world().await;
    let ada = world.entra.user("ada");
    world.entra.revoke_sessions(&ada);
    let assertion = world.assertion(&ada).await;
    let key = LongRunningKey::new("job").unwrap();
    let (_, client) = running(&world);
    let (without, with) = (client.long_running(&key), client.long_running(&key).or_start(&assertion));
    let (_, with) = tokio::join!(without.token("User.Read"), with.token("User.Read"));
    with.unwrap();
    // Nor that of another process.
    world.entra.revoke_sessions(&ada);
    world.advance(Duration::from_secs(1));
    let assertion = world.assertion(&ada).await;
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let ((_, one), (_, two)) = (running(&world), running(&world));
    let (without, with) = (one.long_running(&key), two.long_running(&key).or_start(&assertion));
    let (_, with) = tokio::join!(without.token("User.Read").claims(claims), async {
        tokio::task::yield_now().await;
        with.token("User.Read").claims(claims).await
    });
    with.unwrap();
}

#[tokio::test]
async fn somebody_else_who_names_the_key_does_not_spoil_the_owners_call() {
    let world = expired_world().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let key = LongRunningKey::new("job").unwrap();
    let (_, client) = running(&world);
    let (wrong, right) =
        (client.long_running_of(&world.id(&grace), &key), client.long_running_of(&world.id(&ada), &key));
    let (wrong, right) = tokio::join!(wrong.token("User.Read"), right.token("User.Read"));
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Rejected);
    right.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_that_bring_no_answer_are_not_waited_for_again_and_again() {
    /// Leases that somebody else always has, and has always just given back.
    struct AlwaysDone;
    #[async_trait::async_trait]
    impl absentia::store::LeaseStore for AlwaysDone {
        async fn acquire(&self, _: &Key, _: &str, _: Duration) -> absentia::store::Result<Acquired> {
            Ok(Acquired::Busy(1))
        }
        async fn renew(&self, _: &Lease, _: Duration) -> absentia::store::Result<bool> {
            Ok(false)
        }
        async fn release(&self, _: &Lease, _: Option<Bytes>, _: Duration) -> absentia::store::Result<()> {
            Ok(())
        }
        async fn look(&self, _: &Key) -> absentia::store::Result<LeaseState> {
            Ok(LeaseState::Ended { fence: 1, outcome: Bytes::from_static(b"\"Done\"") })
        }
    }
    let mut world = expired_world().await;
    world.backend.leases = Some(Arc::new(AlwaysDone));
    let ada = world.entra.user("ada");
    let (_, client) = running(&world);
    client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    client.account(&world.id(&ada)).token("User.Read").claims(claims).await.unwrap();
}

#[test]
fn a_flight_whose_runtime_ended_does_not_stand_in_the_way() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let app = world.client.app();
    let ended = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    ended.block_on(async {
        let mut asked = std::pin::pin!(app.token(APP));
        std::future::poll_fn(|context| {
            let _ = std::future::Future::poll(asked.as_mut(), context);
            std::task::Poll::Ready(())
        })
        .await;
    });
    drop(ended);
    runtime.block_on(async { app.token(APP).await }).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_refresh_ahead_that_fails_keeps_the_usable_token() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.entra.set_token_lifetime(&ada, Duration::from_secs(3600));
    let first = world.sign_in(&ada).await.unwrap().token;
    world.advance(Duration::from_secs(54 * 60));
    let acquirer = world.client.account(&world.id(&ada));
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&first)); // memory is current again
    world.entra.revoke_sessions(&ada);
    world.entra.set_token_delay(Some(Duration::from_millis(300)));
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&first)); // and refreshes ahead
    // Another process writes the entry: memory forgets it while the refresh is under way.
    let identity = absentia_cache::Identity {
        client_id: world.client.client_id().into(),
        authority: world.client.authority().clone(),
        subject: absentia_cache::Subject::Account(world.id(&ada)),
        layout: absentia_cache::Layout::Native,
    };
    world.cache.forget(&identity.key());
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&first));
    assert_eq!(world.cache.counters().get(absentia::Counter::RefreshAheadFailed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_could_not_be_stored_is_remembered_and_not_asked_for_each_time() {
    let (world, switches) = held_world().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.advance(Duration::from_secs(5 * 3600));
    switches.fail_writes(absentia::store::ErrorKind::Full);
    let acquirer = world.client.account(&world.id(&ada));
    let first = acquirer.token("User.Read").await.unwrap();
    for _ in 0..5 {
        let again = acquirer.token("User.Read").await.unwrap();
        assert!(again.is_same_as(&first));
        assert_eq!(again.account().unwrap().id, world.id(&ada));
    }
    assert_eq!(world.requests(&ada, "refresh_token"), 1);
    // The store does not answer at all.
    switches.fail();
    let assertion = world.assertion(&ada).await;
    for _ in 0..5 {
        world.client.app().token(APP).await.unwrap();
        world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    }
    assert_eq!(world.entra.journal().token_requests().grant("client_credentials").count(), 1);
    assert_eq!(world.requests(&ada, OBO), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_on_behalf_of_needs_no_account_store() {
    let clock = ManualClock::at(absentia::store::Clock::now(&absentia::store::SystemClock));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let accounts = Arc::new(Faulty::new(store.clone(), Arc::new(clock.clone())));
    let switches = accounts.switches();
    let backend = Backend { accounts: Some(accounts), ..Backend::of("apart", &store) };
    let world = World::over(backend, clock).await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    switches.fail();
    world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let error = world.client.start_long_running(&assertion).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_sweep_deletes_all_that_expired() {
    let world = World::new().await;
    let accounts = world.backend.accounts.clone().unwrap();
    let now = absentia::store::Clock::now(&world.clock);
    for number in 0..1200 {
        let activity = absentia::store::Activity {
            client_id: world.client.client_id().to_owned(),
            account_id: "o.t".to_owned(),
            tenant: "t".to_owned(),
            username: None,
            key: absentia::store::Key::new(format!("assertion {number}")),
            kind: absentia::store::GrantKind::Assertion,
            at: now,
            sign_in: Some(0),
            expires_at: Some(now + Duration::from_secs(60)),
        };
        accounts.record(&activity).await.unwrap();
    }
    world.advance(Duration::from_secs(3600));
    assert!(world.cache.sweep().await >= 1200);
    assert!(accounts.account(world.client.client_id(), "o.t").await.unwrap().is_none_or(|row| row.grants.is_empty()));
}
