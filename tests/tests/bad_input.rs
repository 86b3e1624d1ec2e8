//! What is wrong around the library gets a clear error, loses nothing, and makes nobody sign in who need not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{sync::Arc, time::Duration};

use absentia::{
    AccountId, Authority, CacheLevel, ClientCredential, ConfidentialClient, Counter, ErrorKind, KeyRing,
    LongRunningKey, Secret, TokenCache, TokenSource, bearer,
    store::{AccountState, Backend, Clock as _, ManualClock, MemoryStore, SystemClock, wrap::Faulty},
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse},
};
use absentia_cache::{Identity, OsRandom, Subject};
use absentia_emulator::{Directory, Emulator, Outage, UserHandle};
use absentia_store::{AccountQuery, Expiry, When, wrap::Switches};
use absentia_tests::{SqliteFile, World, claims, while_time_passes};
use serde_json::{Value, json};

const APP: &str = "https://graph.microsoft.com/.default";
const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

fn days(n: u64) -> Duration {
    hours(24 * n)
}

/// Another connection to the file, as another program has it.
fn connect(file: &SqliteFile) -> rusqlite::Connection {
    rusqlite::Connection::open(&file.config.path).unwrap()
}

/// The bytes of the only entry whose key ends so.
fn bytes_of(file: &SqliteFile, ending: &str) -> Vec<u8> {
    let sql = "SELECT value FROM entries WHERE substr(key, -length(?1)) = ?1";
    connect(file).query_row(sql, [ending], |row| row.get(0)).unwrap()
}

fn set_bytes(file: &SqliteFile, ending: &str, bytes: &[u8]) {
    let sql = "UPDATE entries SET value = ?2 WHERE substr(key, -length(?1)) = ?1";
    assert_eq!(connect(file).execute(sql, (ending, bytes)).unwrap(), 1);
}

async fn state(world: &World, user: &UserHandle) -> Option<AccountState> {
    let accounts = world.backend.accounts.as_ref().unwrap();
    let row = accounts.account(world.client.client_id(), user.home_account_id()).await.unwrap();
    row.map(|row| row.state())
}

/// A world whose store fails on demand.
async fn faulty() -> (World, Switches) {
    let clock = ManualClock::at(SystemClock.now());
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new(Arc::new(clock.clone()))), Arc::new(clock.clone())));
    let switches = store.switches();
    let backend = Backend {
        entries: store.clone(),
        accounts: Some(store.clone()),
        leases: Some(store),
        scan: None,
        watch: None,
        name: "faulty".into(),
    };
    (World::over(backend, clock).await, switches)
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_is_named_with_its_setting() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let pending = world.client.begin_sign_in().unwrap();
    let assertion = world.assertion(&ada).await;
    let (id, url) = (world.id(&ada), world.entra.url().to_owned());
    let World { entra, client, clock, backend, .. } = world;
    entra.stop().await; // from here on connections are refused
    clock.advance(hours(5));

    let code = Secret::new("a code");
    let redirect = absentia_tests::REDIRECT;
    let (app, account, on_behalf_of) = (client.app(), client.account(&id), client.on_behalf_of(&assertion));
    let answers = while_time_passes(&clock, async {
        [
            app.token(APP).await.unwrap_err(),
            account.token("User.Read").await.unwrap_err(),
            on_behalf_of.token("User.Read").await.unwrap_err(),
            client.start_long_running(&assertion).token("User.Read").await.unwrap_err(),
            client.complete_sign_in(&pending, &code, redirect, "User.Read").await.unwrap_err(),
        ]
    })
    .await;
    for error in answers {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let text = error.to_string();
        assert!(text.contains(&url) && text.contains("AzureAd:Instance") && text.contains("no connection"), "{text}");
    }
    let accounts = backend.accounts.unwrap();
    let row = accounts.account(client.client_id(), id.as_str()).await.unwrap().unwrap();
    assert_eq!(row.state(), AccountState::Healthy, "nobody must sign in for it");
}

#[tokio::test]
async fn an_authority_that_was_never_reached_refuses_no_caller_for_good() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    world.entra.set_outage(Some(Outage { status: 503, retry_after: None }));
    let validator = bearer::Validator::new(world.client.discovery().clone(), world.client.client_id(), None);
    let refused = validator.validate(assertion.secret().expose()).await.unwrap_err();
    assert!(matches!(&refused, bearer::Refused::Unavailable(error) if error.kind() == ErrorKind::Unavailable));
    world.entra.set_outage(None);
    // A failure is shared for ten seconds, so that each caller does not ask again.
    world.advance(Duration::from_secs(10));
    assert!(validator.validate(assertion.secret().expose()).await.is_ok());
}

/// What all writes that fail have in common: who holds a new token gets it, who needs it stored hears that it was not.
async fn writes_fail(world: &World, says: &str) {
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let counters = world.cache.counters();
    let failed = || counters.get(Counter::CommitFailed);
    let before = failed();
    let client = &world.client;
    let (own, hers) = (client.app(), client.account(&world.id(&ada)));

    let token = own.token(APP).await.unwrap();
    assert_eq!((token.metadata().token_source, failed() - before), (TokenSource::IdentityProvider, 1), "{says}: app");
    world.entra.consent(&ada, &world.entra.app("contoso-app"), "Mail.Read");
    let token = hers.token("User.Read Mail.Read").await.unwrap();
    assert_eq!((claims(&token)["oid"].as_str(), failed() - before), (Some(ada.oid()), 2), "{says}: a refresh");
    let assertion = world.assertion(&grace).await;
    let token = client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    assert_eq!((claims(&token)["oid"].as_str(), failed() - before), (Some(grace.oid()), 3), "{says}: on behalf of");

    let start = client.start_long_running(&assertion).token("User.Read").await.unwrap_err();
    let sign_in = world.sign_in(&grace).await.unwrap_err();
    for error in [start, sign_in] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{says}: {error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    assert_eq!(failed() - before, 3, "{says}: those are told, not counted");
    assert_eq!(state(world, &ada).await, Some(AccountState::Healthy), "{says}");
}

/// What was there before is as it was, and what failed can be repeated.
async fn writes_work_again(world: &World) {
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let process = world.another();
    process.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    world.sign_in(&grace).await.unwrap();
    process.client.account(&world.id(&grace)).token("User.Read").await.unwrap();
    assert_eq!(world.client.sign_out(&world.id(&ada)).await.unwrap().entries, 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_costs_no_token_and_keeps_no_promise() {
    for (kind, says) in [
        (absentia_store::ErrorKind::Full, "Make room for the store"),
        (absentia_store::ErrorKind::ReadOnly, "Let this user write to the store"),
        (absentia_store::ErrorKind::Unavailable, "Try again later; nobody needs to sign in for it"),
    ] {
        let (world, switches) = faulty().await;
        let ada = world.entra.user("ada");
        world.sign_in(&ada).await.unwrap();
        world.advance(hours(5));
        switches.fail_writes(kind);
        writes_fail(&world, says).await;
        assert!(
            world.cache.counters().get(Counter::LeaseFailed) > 0
                && world.cache.counters().get(Counter::ActivityFailed) > 0
        );
        assert_eq!(state(&world, &world.entra.user("grace")).await, None, "no row for what was not stored");
        let error = world.client.sign_out(&world.id(&ada)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains(says), "{error}");
        switches.heal();
        writes_work_again(&world).await;
    }
}

#[tokio::test]
async fn a_locked_database_is_read_and_waited_for() {
    let (world, file) = World::sqlite_as(|config| config.busy_timeout = Duration::from_millis(50)).await;
    let ada = world.entra.user("ada");
    let signed_in = world.sign_in(&ada).await.unwrap();
    let other = connect(&file);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let process = world.another();
    let token = process.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert!(token.is_same_as(&signed_in.token), "reads go on");
    world.advance(hours(5));
    writes_fail(&world, "locked by another process").await;
    let error = world.client.sign_out(&world.id(&ada)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("tokens.db"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    writes_work_again(&world).await;
}

#[tokio::test]
async fn a_full_database_costs_no_token_and_leaves_no_row_that_nothing_repairs() {
    let (world, mut file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.advance(hours(5));
    // Another process, which may not let the file grow.
    let pages = connect(&file).query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    file.config.max_page_count = Some(pages);
    let backend = file.open(&world.clock).await;
    let cache = TokenCache::sealed(backend, world.ring.clone()).clock(Arc::new(world.clock.clone())).build();
    let client = world.builder(&cache).build().unwrap();
    let world = World { cache, client, ..world };
    writes_fail(&world, "Make room for the store").await;

    // Rows come first, so hers may be there. Then whoever acts for her learns that the entry is not.
    let grace = world.entra.user("grace");
    let error = world.another().client.account(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!((error.kind(), error.reason().as_str()), (ErrorKind::InteractionRequired, "entry_missing"));
    let verdict: String = connect(&file).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let roomy = World { client: world.another().client, ..world };
    writes_work_again(&roomy).await;
}

/// As far as this user is not the superuser, whom no mode stops.
#[cfg(unix)]
#[tokio::test]
async fn a_read_only_database_serves_what_it_has() {
    use std::os::unix::fs::PermissionsExt as _;
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    let signed_in = world.sign_in(&ada).await.unwrap();
    for ending in ["", "-wal", "-shm"] {
        let file = format!("{}{ending}", file.config.path.display());
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    let process = world.process(
        TokenCache::sealed(file.open(&world.clock).await, world.ring.clone())
            .clock(Arc::new(world.clock.clone()))
            .build(),
    );
    let acquirer = process.client.account(&world.id(&ada));
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&signed_in.token));
    if std::fs::OpenOptions::new().write(true).open(&file.config.path).is_ok() {
        eprintln!("not shown: this user may write to any file");
        return;
    }
    world.advance(hours(5));
    let readable = World { cache: process.cache, client: process.client, ..world };
    writes_fail(&readable, "Let this user write to the store").await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_reason_to_sign_in() {
    let (world, switches) = faulty().await;
    let ada = world.entra.user("ada");
    let signed_in = world.sign_in(&ada).await.unwrap();
    let assertion = world.assertion(&ada).await;
    let key = LongRunningKey::new("job").unwrap();
    world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    switches.fail();

    // Memory serves as long as the token lives, however long it has not been compared with the store.
    world.advance(Duration::from_secs(300));
    let token = world.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert!(token.is_same_as(&signed_in.token));
    assert_eq!(token.metadata().cache_level, CacheLevel::L1);

    // A process without memory: only the store knows her refresh token.
    let process = world.another();
    let asked = world.entra.journal().token_requests().count();
    for acquirer in [process.client.account(&world.id(&ada)), process.client.long_running(&key)] {
        let error = acquirer.token("User.Read").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("nobody needs to sign in"), "{error}");
    }
    assert_eq!(process.client.sign_out(&world.id(&ada)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(process.client.accounts(&AccountQuery::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.entra.journal().token_requests().count(), asked);

    // Who holds what is needed goes on to Entra, and it is counted.
    process.client.app().token(APP).await.unwrap();
    process.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    assert_eq!(process.cache.counters().get(Counter::StoreFailed), 4);

    switches.heal();
    assert_eq!(state(&world, &ada).await, Some(AccountState::Healthy));
    assert!(process.client.account(&world.id(&ada)).token("User.Read").await.unwrap().is_same_as(&signed_in.token));
    assert!(process.client.long_running(&key).token("User.Read").await.is_ok());
}

#[tokio::test]
async fn entries_of_another_key_ring_are_counted_and_left_until_somebody_signs_in() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let before = bytes_of(&file, ada.home_account_id());
    let ring = KeyRing::ephemeral(&OsRandom).unwrap();
    let process =
        world.process(TokenCache::sealed(world.backend.clone(), ring).clock(Arc::new(world.clock.clone())).build());
    let acquirer = process.client.account(&world.id(&ada));
    for misses in 1..=3 {
        let error = acquirer.token("User.Read").await.unwrap_err();
        assert_eq!((error.kind(), error.reason().as_str()), (ErrorKind::InteractionRequired, "unreadable"));
        assert!(error.to_string().contains("cannot be read"), "{error}");
        assert!(process.cache.counters().get(Counter::UnknownKey) >= misses);
    }
    assert_eq!(process.cache.counters().get(Counter::Unreadable), 0, "the entry is not damaged");
    assert_eq!(world.requests(&ada, "refresh_token"), 0);
    assert!(bytes_of(&file, ada.home_account_id()) == before, "left as it was");
    // With the right ring nothing was lost.
    assert!(world.another().client.account(&world.id(&ada)).token("User.Read").await.is_ok());

    world.sign_in_for(&process.client, &ada, "User.Read").await.unwrap();
    assert!(bytes_of(&file, ada.home_account_id()) != before);
    assert!(acquirer.token("User.Read").await.is_ok());
    let error = world.another().client.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
    assert_eq!(error.reason(), "unreadable");
}

#[tokio::test]
async fn a_damaged_entry_is_counted_and_left_by_whoever_needs_something_from_it() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let whole = bytes_of(&file, ada.home_account_id());
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let last = whole.len() - 1;
    let damages = [flip(0), flip(12), flip(23), flip(last / 2), flip(last), whole[..last].to_vec(), Vec::new()];
    for (number, damaged) in damages.iter().enumerate() {
        set_bytes(&file, ada.home_account_id(), damaged);
        let process = world.another();
        let error = process.client.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
        assert_eq!((error.kind(), error.reason().as_str()), (ErrorKind::InteractionRequired, "unreadable"), "{number}");
        let counters = process.cache.counters();
        assert!(counters.get(Counter::Unreadable) > 0 && counters.get(Counter::UnknownKey) == 0, "{number}");
        assert!(bytes_of(&file, ada.home_account_id()) == *damaged, "{number}: left as it was");
    }
    assert_eq!(world.requests(&ada, "refresh_token"), 0);
    assert_eq!(state(&world, &ada).await, Some(AccountState::Healthy), "the client marks nobody");

    // Her own sign-in needs nothing from it.
    world.sign_in(&ada).await.unwrap();
    assert!(world.another().client.account(&world.id(&ada)).token("User.Read").await.is_ok());
}

#[tokio::test]
async fn a_damaged_entry_is_replaced_by_what_needs_nothing_from_it() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let key = LongRunningKey::new("job").unwrap();
    world.client.app().token(APP).await.unwrap();
    world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    let endings = ["_AppTokenCache", &**assertion.hash(), key.hash()];
    let damage = || endings.iter().for_each(|ending| set_bytes(&file, ending, b"nonsense"));
    damage();

    // While Entra refuses, everything is left as it was.
    let process = world.another();
    world.entra.set_outage(Some(Outage { status: 503, retry_after: Some(1) }));
    let (app, caller) = (process.client.app(), process.client.on_behalf_of(&assertion));
    assert_eq!(app.token(APP).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(caller.token("User.Read").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(
        process.client.long_running(&key).token("User.Read").await.unwrap_err().kind(),
        ErrorKind::InteractionRequired
    );
    for ending in endings {
        assert!(bytes_of(&file, ending) == b"nonsense", "{ending}");
    }

    world.entra.set_outage(None);
    world.advance(Duration::from_secs(2));
    let running = process.client.long_running_of(&world.id(&ada), &key).or_start(&assertion);
    app.token(APP).await.unwrap();
    caller.token("User.Read").await.unwrap();
    running.token("User.Read").await.unwrap();
    let process = world.another();
    let acquirers = [
        (process.client.app(), APP),
        (process.client.on_behalf_of(&assertion), "User.Read"),
        (process.client.long_running(&key), "User.Read"),
    ];
    for (acquirer, scopes) in acquirers {
        assert_eq!(acquirer.token(scopes).await.unwrap().metadata().cache_level, CacheLevel::L2);
    }
}

/// Conditionally: what somebody else put there meanwhile is not lost.
#[tokio::test]
async fn a_damaged_entry_that_was_replaced_meanwhile_is_merged_with() {
    use absentia_store::wrap::{Call, Moment};
    let (world, switches) = faulty().await;
    let app = world.entra.app("contoso-app");
    let identity = Identity {
        client_id: app.client_id().into(),
        authority: world.client.authority().clone(),
        subject: Subject::App { resource: "https://graph.microsoft.com".into() },
        layout: absentia_cache::Layout::Native,
    };
    let key = identity.key();
    world.backend.entries.put(&key, b"nonsense".as_slice().into(), When::Absent, Expiry::default()).await.unwrap();
    let gate = switches.hold(Call::Put, Moment::Before);
    let caches = [world.another_cache(), world.another_cache()];
    let [one, two] = [0, 1].map(|index| world.builder(&caches[index]).without_flights().build().unwrap().app());
    let both = tokio::join!(one.token(APP), two.token(APP), async {
        gate.reached(2).await;
        gate.release();
    });
    both.0.unwrap();
    both.1.unwrap();
    let conflicts: u64 = caches.iter().map(|cache| cache.counters().get(Counter::Conflict)).sum();
    assert_eq!(conflicts, 1, "one replaced what was damaged, the other what the first had written");
    assert!(world.another().client.app().token(APP).await.is_ok());
}

#[tokio::test]
async fn an_entry_copied_to_another_users_key_is_never_used() {
    let (world, file) = World::sqlite().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    world.sign_in(&ada).await.unwrap();
    world.sign_in(&grace).await.unwrap();
    let hers = bytes_of(&file, ada.home_account_id());
    set_bytes(&file, grace.home_account_id(), &hers);
    let process = world.another();
    let error = process.client.account(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!(error.reason(), "unreadable", "sealed bytes open under their own name alone");
    assert!(process.cache.counters().get(Counter::Unreadable) > 0);
    assert!(bytes_of(&file, grace.home_account_id()) == hers, "left as it was");

    // The same where nothing is sealed: what is in it names somebody else.
    let plain = || TokenCache::plain(world.backend.clone()).clock(Arc::new(world.clock.clone())).build();
    for user in [&ada, &grace] {
        world.client.sign_out(&world.id(user)).await.unwrap();
        world.sign_in_for(&world.process(plain()).client, user, "User.Read").await.unwrap();
    }
    set_bytes(&file, grace.home_account_id(), &bytes_of(&file, ada.home_account_id()));
    let process = world.process(plain());
    assert!(process.client.account(&world.id(&ada)).token("User.Read").await.is_ok());
    let error = process.client.account(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!(error.reason(), "unreadable");
    assert!(process.cache.counters().get(Counter::Unreadable) > 0);
}

#[tokio::test]
async fn a_clock_moved_back_uses_nothing_from_the_future_and_deletes_nothing() {
    let (world, file) = World::sqlite().await;
    let ada = world.entra.user("ada");
    let signed_in = world.sign_in(&ada).await.unwrap();
    let before = bytes_of(&file, ada.home_account_id());
    let now = world.clock.now();
    world.clock.jump_to(now - Duration::from_secs(1800));
    world.entra.set_outage(Some(Outage { status: 503, retry_after: Some(1) }));
    for process in [world.another().client, world.client.clone()] {
        let error = process.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "a token from the future is not used: {error}");
    }
    assert!(bytes_of(&file, ada.home_account_id()) == before);
    // Within what clocks may differ by it is.
    world.clock.jump_to(now - Duration::from_secs(240));
    assert!(
        world.another().client.account(&world.id(&ada)).token("User.Read").await.unwrap().is_same_as(&signed_in.token)
    );
    world.clock.jump_to(now);
    assert!(
        world.another().client.account(&world.id(&ada)).token("User.Read").await.unwrap().is_same_as(&signed_in.token)
    );
}

#[tokio::test]
async fn an_entry_nobody_read_for_ninety_days_is_gone_and_one_that_is_read_is_not() {
    let (world, _file) = World::sqlite().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    world.sign_in(&ada).await.unwrap();
    world.sign_in(&grace).await.unwrap();
    for _ in 0..2 {
        world.advance(days(60));
        world.another().client.account(&world.id(&grace)).token("User.Read").await.unwrap();
    }
    let asked = world.requests(&ada, "refresh_token");
    let error = world.another().client.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
    assert_eq!((error.kind(), error.reason().as_str()), (ErrorKind::InteractionRequired, "entry_missing"));
    assert!(error.to_string().contains("must sign in again"), "{error}");
    assert_eq!(world.requests(&ada, "refresh_token"), asked, "Entra was not asked in vain");
    world.sign_in(&ada).await.unwrap();
    assert!(world.another().client.account(&world.id(&ada)).token("User.Read").await.is_ok());
}

/// From an app's settings on: what is said about the file beside the database.
#[tokio::test]
async fn a_key_ring_that_cannot_be_used_refuses_the_start_and_says_what_to_do() {
    use absentia_config::{Configuration, Settings};
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("tokens.db");
    let ring = folder.path().join("tokens.db.keys");
    let json = json!({ "ConnectionStrings": { "TokenCacheDbConnStr": format!("Data Source={}", database.display()) } });
    let configuration = Configuration::parse("appsettings.json", json.to_string().as_bytes(), []).unwrap();
    let settings = Settings::from_configuration(&configuration, &[]).unwrap();
    let openers = [absentia_sqlite::opener()];
    let refused = async |says: &[&str]| {
        let error = settings.token_cache(&openers).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        for word in says.iter().copied().chain(["tokens.db"]) {
            assert!(error.to_string().contains(word), "{error} does not say {word}");
        }
    };

    refused(&["There is no key ring", "`absentia store create`"]).await;
    assert!(!database.exists() && !ring.exists(), "nothing is made by the way");
    assert!(settings.create_store(&openers).await.unwrap().new_key_ring);
    settings.token_cache(&openers).await.unwrap();
    let whole = std::fs::read_to_string(&ring).unwrap();

    std::fs::remove_file(&ring).unwrap();
    refused(&["There is no key ring", "`absentia store create`"]).await;
    let write = |text: &str| {
        std::fs::write(&ring, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&ring, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    for bad in ["", "{}", "[]", &whole[..whole.len() - 20], &whole.replace("\"keys\"", "\"kyes\"")] {
        write(bad);
        refused(&["is damaged", "Restore it from a copy"]).await;
        let error = settings.create_store(&openers).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "a damaged ring is not replaced: {error}");
        assert_eq!(std::fs::read_to_string(&ring).unwrap(), bad);
    }
    write(&whole);
    #[cfg(unix)]
    for mode in [0o640, 0o604, 0o644, 0o666] {
        std::fs::set_permissions(&ring, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        refused(&["can be read by others", &format!("mode {mode:o}"), "chmod 600"]).await;
    }
    write(&whole);
    settings.token_cache(&openers).await.unwrap();
    std::fs::remove_file(&database).unwrap();
    refused(&["no database", "`absentia store create`"]).await;
    std::fs::remove_file(&ring).unwrap();
    std::fs::create_dir(&ring).unwrap();
    refused(&["is damaged"]).await;
}

/// H38: an entity with an `expires_on` that says nothing must not spoil the entry it is in.
#[tokio::test]
async fn a_token_of_unknown_end_is_not_used_and_spoils_no_write() {
    for bad in [json!("0"), json!(""), json!("-62135596800"), json!("abc"), json!(0), Value::Null] {
        for beside_a_good_one in [false, true] {
            let world = World::new().await;
            let ada = world.entra.user("ada");
            world.entra.consent(&ada, &world.entra.app("contoso-app"), "Mail.Read");
            let assertion = world.assertion(&ada).await;
            let plain = || {
                let cache = TokenCache::plain(world.backend.clone()).clock(Arc::new(world.clock.clone())).build();
                world.process(cache)
            };
            let first = plain().client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
            let identity = Identity {
                client_id: world.client.client_id().into(),
                authority: world.client.authority().clone(),
                subject: Subject::Assertion { hash: assertion.hash().clone() },
                layout: absentia_cache::Layout::Native,
            };
            let entry = world.backend.entries.get(&identity.key()).await.unwrap().unwrap();
            let mut partition: Value = serde_json::from_slice(&entry.value).unwrap();
            let tokens = partition["AccessToken"].as_object_mut().unwrap();
            let mut token = tokens.values().next().unwrap().clone();
            if bad.is_null() {
                token.as_object_mut().unwrap().remove("expires_on");
            } else {
                token["expires_on"] = bad.clone();
            }
            if beside_a_good_one {
                token["target"] = "Files.Read".into();
                tokens.insert("another".into(), token);
            } else {
                *tokens.values_mut().next().unwrap() = token;
            }
            let bytes = serde_json::to_vec(&partition).unwrap().into();
            world
                .backend
                .entries
                .put(&identity.key(), bytes, When::Unchanged(entry.version), entry.expiry)
                .await
                .unwrap();

            let process = plain();
            let token = process.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
            assert_eq!(token.is_same_as(&first), beside_a_good_one, "{bad}");
            // A write, whatever was found.
            let token = process.client.on_behalf_of(&assertion).token("User.Read Mail.Read").await.unwrap();
            assert_eq!(process.cache.counters().get(Counter::CommitFailed), 0, "{bad}");
            let entry = world.backend.entries.get(&identity.key()).await.unwrap().unwrap();
            assert_eq!(entry.expiry, Expiry { sliding: None, absolute: Some(token.expires_on()) }, "{bad}");
            let again = plain().client.on_behalf_of(&assertion).token("Mail.Read").await.unwrap();
            assert!(again.is_same_as(&token) && again.metadata().cache_level == CacheLevel::L2, "{bad}");
        }
    }
}

/// Entra, with another spelling of its answers.
struct Spelled(Arc<dyn HttpClient>, &'static str);

#[async_trait::async_trait]
impl HttpClient for Spelled {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = self.0.send(request).await?;
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body)
            && body.contains_key("token_type")
        {
            body.insert("token_type".into(), self.1.into());
            answer.body = serde_json::to_vec(&body).unwrap().into();
        }
        Ok(answer)
    }
}

/// H61: what is compared ignoring case elsewhere is here too.
#[tokio::test]
async fn a_client_id_in_capitals_and_a_token_type_in_any_case_are_the_same_app_and_kind() {
    for spelling in ["bearer", "BEARER", "Bearer"] {
        let world = World::new().await;
        let ada = world.entra.user("ada");
        let capitals = "33333333-1234-4567-89AB-000000000003";
        assert!(capitals.eq_ignore_ascii_case(world.client.client_id()) && capitals != world.client.client_id());
        let client = |cache: &TokenCache, id: &str| {
            let secret = ClientCredential::secret(Secret::new(world.entra.app("contoso-app").secret())).unwrap();
            ConfidentialClient::builder(world.client.authority().clone(), id, secret)
                .cache(cache)
                .http(Arc::new(Spelled(world.http.clone(), spelling)))
                .build()
                .unwrap()
        };
        let (one, two) =
            (client(&world.another_cache(), capitals), client(&world.another_cache(), world.client.client_id()));
        let signed_in = world.sign_in_for(&one, &ada, "User.Read").await.unwrap();
        let app = one.app().token(APP).await.unwrap();
        for client in [&one, &two] {
            for _ in 0..10 {
                let token = client.account(&world.id(&ada)).token("User.Read").await.unwrap();
                assert!(token.is_same_as(&signed_in.token), "{spelling}");
                assert!(client.app().token(APP).await.unwrap().is_same_as(&app), "{spelling}");
            }
            let accounts = client.accounts(&AccountQuery::default()).await.unwrap();
            assert_eq!(accounts.len(), 1, "{spelling}");
        }
        assert_eq!(world.entra.journal().token_requests().grant("client_credentials").count(), 1, "{spelling}");
        assert_eq!(world.requests(&ada, "refresh_token"), 0, "{spelling}");
        world.advance(hours(5));
        let (first, second) = (one.account(&world.id(&ada)), two.account(&world.id(&ada)));
        first.token("User.Read").await.unwrap();
        second.token("User.Read").await.unwrap();
        assert_eq!(world.requests(&ada, "refresh_token"), 1, "{spelling}");

        let validator = bearer::Validator::new(one.discovery().clone(), capitals, None);
        let assertion = world.assertion(&ada).await;
        let valid = validator.validate(assertion.secret().expose()).await.unwrap();
        let token = one.on_behalf_of(&valid.assertion()).token("User.Read").await.unwrap();
        assert!(two.on_behalf_of(&assertion).token("User.Read").await.unwrap().is_same_as(&token), "{spelling}");
        assert_eq!(world.requests(&ada, OBO), 1, "{spelling}");
        assert_eq!(two.sign_out(&world.id(&ada)).await.unwrap().entries, 2, "{spelling}");
    }
}

const ZOES_HOME: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const ZOE_AT_HOME: &str = "aaaaaaaa-0000-4000-8000-000000000011";
const ZOE_AS_GUEST: &str = "aaaaaaaa-0000-4000-8000-000000000012";

/// The built-in directory, with a guest.
fn with_a_guest() -> Directory {
    let mut directory: Value =
        serde_json::from_str(include_str!("../../emulator/src/directory/built-in.json")).unwrap();
    let tenants = directory["tenants"].as_array_mut().unwrap();
    tenants[0]["users"].as_array_mut().unwrap().push(json!({
        "name": "zoe-guest", "id": ZOE_AS_GUEST, "displayName": "Zoe (guest)",
        "userPrincipalName": "zoe_home.example#EXT#@contoso.example",
        "home": { "tenantId": ZOES_HOME, "id": ZOE_AT_HOME }
    }));
    tenants.push(json!({
        "id": ZOES_HOME, "displayName": "Home", "domains": ["home.example"],
        "users": [{
            "name": "zoe", "id": ZOE_AT_HOME, "displayName": "Zoe", "userPrincipalName": "zoe@home.example",
            "password": "Zoe-demo-password"
        }]
    }));
    Directory::from_json(&directory.to_string()).unwrap()
}

/// H45: the key of a guest is her id at home, her tokens are of the tenant she visits.
#[tokio::test]
async fn a_guest_signs_in_once_and_others_act_for_her_in_the_tenant_she_visits() {
    let clock = ManualClock::at(SystemClock.now());
    let file = SqliteFile::create(&clock, |_| {}).await;
    let entra = Emulator::builder().directory(with_a_guest()).remember_issued(true).start().await.unwrap();
    let world = World::with(entra, file.open(&clock).await, clock);
    let zoe = world.entra.user("zoe");
    let host = world.entra.tenant_id().to_owned();
    let home = AccountId::parse(&format!("{ZOE_AT_HOME}.{ZOES_HOME}")).unwrap();
    assert_eq!(world.id(&zoe), home);

    let of_the_host = |token: &absentia::AccessToken| {
        let claims = claims(token);
        assert_eq!((claims["tid"].as_str(), claims["oid"].as_str()), (Some(&*host), Some(ZOE_AS_GUEST)));
        assert_eq!((token.tenant(), &token.account().unwrap().id), (&*host, &home));
    };
    let signed_in = world.sign_in(&zoe).await.unwrap();
    assert_eq!((&signed_in.account.id, signed_in.account.tenant.as_str()), (&home, &*host));
    of_the_host(&signed_in.token);
    let accounts = world.client.accounts(&AccountQuery::default()).await.unwrap();
    assert_eq!((accounts[0].account_id.as_str(), accounts[0].tenant.as_str()), (home.as_str(), &*host));
    assert!(accounts[0].grants[0].key.as_str().ends_with(&format!("/{home}")));

    // The web app after a restart: served from the store, no redirect.
    let token = world.another().client.account(&home).token("User.Read").await.unwrap();
    assert!(token.is_same_as(&signed_in.token));
    assert_eq!(token.metadata().cache_level, CacheLevel::L2);
    of_the_host(&token);

    // Her browser calls the API, which starts a process for her: one account, two grants.
    let assertion = world.assertion(&zoe).await;
    let key = LongRunningKey::new("profile of zoe").unwrap();
    let running = world.client.long_running_of(&home, &key).or_start(&assertion);
    of_the_host(&running.token("User.Read").await.unwrap());
    of_the_host(&world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap());

    // Hours later, in another process that knows only the rows.
    world.advance(hours(5));
    let seen = world.entra.journal().token_requests().count();
    let worker = world.another();
    let accounts = worker.client.accounts(&AccountQuery::default()).await.unwrap();
    let grants: Vec<_> = accounts[0].acting_grants().collect();
    assert_eq!((accounts.len(), grants.len()), (1, 2));
    for grant in grants {
        of_the_host(&worker.client.grant(&accounts[0], grant).unwrap().token("User.Read").await.unwrap());
    }
    let requests: Vec<_> = world.entra.journal().token_requests().iter().skip(seen).cloned().collect();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.tenant.as_deref() == Some(&*host)), "{requests:?}");

    // What her assertion brought ended with it.
    assert_eq!(world.client.sign_out(&home).await.unwrap().entries, 2);
    let error = world.another().client.account(&home).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
}

/// Settings that Entra refuses: told once, with the setting's name.
#[tokio::test]
async fn a_wrong_tenant_or_client_id_is_told_with_its_setting() {
    let world = World::new().await;
    let secret = || ClientCredential::secret(Secret::new(world.entra.app("contoso-app").secret())).unwrap();
    let nowhere = Authority::new(world.entra.url(), "99999999-0000-4000-8000-000000000009").unwrap();
    let nobody = "99999999-0000-4000-8000-000000000008";
    for (authority, client_id, says) in [
        (nowhere, world.client.client_id(), "AzureAd:TenantId"),
        (world.client.authority().clone(), nobody, "AzureAd:ClientId"),
    ] {
        let client = ConfidentialClient::builder(authority, client_id, secret()).cache(&world.cache).build().unwrap();
        let error = client.app().token(APP).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
