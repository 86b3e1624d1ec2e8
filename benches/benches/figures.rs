//! The figures of `docs/performance.md`: `cargo xtask bench`, or `cargo bench -p absentia-benches` with words that choose.
//!
//! A runner of its own: half the figures are ratios of two things measured in turns in one run, most need an async set-up,
//! and none is a trend over time; and a benchmark library would be forty more crates to build.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed measurement")]

use std::{path::Path, sync::Arc, time::Duration};

use absentia::{TokenAcquirer, TokenCache, UserAssertion, bearer::Validator, transport::HttpRequest};
use absentia_benches::{
    CLIENT_ID, SCOPES, Samples, Sequence, access_token, cache, change, client, fill, identity, identity_of, median,
    partition, remember, token_text, user,
};
use absentia_cache::{Base, ChangeKind, Committed, KeyRing, Loaded, OsRandom, Partition, Section, Subject};
use absentia_core::encoding::from_base64url;
use absentia_emulator::Emulator;
use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Activity, Backend, Clock, Expiry, GrantKind, Key, Store, SystemClock, Version, When, Written};
use absentia_tests::World;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use bytes::Bytes;
use futures_util::future::join_all;
use rusqlite::Connection;

/// Entries and users of the figures about one partition.
const SUBJECTS: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    if wanted("memory") {
        hits_in_memory().await;
    }
    if wanted("behalf") {
        on_behalf_of().await;
    }
    if wanted("partition") {
        partitions().await;
    }
    if wanted("sqlite") {
        sqlite().await;
    }
    if wanted("bearer") {
        bearer().await;
    }
    if wanted("emulator") {
        emulator().await;
    }
}

/// One line: what, how much, and whether that is within the target.
fn figure(name: &str, value: String, met: Option<bool>, target: &str) {
    let verdict = match met {
        Some(true) => format!("met ({target})"),
        Some(false) => format!("MISSED ({target})"),
        None => String::new(),
    };
    println!("{name:<64} {value:>22}  {verdict}");
}

fn at_most(name: &str, samples: &Samples, target: f64) {
    let median = samples.median();
    let value = format!("{median:.2} µs, p99 {:.1}", samples.percentile(99));
    figure(name, value, Some(median <= target), &format!("at most {target} µs"));
}

fn plain(name: &str, samples: &Samples) {
    figure(name, format!("{:.2} µs, p99 {:.1}", samples.median(), samples.percentile(99)), None, "");
}

async fn hits_in_memory() {
    const USERS: usize = 100_000;
    let cache = cache(Arc::new(SystemClock));
    let client = client(&cache);
    fill(&cache, &client, USERS, 2_048);
    let (held, bytes) = cache.memory_size();
    assert_eq!(held, USERS, "memory dropped some");
    let acquirers: Vec<TokenAcquirer> = (0..USERS).map(|number| client.account(&user(number))).collect();
    let mut sequence = Sequence::new();
    let mut hot = || match sequence.below(10) {
        0 => sequence.below(USERS),
        _ => sequence.below(USERS / 100) * 100,
    };
    // Warm, and on average: the clock that times single hits is a good part of one.
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let asked: Vec<&TokenAcquirer> = (0..200_000).map(|_| &acquirers[hot()]).collect();
        let began = SystemClock.monotonic();
        for acquirer in &asked {
            std::hint::black_box(acquirer.token(SCOPES).await.unwrap());
        }
        rounds.push((SystemClock.monotonic() - began).as_secs_f64() * 1e6 / asked.len() as f64);
    }
    let mut single = Samples::default();
    for _ in 0..200_000 {
        let acquirer = &acquirers[hot()];
        single.take(async { drop(acquirer.token(SCOPES).await.unwrap()) }).await;
    }
    let mut made = Samples::default();
    for _ in 0..200_000 {
        let id = user(hot());
        made.take(async { drop(client.account(&id).token(SCOPES).await.unwrap()) }).await;
    }
    let mut few = Samples::default();
    for number in 0..200_000 {
        let acquirer = &acquirers[number % 10];
        few.take(async { drop(acquirer.token(SCOPES).await.unwrap()) }).await;
    }
    at_most("hit in memory, single, clock included", &single, 0.5);
    plain("  the same 10 subjects again and again: in the processor's caches", &few);
    figure("  mean over 200,000 hits, median of 7 rounds", format!("{:.2} µs", median(rounds)), None, "");
    plain("  with account(&id) made for each hit", &made);
    figure("  memory counted for 100,000 tokens of 2 KB", format!("{} MB", bytes / 1_000_000), None, "");
}

async fn on_behalf_of() {
    let cache = cache(Arc::new(SystemClock));
    let client = client(&cache);
    let texts: Vec<String> = (0..SUBJECTS).map(|number| token_text(number, 2_048)).collect();
    for (number, text) in texts.iter().enumerate() {
        let hash = UserAssertion::unverified(text).hash().clone();
        let token = access_token(user(number).as_str(), token_text(number, 2_048), cache.now())
            .with("environment", client.authority().environment())
            .with("user_assertion_hash", &*hash);
        let mut partition = Partition::default();
        partition.section_mut(Section::AccessToken).push(token);
        remember(&cache, &client, Subject::Assertion { hash }, &partition, &Version::new(vec![1]));
    }
    let mut samples = Samples::default();
    for number in 0..100_000 {
        let text = texts[number % SUBJECTS].as_str();
        let hit = async {
            let assertion = UserAssertion::unverified(text);
            drop(client.on_behalf_of(&assertion).token(SCOPES).await.unwrap());
        };
        samples.take(hit).await;
    }
    at_most("on-behalf-of hit, assertion of 2 KB hashed", &samples, 3.0);
    let mut hashed = Samples::default();
    for number in 0..20_000 {
        hashed.time(|| absentia_core::encoding::sha256_base64url(&texts[number % SUBJECTS]));
    }
    plain("  SHA-256 of the assertion alone", &hashed);
}

async fn partitions() {
    let cache = cache(Arc::new(SystemClock));
    let now = cache.now();
    let mut size = 0;
    for number in 0..SUBJECTS {
        stored(&cache, number, now).await;
        let entry = cache.backend().entries.get(&identity_of(number).key()).await.unwrap().unwrap();
        size = entry.value.len();
    }
    assert!((6_900..7_500).contains(&size), "{size} bytes");
    let (mut load, mut commit, mut get) = (Samples::default(), Samples::default(), Samples::default());
    let identities: Vec<_> = (0..SUBJECTS).map(identity_of).collect();
    for round in 0..20_000 {
        let key = identities[round % SUBJECTS].key();
        get.take(async { drop(cache.backend().entries.get(&key).await.unwrap()) }).await;
    }
    for round in 0..20_000 {
        let identity = &identities[round % SUBJECTS];
        let read = async {
            match cache.load(identity).await.unwrap() {
                Loaded::Found { partition, .. } => partition.access_token(identity, SCOPES.into()).is_some(),
                other => panic!("{other:?}"),
            }
        };
        assert!(load.take(read).await);
    }
    for round in 0..20_000 {
        let number = round % SUBJECTS;
        let base = Base::from(cache.load(&identities[number]).await.unwrap());
        let change = change(number, ChangeKind::Refresh, now + round as u64);
        let written = async { drop(cache.commit(&identities[number], base, &change, None).await.unwrap()) };
        commit.take(written).await;
    }
    println!("a sealed partition has {size} bytes");
    at_most("partition: get from memory, open, parse, find, wipe", &load, 10.0);
    at_most("partition: merge, serialise, seal, put into memory, wipe", &commit, 20.0);
    plain("  the store in memory's part of it: get", &get);
}

/// Signs a user in, as far as the store sees it.
async fn stored(cache: &TokenCache, number: usize, now: u64) {
    let identity = identity_of(number);
    let mut sign_in = change(number, ChangeKind::SignIn, now);
    let whole = partition(number, now);
    for token in whole.section(Section::AccessToken) {
        sign_in.access_token = Some(token.clone());
        let base = Base::from(cache.load(&identity).await.unwrap());
        let committed = cache.commit(&identity, base, &sign_in, None).await.unwrap();
        assert!(matches!(committed, Committed::Stored { .. }));
    }
}

fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL)",
        )
        .unwrap();
    connection
}

async fn put(store: &SqliteStore, key: &Key, value: &Bytes, when: When, expiry: Expiry) -> Version {
    match store.put(key, value.clone(), when, expiry).await.unwrap() {
        Written::Done(version) => version,
        Written::Conflict => unreachable!("nobody else writes"),
    }
}

async fn sqlite() {
    const UPSERT: &str = "INSERT INTO entries (key, value, version) VALUES (?1, ?2, ?3)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version";
    /// Writers at once, and the writes of each in one turn.
    const IN_FLIGHT: usize = 16;
    const EACH: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let connection = bare(&folder.path().join("bare.db"));
    let config = SqliteConfig::new(folder.path().join("store.db"));
    let store = SqliteStore::create(&config, Arc::new(SystemClock)).await.unwrap();
    let slides = Expiry { sliding: Some(Duration::from_secs(90 * 86_400)), absolute: None };
    let keys: Vec<Key> = (0..SUBJECTS).map(|number| identity_of(number).key()).collect();
    let value = |n: usize| Bytes::from(vec![n as u8; 7_000]);
    let mut versions = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        connection.prepare_cached(UPSERT).unwrap().execute((key.as_str(), &value(number)[..], 0)).unwrap();
        versions.push(put(&store, key, &value(number), When::Absent, slides).await);
    }
    // In turns of some length: a thread that sleeps between two calls would be measured instead of the store.
    let (mut upserts, mut puts, mut gets) = (Samples::default(), Samples::default(), Samples::default());
    let (mut shares, mut shares_in_flight) = (Vec::new(), Vec::new());
    for turn in 0..10 {
        let (mut bare_turn, mut store_turn) = (Samples::default(), Samples::default());
        for number in turn * 1_000..(turn + 1) * 1_000 {
            let (key, value) = (keys[number * 37 % SUBJECTS].as_str(), value(number));
            bare_turn
                .time(|| connection.prepare_cached(UPSERT).unwrap().execute((key, &value[..], number as i64)).unwrap());
        }
        for number in turn * 1_000..(turn + 1) * 1_000 {
            let (at, value) = (number * 37 % SUBJECTS, value(number));
            let when = When::Unchanged(versions[at].clone());
            versions[at] = store_turn.take(put(&store, &keys[at], &value, when, slides)).await;
        }
        let writers = keys.chunks(SUBJECTS / IN_FLIGHT).zip(versions.chunks_mut(SUBJECTS / IN_FLIGHT)).take(IN_FLIGHT);
        let writers = writers.map(|(keys, versions)| async {
            for number in 0..EACH {
                let at = number % keys.len();
                let when = When::Unchanged(versions[at].clone());
                versions[at] = put(&store, &keys[at], &value(number), when, slides).await;
            }
        });
        let began = SystemClock.monotonic();
        assert_eq!(join_all(writers).await.len(), IN_FLIGHT);
        let each = (SystemClock.monotonic() - began).as_secs_f64() * 1e6 / (IN_FLIGHT * EACH) as f64;
        shares_in_flight.push(100.0 * bare_turn.mean() / each);
        for number in 0..1_000 {
            let key = &keys[number * 37 % SUBJECTS];
            gets.take(async { assert!(store.get(key).await.unwrap().is_some()) }).await;
        }
        shares.push(100.0 * bare_turn.mean() / store_turn.mean());
        upserts.extend(bare_turn);
        puts.extend(store_turn);
    }
    let (share, share_in_flight) = (median(shares), median(shares_in_flight));
    plain("SQLite: a bare upsert of 7,000 bytes", &upserts);
    plain("SQLite: put(Unchanged) of the same, one at a time", &puts);
    figure("  its calls per second of the bare ones, median of 10 turns", format!("{share:.0} %"), None, "");
    figure(
        "  the same with 16 in flight, median of 10 turns",
        format!("{share_in_flight:.0} %"),
        Some(share_in_flight >= 60.0),
        "at least 60 %",
    );
    plain("SQLite: get", &gets);

    let ring = KeyRing::ephemeral(&OsRandom).unwrap();
    let cache = TokenCache::sealed(Backend::of("sqlite", &Arc::new(store)), ring).build();
    let now = cache.now();
    let number_of = |number: usize| SUBJECTS + number; // users without entries
    for number in 0..SUBJECTS {
        stored(&cache, number_of(number), now).await;
    }
    let mut commits = Samples::default();
    for round in 0..5_000 {
        let number = number_of(round * 37 % SUBJECTS);
        let identity = identity_of(number);
        let base = Base::from(cache.load(&identity).await.unwrap());
        let change = change(number, ChangeKind::Refresh, now + round as u64);
        let activity = activity(number);
        let commit = async { drop(cache.commit(&identity, base, &change, Some(&activity)).await.unwrap()) };
        commits.take(commit).await;
    }
    plain("SQLite: a whole commit with its grant row", &commits);
}

fn activity(number: usize) -> Activity {
    let id = user(number);
    Activity {
        client_id: CLIENT_ID.to_owned(),
        account_id: id.as_str().to_owned(),
        tenant: id.home_tenant().to_owned(),
        username: Some("ada@contoso.example".to_owned()),
        key: identity(Subject::Account(id)).key(),
        kind: GrantKind::Account,
        at: SystemClock.now(),
        sign_in: None,
        expires_at: None,
    }
}

async fn bearer() {
    let world = World::new().await;
    let assertion = world.assertion(&world.entra.user("ada")).await;
    let text = assertion.secret().expose();
    let validator = Validator::new(world.client.discovery().clone(), world.client.client_id(), None);
    validator.validate(text).await.unwrap_or_else(|refused| panic!("{refused:?}"));

    let (signed, signature) = text.rsplit_once('.').unwrap();
    let signature = from_base64url(signature).unwrap();
    let documents = world.client.discovery().metadata().await.unwrap();
    let request = HttpRequest {
        method: absentia::transport::Method::Get,
        url: documents.jwks_uri.clone(),
        headers: vec![],
        body: Default::default(),
    };
    let answer = world.http.send(request).await.unwrap_or_else(|error| panic!("{error}"));
    let keys: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let number = |name: &str| from_base64url(keys["keys"][0][name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let key = key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();

    let (mut validated, mut verified) = (Samples::default(), Samples::default());
    for _ in 0..20_000 {
        verified.time(|| key.verify_sig(signed.as_bytes(), &signature).unwrap());
        validated
            .take(async { drop(validator.validate(text).await.unwrap_or_else(|refused| panic!("{refused:?}"))) })
            .await;
    }
    let ratio = validated.median() / verified.median();
    plain(&format!("bearer token of {} bytes: RS256 verify with a parsed key", text.len()), &verified);
    plain("bearer token: validated, with claims", &validated);
    figure("  ratio of the medians", format!("{ratio:.2}"), Some(ratio <= 1.2), "at most 1.2");
}

async fn emulator() {
    let mut starts = Samples::default();
    for _ in 0..50 {
        starts.take(Emulator::start()).await.stop().await;
    }
    figure("emulator: start in the process", format!("{:.2} ms", starts.median() / 1e3), None, "");
}
