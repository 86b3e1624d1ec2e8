//! `l1_hits SUBJECTS HITS`: hits in memory and nothing else, for `tests/gates.rs` to count their instructions.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed measurement")]

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use absentia::TokenAcquirer;
use absentia_benches::{SCOPES, client, counted, fill, user};
use absentia_cache::{KeyRing, SequentialRandom, TokenCache};
use absentia_store::{Backend, ManualClock, MemoryStore};

/// How many different subjects are asked for, of however many memory holds.
const ASKED: usize = 500;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (subjects, hits) = (arguments.next().unwrap(), arguments.next().unwrap());
    // It stands still: how long the set-up takes under an emulated processor must not make tokens old.
    let clock = Arc::new(ManualClock::at(std::time::UNIX_EPOCH + Duration::from_secs(1_790_000_000)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let ring = KeyRing::ephemeral(&SequentialRandom::default()).unwrap();
    let cache = TokenCache::sealed(Backend::of("memory", &store), ring)
        .clock(clock)
        .random(Arc::new(SequentialRandom::default()))
        .build();
    let client = client(&cache);
    fill(&cache, &client, subjects, 16);
    assert_eq!(cache.memory_size().0, subjects);
    let asked = subjects.min(ASKED);
    let acquirers: Vec<TokenAcquirer> = (0..asked).map(|n| client.account(&user(n * (subjects / asked)))).collect();
    counted(|| ask(&acquirers, hits));
}

fn ask(acquirers: &[TokenAcquirer], hits: usize) {
    let mut context = Context::from_waker(Waker::noop());
    for acquirer in acquirers.iter().cycle().take(hits) {
        let answer = pin!(acquirer.token(SCOPES).into_future()).poll(&mut context);
        assert!(matches!(answer, Poll::Ready(Ok(_))), "not from memory");
    }
}
