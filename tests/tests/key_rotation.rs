//! The life of our ring's keys while several processes use it: rotated and retired with no failed call.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia::{
    Counter, Kept, KeyId, KeyRing, KeyState, Rotated, TokenCache,
    store::{Backend, Clock as _, Expiry, Key, SystemClock, When},
};
use absentia_cache::OsRandom;
use absentia_emulator::Emulator;
use absentia_store::ManualClock;
use absentia_tests::{Process, SqliteFile, World, while_time_passes};
use bytes::Bytes;

const APP: &str = "https://graph.microsoft.com/.default";

/// Another process: connections, a ring and a client of its own. Without memory each call opens what is stored.
async fn process(world: &World, file: &SqliteFile, ring: &Path, memory: u64) -> Process {
    let backend = file.open(&world.clock).await;
    let cache = TokenCache::sealed(backend, KeyRing::load(ring).unwrap());
    world.process(cache.clock(Arc::new(world.clock.clone())).memory_limit(memory).build())
}

/// Every entry, and the key it is sealed under.
async fn sealed(backend: &Backend) -> Vec<(Key, [u8; 8])> {
    let keys = backend.scan.as_ref().unwrap().scan(None, 1_000).await.unwrap();
    let entries = backend.entries.get_many(&keys).await.unwrap();
    keys.into_iter().zip(entries).map(|(key, entry)| (key, entry.unwrap().value[3..11].try_into().unwrap())).collect()
}

fn keys(ring: &Path, now: SystemTime) -> Vec<(KeyId, KeyState)> {
    KeyRing::load(ring).unwrap().keys(now).unwrap().iter().map(|key| (key.id, key.state)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_a_key_is_rotated_and_retired() {
    let clock = ManualClock::at(SystemClock.now());
    let file = SqliteFile::create(&clock, |_| {}).await;
    let ring = file.config.path.with_extension("keys");
    KeyRing::create(&ring, clock.now(), &OsRandom).unwrap();
    let backend = file.open(&clock).await;
    let world = Arc::new(World::under(KeyRing::load(&ring).unwrap(), Emulator::start().await, backend, clock.clone()));
    let [(first, KeyState::Active)] = keys(&ring, clock.now())[..] else { panic!("not one key") };
    let mut users = Vec::new();
    for name in ["ada", "grace"] {
        let user = world.entra.user(name);
        world.sign_in(&user).await.unwrap();
        users.push(world.id(&user));
    }
    // What a web app keeps beside the cache's own, and what nobody can open.
    let now = clock.now();
    let session = Key::new(format!("{}/session/{}", "c".repeat(36), "s".repeat(43)));
    let value = world.ring.seal_entry(&session, b"on", now, &OsRandom).unwrap();
    let mut damaged = value.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let seconds = now.duration_since(UNIX_EPOCH).unwrap().as_secs(); // a store may keep less than a clock says
    let never = Expiry { sliding: None, absolute: Some(UNIX_EPOCH + Duration::from_secs(seconds + 86_400)) };
    for (key, value) in [(&session, value), (&Key::new("damaged"), damaged)] {
        world.backend.entries.put(key, Bytes::from(value), When::Absent, never).await.unwrap();
    }

    let stop = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicUsize::new(0));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let (mut caches, mut tasks) = (Vec::new(), Vec::new());
    for memory in [0, 0, 1_000_000] {
        let process = process(&world, &file, &ring, memory).await;
        caches.push(process.cache);
        let acquirers = users.iter().map(|id| (process.client.account(id), "User.Read"));
        for (acquirer, scopes) in acquirers.chain([(process.client.app(), APP)]) {
            let (stop, calls, failed) = (stop.clone(), calls.clone(), failed.clone());
            tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = acquirer.token(scopes).await {
                        failed.lock().unwrap().push(error.to_string());
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            }));
        }
    }
    // In steps in which Entra's clock and ours do not come apart. In each of them calls begin and end.
    let pass = async |minutes: usize| {
        for _ in 0..minutes {
            let before = calls.load(Ordering::Relaxed);
            world.advance(Duration::from_secs(60));
            while calls.load(Ordering::Relaxed) < before + 50 {
                while_time_passes(&clock, SystemClock.sleep(Duration::from_millis(1))).await;
            }
        }
    };
    pass(5).await;
    let Rotated::Added(next) = KeyRing::load(&ring).unwrap().rotate(clock.now(), &OsRandom).unwrap() else {
        panic!("another key waits")
    };
    // A process like the command's own, over connections of its own.
    let operator = process(&world, &file, &ring, 0).await.cache;
    assert_eq!(operator.retire_key(first).await.unwrap().kept, Some(Kept::Seals));
    assert_eq!(operator.retire_key(next.id).await.unwrap().kept, Some(Kept::Next));
    pass(12).await;
    assert_eq!(keys(&ring, clock.now()), [(first, KeyState::Old), (next.id, KeyState::Active)]);
    let until = next.active_from + Duration::from_secs(600);
    assert_eq!(operator.retire_key(first).await.unwrap().kept, Some(Kept::Until(until)));
    // What is written now is under the next key; what is only read is not.
    let alan = world.entra.user("alan");
    world.sign_in(&alan).await.unwrap();
    pass(12).await;
    let under: Vec<[u8; 8]> = sealed(&world.backend).await.into_iter().map(|(_, id)| id).collect();
    assert!(under.contains(&first.bytes()) && under.contains(&next.id.bytes()), "{under:?}");
    let counts = operator.entries_by_key().await.unwrap();
    assert_eq!(counts.values().sum::<usize>(), under.len());
    assert_eq!(counts[&first], under.iter().filter(|id| **id == first.bytes()).count());

    let retired = while_time_passes(&clock, operator.retire_key(first)).await.unwrap();
    assert_eq!((retired.kept, retired.unreadable, retired.resealed + 1), (None, 1, counts[&first]));
    pass(5).await;
    assert_eq!(keys(&ring, clock.now()), [(next.id, KeyState::Active)]);
    for (key, id) in sealed(&world.backend).await {
        assert_eq!(id == next.id.bytes(), key.as_str() != "damaged", "{key}");
    }
    // Past the life of the tokens, and of what processes still knew of the retired key.
    pass(90).await;
    stop.store(true, Ordering::Relaxed);
    while_time_passes(&clock, async {
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
    assert_eq!(*failed.lock().unwrap(), Vec::<String>::new(), "of {calls:?} calls");
    let count = |counter| caches.iter().map(|cache| cache.counters().get(counter)).sum::<u64>();
    assert_eq!((count(Counter::Unreadable), count(Counter::UnknownKey)), (0, 0));
    assert!(count(Counter::L2Hit) > 1_000 && count(Counter::Redeemed) >= 6, "{:?}", caches[0].counters());
    let entry = world.backend.entries.get(&session).await.unwrap().unwrap();
    let ring = KeyRing::load(&ring).unwrap();
    assert_eq!(&ring.open_entry(&session, &entry.value, clock.now()).unwrap()[..], b"on");
    assert_eq!(entry.expiry.absolute, never.absolute);
    eprintln!("{calls:?} calls, {} from the store, {} refreshes", count(Counter::L2Hit), count(Counter::Redeemed));
}
