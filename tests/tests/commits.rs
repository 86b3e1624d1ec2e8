//! A sign-in under way while its user signs out, and what others commit meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::sync::Arc;

use absentia::TokenCache;
use absentia_cache::{Base, ChangeKind, Committed, Loaded};
use absentia_store::{
    AccountStore as _, Backend, MemoryStore, SystemClock,
    wrap::{Call, Faulty, Moment, Switches},
};
use absentia_tests::committing::{self, CLIENT, HOME};

/// Two processes over one store, one of which can be held.
struct Processes {
    store: Arc<MemoryStore>,
    held: TokenCache,
    switches: Switches,
    free: TokenCache,
}

impl Processes {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let faulty = Arc::new(Faulty::new(store.clone(), Arc::new(SystemClock)));
        let switches = faulty.switches();
        let backend = Backend {
            entries: faulty.clone(),
            accounts: Some(faulty),
            leases: None,
            scan: None,
            watch: None,
            name: "held".into(),
        };
        let free = TokenCache::plain(Backend::of("memory", &store)).build();
        Self { store, held: TokenCache::plain(backend).build(), switches, free }
    }

    async fn load(&self) -> Loaded {
        self.free.load(&committing::identity(HOME)).await.unwrap()
    }
}

async fn commit(cache: &TokenCache, kind: ChangeKind, committer: &str, generation: Option<u64>) -> Committed {
    let identity = committing::identity(HOME);
    let base = Base::from(cache.load(&identity).await.unwrap());
    let change = committing::change(HOME, kind, committer, 1);
    let activity = committing::activity(HOME, generation);
    cache.commit(&identity, base, &change, Some(&activity)).await.unwrap()
}

/// A sign-in that has written its row and is about to write its entry when the user signs out.
async fn signed_out_amid(processes: &Processes) -> (tokio::task::JoinHandle<Committed>, absentia_store::wrap::Gate) {
    let generation = processes.store.generation(CLIENT, HOME).await.unwrap();
    let gate = processes.switches.hold(Call::Put, Moment::Before);
    let cache = processes.held.clone();
    let sign_in = tokio::spawn(async move { commit(&cache, ChangeKind::SignIn, "a", Some(generation)).await });
    gate.reached(1).await;
    committing::client(&processes.free).sign_out(&committing::account(HOME)).await.unwrap();
    (sign_in, gate)
}

#[tokio::test]
async fn a_sign_in_that_a_sign_out_ended_is_taken_back_with_what_others_added_to_it() {
    let processes = Processes::new();
    let (sign_in, before) = signed_out_amid(&processes).await;
    let after = processes.switches.hold(Call::Put, Moment::After);
    before.release();
    after.reached(1).await;
    // She is signing in again, so that a refresh counts as hers; it finds the entry of the ended sign-in.
    let generation = processes.store.generation(CLIENT, HOME).await.unwrap();
    processes.store.record(&committing::activity(HOME, Some(generation))).await.unwrap();
    let refreshed = commit(&processes.free, ChangeKind::Refresh, "b", None).await;
    assert!(matches!(refreshed, Committed::Stored { .. }), "{refreshed:?}");
    after.release();
    assert!(matches!(sign_in.await.unwrap(), Committed::Gone));
    assert!(matches!(processes.load().await, Loaded::Absent));
}

#[tokio::test]
async fn a_sign_in_that_a_sign_out_ended_does_not_replace_a_newer_one() {
    let processes = Processes::new();
    let (sign_in, gate) = signed_out_amid(&processes).await;
    let generation = processes.store.generation(CLIENT, HOME).await.unwrap();
    let newer = commit(&processes.free, ChangeKind::SignIn, "b", Some(generation)).await;
    assert!(matches!(newer, Committed::Stored { .. }), "{newer:?}");
    gate.release();
    assert!(matches!(sign_in.await.unwrap(), Committed::Gone));
    let loaded = processes.load().await;
    assert_eq!((committing::number(&loaded, "a"), committing::number(&loaded, "b")), (0, 1));
}

#[tokio::test]
async fn a_newer_sign_in_on_top_of_one_that_was_ended_stays() {
    let processes = Processes::new();
    let (sign_in, before) = signed_out_amid(&processes).await;
    let after = processes.switches.hold(Call::Put, Moment::After);
    before.release();
    after.reached(1).await;
    let generation = processes.store.generation(CLIENT, HOME).await.unwrap();
    commit(&processes.free, ChangeKind::SignIn, "b", Some(generation)).await;
    after.release();
    assert!(matches!(sign_in.await.unwrap(), Committed::Gone));
    assert_eq!(committing::number(&processes.load().await, "b"), 1);
}
