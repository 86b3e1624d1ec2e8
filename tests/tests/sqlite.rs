//! The client's flows over a SQLite file that several processes share, each with connections of its own; what they tell each
//! other; and what is swept.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{sync::Arc, time::Duration};

use absentia::{
    AccessToken, CacheLevel, ConfidentialClient, Error, ErrorKind, LongRunningKey, TokenAcquirer, TokenCache,
    TokenSource,
    store::{AccountQuery, Clock as _, GrantKind, SystemClock},
};
use absentia_cache::{Loaded, Section};
use absentia_tests::{Process, SqliteFile, World, claims};
use tokio::sync::{Barrier, oneshot};

const APP: &str = "https://graph.microsoft.com/.default";
const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Another process: connections of its own to the file.
async fn process(world: &World, file: &SqliteFile) -> Process {
    let backend = file.open(&world.clock).await;
    world.process(TokenCache::sealed(backend, world.ring.clone()).clock(Arc::new(world.clock.clone())).build())
}

fn count(file: &SqliteFile, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(&file.config.path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Signs ada in, or starts something for her, in one process; says how another goes on.
async fn begin(flow: &str, world: &World, file: &SqliteFile) -> (AccessToken, TokenAcquirer, &'static str) {
    let ada = world.entra.user("ada");
    let other = process(world, file).await.client;
    match flow {
        "app" => (world.client.app().token(APP).await.unwrap(), other.app(), APP),
        "account" => (world.sign_in(&ada).await.unwrap().token, other.account(&world.id(&ada)), "User.Read"),
        "assertion" => {
            let assertion = world.assertion(&ada).await;
            let token = world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
            (token, other.on_behalf_of(&assertion), "User.Read")
        }
        "long-running" => {
            let assertion = world.assertion(&ada).await;
            let started = world.client.start_long_running(&assertion).token("User.Read").await.unwrap();
            (started.token, other.long_running(&started.key), "User.Read")
        }
        other => panic!("no flow {other}"),
    }
}

async fn hundred(acquirers: Vec<TokenAcquirer>, scopes: &'static str) -> Vec<Result<AccessToken, Error>> {
    let barrier = Arc::new(Barrier::new(acquirers.len()));
    let calls: Vec<_> = acquirers
        .into_iter()
        .map(|acquirer| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                acquirer.token(scopes).await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flow_goes_on_in_another_process() {
    // The flow; the grant that refreshes it hours later, if one can; the request a hundred callers make.
    for (flow, refreshes) in [
        ("app", Some("client_credentials")),
        ("account", Some("refresh_token")),
        ("assertion", None),
        ("long-running", Some("refresh_token")),
    ] {
        let (world, file) = World::sqlite().await;
        let (first, other, scopes) = begin(flow, &world, &file).await;
        let asked = world.entra.journal().token_requests().count();
        let token = other.token(scopes).await.unwrap();
        assert!(token.is_same_as(&first), "{flow}");
        assert_eq!(token.metadata().cache_level, CacheLevel::L2, "{flow}");
        assert_eq!(other.token(scopes).await.unwrap().metadata().cache_level, CacheLevel::L1, "{flow}");
        assert_eq!(world.entra.journal().token_requests().count(), asked, "{flow}");

        world.advance(Duration::from_secs(5 * 3600));
        world.entra.set_token_delay(Some(Duration::from_millis(100)));
        let answers = hundred(vec![other.clone(); 100], scopes).await;
        assert_eq!(world.entra.journal().token_requests().count() - asked, 1, "{flow}");
        match refreshes {
            Some(grant) => {
                assert!(answers.iter().all(|answer| answer.as_ref().unwrap().is_same_as(answers[0].as_ref().unwrap())));
                let request = world.entra.journal().token_requests();
                assert_eq!(request.last().unwrap().grant_type.as_deref(), Some(grant), "{flow}");
                let token = answers[0].as_ref().unwrap();
                assert_eq!(token.metadata().token_source, TokenSource::IdentityProvider, "{flow}");
                if flow != "app" {
                    assert_eq!(claims(token)["oid"], world.entra.user("ada").oid(), "{flow}");
                }
                let third = process(&world, &file).await.client;
                let row = third.accounts(&AccountQuery::default()).await.unwrap();
                assert_eq!(row.len(), usize::from(flow != "app"), "{flow}");
            }
            None => {
                for answer in &answers {
                    let error = answer.as_ref().unwrap_err();
                    assert_eq!((error.kind(), error.aadsts()), (ErrorKind::InteractionRequired, Some(500_133)));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_ends_everything_in_every_process_and_she_can_come_back() {
    let (world, file) = World::sqlite().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let assertion = world.assertion(&ada).await;
    world.sign_in(&ada).await.unwrap();
    world.sign_in(&grace).await.unwrap();
    let key = LongRunningKey::new("job").unwrap();
    world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    assert_eq!((count(&file, "entries"), count(&file, "grants")), (4, 4));

    let other = process(&world, &file).await.client;
    assert_eq!(other.sign_out(&world.id(&ada)).await.unwrap().entries, 3);
    assert_eq!((count(&file, "entries"), count(&file, "grants")), (1, 1));
    let third = process(&world, &file).await.client;
    for acquirer in [third.account(&world.id(&ada)), third.long_running(&key)] {
        assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::InteractionRequired);
    }
    assert!(third.account(&world.id(&grace)).token("User.Read").await.is_ok(), "nobody else is touched");
    assert!(world.sign_in_for(&third, &ada, "User.Read").await.unwrap().generation > 0);
    assert!(process(&world, &file).await.client.account(&world.id(&ada)).token("User.Read").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_refresh_one_partition_at_once_lose_nothing() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    world.entra.consent(&ada, &world.entra.app("contoso-app"), "Mail.Read");
    world.sign_in(&ada).await.unwrap();
    for round in 0..5 {
        world.advance(Duration::from_secs(5 * 3600));
        let (one, two) = (process(&world, &file).await, process(&world, &file).await);
        // Two wants, so that no lease keeps them apart.
        let (first, second) = (one.client.account(&world.id(&ada)), two.client.account(&world.id(&ada)));
        let (a, b) = tokio::join!(first.token("User.Read"), second.token("User.Read Mail.Read"));
        a.unwrap();
        b.unwrap();
        let identity = absentia_cache::Identity {
            client_id: world.client.client_id().into(),
            authority: world.client.authority().clone(),
            subject: absentia_cache::Subject::Account(world.id(&ada)),
            layout: absentia_cache::Layout::Native,
        };
        let Loaded::Found { partition, .. } = one.cache.load(&identity).await.unwrap() else { panic!("gone") };
        let counted = [Section::AccessToken, Section::RefreshToken].map(|section| partition.section(section).len());
        assert_eq!(counted, [1, 1], "round {round}: overlapping tokens are one, and so is her grant");
    }
}

/// Runs upkeep until it is dropped.
struct Upkeep(Option<oneshot::Sender<()>>, tokio::task::JoinHandle<()>);

impl Upkeep {
    fn of(process: &Process) -> Self {
        let (end, ended) = oneshot::channel::<()>();
        let cache = process.cache.clone();
        Self(Some(end), tokio::spawn(async move { cache.upkeep(async move { drop(ended.await) }).await }))
    }

    async fn end(mut self) {
        self.0.take();
        self.1.await.unwrap();
    }
}

/// Asks until `seen` says so; how long that took. Ten seconds are given to a machine that is busy elsewhere.
async fn until(mut seen: impl AsyncFnMut() -> bool) -> Duration {
    let began = SystemClock.monotonic();
    loop {
        if seen().await {
            return SystemClock.monotonic() - began;
        }
        assert!(SystemClock.monotonic() - began < Duration::from_secs(10), "it was never seen");
        SystemClock.sleep(Duration::from_millis(5)).await;
    }
}

/// Whether `client` serves a user's token from memory.
async fn remembers(client: &ConfidentialClient, id: &absentia::AccountId) -> bool {
    let token = client.account(id).token("User.Read").await.unwrap();
    token.metadata().cache_level == CacheLevel::L1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_heard_by_another_process_within_a_second() {
    let (world, file) = World::sqlite().await;
    let (one, two) = (process(&world, &file).await, process(&world, &file).await);
    let upkeep = [Upkeep::of(&one), Upkeep::of(&two)];
    // Once a change is heard, it listens.
    let warm = world.entra.user("edsger");
    let first = world.sign_in(&warm).await.unwrap().token;
    let acquirer = two.client.account(&world.id(&warm));
    let mut last = first;
    until(async || {
        last = one.client.account(&world.id(&warm)).token("User.Read").instead_of(&last).await.unwrap();
        for _ in 0..100 {
            if acquirer.token("User.Read").await.unwrap().is_same_as(&last) {
                return true;
            }
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        false
    })
    .await;

    let mut took = Vec::new();
    for name in ["ada", "grace", "alan", "barbara"] {
        let user = world.entra.user(name);
        let id = world.id(&user);
        world.sign_in_for(&one.client, &user, "User.Read").await.unwrap();
        // Its writing is announced too: from when that was heard, memory keeps it.
        until(async || remembers(&two.client, &id).await).await;
        one.client.sign_out(&id).await.unwrap();
        let acquirer = two.client.account(&id);
        took.push(until(async || acquirer.token("User.Read").await.is_err()).await);
        assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::InteractionRequired);
    }
    took.sort_unstable();
    println!("heard after {took:?}");
    // One of them may fall into a moment in which the machine does something else.
    assert!(took[2] < Duration::from_secs(1), "{took:?}");
    for upkeep in upkeep {
        upkeep.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_upkeep_a_process_does_not_hear_it_until_it_looks_again() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    let (one, two) = (process(&world, &file).await, process(&world, &file).await);
    world.sign_in_for(&one.client, &ada, "User.Read").await.unwrap();
    let acquirer = two.client.account(&world.id(&ada));
    acquirer.token("User.Read").await.unwrap();
    one.client.sign_out(&world.id(&ada)).await.unwrap();
    assert!(acquirer.token("User.Read").await.is_ok());
    world.advance(Duration::from_secs(120));
    assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::InteractionRequired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_wrote_itself_it_keeps() {
    let (world, file) = World::sqlite().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let (one, two) = (process(&world, &file).await, process(&world, &file).await);
    let upkeep = Upkeep::of(&one);
    world.sign_in_for(&two.client, &grace, "User.Read").await.unwrap();
    let hers = one.client.account(&world.id(&grace));
    let heard = async || {
        // Another process writes; when this one serves what was written, it has heard all that came before.
        let seen = two.client.account(&world.id(&grace)).token("User.Read").await.unwrap();
        let written = two.client.account(&world.id(&grace)).token("User.Read").instead_of(&seen).await.unwrap();
        until(async || hers.token("User.Read").await.unwrap().is_same_as(&written)).await;
    };
    // Nothing is in its memory when it begins to listen, so that this may be the first it looks at; the second was heard.
    heard().await;
    assert!(hers.token("User.Read").await.unwrap().metadata().cache_level == CacheLevel::L1);
    heard().await;
    heard().await;

    let mut last = world.sign_in_for(&one.client, &ada, "User.Read").await.unwrap().token;
    for _ in 0..3 {
        heard().await;
        let token = one.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
        assert_eq!(token.metadata().cache_level, CacheLevel::L1, "its own writing dropped what it remembers");
        assert!(token.is_same_as(&last));
        last = one.client.account(&world.id(&ada)).token("User.Read").instead_of(&last).await.unwrap();
    }
    upkeep.end().await;
}

#[tokio::test]
async fn a_sweep_deletes_what_expired_with_its_rows_and_nothing_else() {
    let (world, file) = World::sqlite().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    world.sign_in(&ada).await.unwrap();
    world.client.app().token(APP).await.unwrap();
    for user in [&ada, &grace] {
        for _ in 0..3 {
            world.entra.advance(Duration::from_secs(1)); // or two of them would be one
            let assertion = world.assertion(user).await;
            world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
        }
    }
    assert_eq!((count(&file, "entries"), count(&file, "grants"), count(&file, "accounts")), (8, 7, 2));
    assert_eq!(world.cache.sweep().await, 0);

    world.advance(Duration::from_secs(5 * 3600));
    // Six entries and the app's, six rows of grants, and the account that has none left.
    assert_eq!(world.cache.sweep().await, 7 + 6 + 1);
    assert_eq!((count(&file, "entries"), count(&file, "grants"), count(&file, "accounts")), (1, 1, 1));
    assert_eq!(world.requests(&ada, OBO), 3);
    assert!(world.another().client.account(&world.id(&ada)).token("User.Read").await.is_ok());
    let accounts = world.client.accounts(&AccountQuery::default()).await.unwrap();
    assert_eq!(accounts[0].grants[0].kind, GrantKind::Account);

    // The tombstone of a sign-out stays for longer than a browser session lives, and then goes.
    world.client.sign_out(&world.id(&ada)).await.unwrap();
    assert_eq!((world.cache.sweep().await, count(&file, "accounts")), (0, 1));
    world.advance(Duration::from_secs(14 * 24 * 3600));
    assert_eq!((world.cache.sweep().await, count(&file, "accounts")), (0, 1));
    world.advance(Duration::from_secs(2 * 24 * 3600));
    assert_eq!((world.cache.sweep().await, count(&file, "accounts")), (1, 0));
    assert_eq!(count(&file, "entries"), 0);
}
