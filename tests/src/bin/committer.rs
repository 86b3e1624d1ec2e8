//! A process to be killed. It commits to an SQLite file that others write too, changes a
//! key ring, or stops at a named point of a commit, a sign-out or the creation of a key ring.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test, seen by whoever started it")]

use std::{
    io::{BufRead as _, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use absentia_cache::{Base, ChangeKind, Committed, Counter, KeyRing, KeyState, OsRandom, Random, Rotated, TokenCache};
use absentia_store::{
    AccountStore as _, Backend, Clock as _, ManualClock, MemoryStore, SystemClock,
    wrap::{Call, Faulty, Gate, Moment, Switches},
};
use absentia_tests::committing;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["commit", file, committer] => commit(Path::new(file), committer).await,
        ["first-write", file, points @ ..] => stop(Path::new(file), Work::FirstWrite, points).await,
        ["sign-out", file, points @ ..] => stop(Path::new(file), Work::SignOut, points).await,
        ["rings", folder, first] => rings(Path::new(folder), first.parse().unwrap()),
        ["rotations", path, seconds] => rotations(Path::new(path), seconds.parse().unwrap()).await,
        ["ring", path, drawn] => ring(Path::new(path), drawn.parse().unwrap()),
        other => panic!("what is {other:?}?"),
    }
}

/// Tells the parent. It reads line by line.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

/// Goes on where it was killed, without end.
async fn commit(file: &Path, committer: &str) {
    let store = committing::open(file).await;
    let cache = committing::cache(file, Backend::of("sqlite", &store));
    let identity = committing::identity(committing::HOME);
    let mut number = committing::number(&cache.load(&identity).await.unwrap(), committer);
    loop {
        number += 1;
        let base = Base::from(cache.load(&identity).await.unwrap());
        let change = committing::change(committing::HOME, ChangeKind::Refresh, committer, number);
        match cache.commit(&identity, base, &change, Some(&committing::activity(committing::HOME, None))).await.unwrap()
        {
            Committed::Stored { .. } => say(&format!("ACK {number} {}", cache.counters().get(Counter::Conflict))),
            other => panic!("{other:?}"),
        }
    }
}

enum Work {
    FirstWrite,
    SignOut,
}

/// Does its work up to each point in turn, says so, and goes on when it is told to.
async fn stop(file: &Path, work: Work, points: &[&str]) {
    let inner = committing::open(file).await;
    let generation = inner.generation(committing::CLIENT, committing::HOME).await.unwrap();
    let store = Arc::new(Faulty::new(inner, Arc::new(SystemClock)));
    let switches = store.switches();
    let backend = Backend {
        entries: store.clone(),
        accounts: Some(store.clone()),
        leases: None,
        scan: None,
        watch: None,
        name: "sqlite".into(),
    };
    let cache = committing::cache(file, backend);
    let mut gates: Vec<(&str, Gate)> = points.iter().map(|point| (*point, hold(&switches, point))).collect();
    let mut work = tokio::spawn(async move {
        match work {
            Work::FirstWrite => {
                let identity = committing::identity(committing::HOME);
                let base = Base::from(cache.load(&identity).await.unwrap());
                let change = committing::change(committing::HOME, ChangeKind::SignIn, "a", 1);
                let activity = committing::activity(committing::HOME, Some(generation));
                match cache.commit(&identity, base, &change, Some(&activity)).await.unwrap() {
                    Committed::Stored { .. } => "STORED",
                    _ => "GONE",
                }
            }
            Work::SignOut => {
                committing::client(&cache).sign_out(&committing::account(committing::HOME)).await.unwrap();
                "SIGNED-OUT"
            }
        }
    });
    for (point, gate) in gates.drain(..) {
        tokio::select! {
            () = gate.reached(1) => say(&format!("AT {point}")),
            // It never came there: the parent hears something else than it expects.
            done = &mut work => return say(done.unwrap()),
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).unwrap();
        gate.release();
    }
    say(work.await.unwrap());
}

fn hold(switches: &Switches, point: &str) -> Gate {
    let (moment, call) = point.split_once('-').unwrap();
    let call = match call {
        "row" => Call::Record,
        "put" => Call::Put,
        "check" => Call::Account,
        "removal" => Call::Remove,
        "revoke" => Call::Revoke,
        "forget" => Call::Forget,
        other => panic!("no call {other}"),
    };
    switches.hold(call, if moment == "before" { Moment::Before } else { Moment::After })
}

/// Creates one ring after another, without end.
fn rings(folder: &Path, first: usize) {
    for number in first.. {
        KeyRing::create(&folder.join(format!("{number}.keys")), SystemClock.now(), &OsRandom).unwrap();
        say(&format!("RING {number}"));
    }
}

/// Adds a key and retires the one before, hour after hour, without end. Time is as many `seconds` as the parent says, and an
/// hour more each time.
async fn rotations(path: &Path, seconds: u64) {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(seconds));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let ring = KeyRing::load(path).unwrap();
    let cache = TokenCache::sealed(Backend::of("memory", &store), ring.clone()).clock(Arc::new(clock.clone())).build();
    loop {
        clock.advance(Duration::from_secs(3_600));
        let Rotated::Added(key) = ring.rotate(clock.now(), &OsRandom).unwrap() else { panic!("a key waits") };
        say(&format!("ADDED {}", key.id));
        clock.advance(Duration::from_secs(3_600));
        for old in ring.keys(clock.now()).unwrap().into_iter().filter(|key| key.state == KeyState::Old) {
            assert_eq!(cache.retire_key(old.id).await.unwrap().kept, None);
            say(&format!("RETIRED {}", old.id));
        }
    }
}

/// Stands still when it is about to draw for the `drawn`th time: before the temporary file, its key id, its key.
fn ring(path: &Path, drawn: u32) {
    struct Still(AtomicU32);
    impl Random for Still {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), absentia::Error> {
            if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
                say("AT draw");
                loop {
                    std::thread::park_timeout(Duration::from_secs(60));
                }
            }
            OsRandom.fill(bytes)
        }
    }
    KeyRing::create(path, SystemClock.now(), &Still(drawn.into())).unwrap();
    say("CREATED");
}
