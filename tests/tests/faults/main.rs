//! What becomes of apps and a worker while their Redis is out of order, and after. What a SQLite file does to them that is
//! locked, full, read-only, damaged or gone stands in `bad_input.rs` and `sqlite.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

mod proxy;
mod scene;
#[path = "../../../stores/redis/tests/support/mod.rs"]
mod support;

use absentia::{CacheLevel, ErrorKind, TokenSource};
use absentia_worker::{FailureKind, Stop};
use proxy::Fault;
use scene::{APP, GRANT_APP, GRANT_OBO, Scene, is_installed};

/// What can be seen of a store in this state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Store {
    /// Nothing is answered.
    Gone,
    /// Answered as always, but late: what is read may come too late.
    Slow,
    /// Reads are answered, writes refused.
    Refuses,
}

/// All that must hold while `begin` is in force, and after `end`.
async fn all_holds(mut scene: Scene, store: Store, begin: impl Fn(&Scene) + Sync, end: impl Fn(&mut Scene)) {
    let (ada, grace) = (scene.account("ada").await, scene.account("grace").await);
    let assertion = scene.world.assertion(&scene.world.entra.user("ada")).await;
    let client = scene.world.client.clone();
    let (apps, obos) = (scene.requests(GRANT_APP), scene.requests(GRANT_OBO));

    // It begins in the middle of a worker's pass: two accounts are held.
    let report = scene.pass(|| begin(&scene)).await;
    assert_eq!(report.counts.claimed, 2, "{report:?}");
    assert!(report.waiting.is_empty(), "{report:?}");
    for acted in &report.acted {
        match (&acted.result, store) {
            (Ok(()), Store::Slow | Store::Refuses) => {}
            (Err(failure), Store::Gone | Store::Slow) => {
                assert_eq!(failure.kind, FailureKind::Unavailable, "{failure:?}")
            }
            (result, _) => panic!("{result:?} of a store that is {store:?}"),
        }
        assert!(!acted.written || store == Store::Slow, "{acted:?}");
    }

    // What memory holds is served, also when it should have been compared with the store long ago.
    for minutes in [0, 3] {
        scene.minutes(minutes);
        let token = client.account(&ada).token("User.Read").await.unwrap();
        assert_eq!(token.metadata().token_source, TokenSource::Cache);
        if store == Store::Gone || minutes == 0 {
            assert_eq!(token.metadata().cache_level, CacheLevel::L1, "after {minutes} minutes");
        }
    }
    // What needs nothing stored is asked of Entra, once.
    for _ in 0..3 {
        client.app().token(APP).await.unwrap();
        client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    }
    assert_eq!((scene.requests(GRANT_APP) - apps, scene.requests(GRANT_OBO) - obos), (1, 1));
    // A worker that comes now marks nobody either.
    scene.minutes(3);
    let report = scene.pass(|| ()).await;
    assert!(report.waiting.is_empty(), "{report:?}");
    match &report.stop {
        Some(Stop::Failed(error)) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        stop => assert_eq!((store, stop.is_none()), (Store::Slow, true), "{report:?}"),
    }
    // A sign-out that was not carried out says so.
    let signed_out = client.sign_out(&grace).await;
    match &signed_out {
        Ok(_) => assert_eq!(store, Store::Slow),
        Err(error) => {
            assert_ne!(store, Store::Slow, "{error}");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
    }

    end(&mut scene);
    // Nobody does anything but to come again.
    scene.minutes(3);
    let other = scene.world.another().client;
    let token = scene.in_the_end("a read", async || other.account(&ada).token("User.Read").await).await;
    assert_eq!((token.metadata().token_source, token.metadata().cache_level), (TokenSource::Cache, CacheLevel::L2));
    scene.in_the_end("a sign-in", async || scene.world.sign_in(&scene.world.entra.user("alan")).await).await;
    let states = scene.states().await;
    // One that failed may have got as far as to revoke her.
    let healthy = states.iter().filter(|state| **state == "healthy").count();
    assert!(states.iter().all(|state| ["healthy", "revoked"].contains(state)), "{states:?}");
    assert!(healthy >= 2 && (healthy == 2 || signed_out.is_err()), "{states:?}");
    scene.minutes(3);
    let report = scene.pass(|| ()).await;
    assert_eq!((report.counts.done, report.stop.is_none()), (healthy as u64, true), "{report:?}");
    assert!(report.acted.iter().all(|acted| acted.written), "{report:?}");
    client.sign_out(&grace).await.unwrap();
    let error = other.account(&grace).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired, "{error}");
}

/// The same, for what the proxy does.
async fn all_holds_while(fault: Fault, store: Store) {
    if !is_installed(&format!("{fault:?}")) {
        return;
    }
    let scene = Scene::new().await;
    let before = scene.proxy.met();
    assert_eq!(before, 0);
    let proxy = scene.proxy.clone();
    all_holds(scene, store, |scene| scene.proxy.begin(fault), |scene| scene.proxy.end()).await;
    assert!(proxy.met() > 0, "{fault:?} was never met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused() {
    all_holds_while(Fault::Refused, Store::Gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_in_the_midst_of_answers() {
    all_holds_while(Fault::Reset, Store::Gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole() {
    all_holds_while(Fault::BlackHole, Store::Gone).await;
}

/// Its calls have shorter limits than its connection: none of them ever learns that nothing will come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_only_reads_leaves_a_dead_connection_behind() {
    if !is_installed("an_app_that_only_reads_leaves_a_dead_connection_behind") {
        return;
    }
    let scene = Scene::new().await;
    let ada = scene.account("ada").await;
    scene.proxy.begin(Fault::BlackHole);
    let other = scene.world.another().client;
    let error = other.account(&ada).token("User.Read").await.unwrap_err();
    assert!(error.to_string().contains("within 500ms"), "{error}");
    scene.proxy.end();
    let token = scene.in_the_end("a read", async || other.account(&ada).token("User.Read").await).await;
    assert_eq!(token.metadata().cache_level, CacheLevel::L2);
    assert!(scene.proxy.met() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_second_late() {
    all_holds_while(Fault::Delay, Store::Slow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_by_drop() {
    all_holds_while(Fault::Drip, Store::Gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_for_a_while() {
    if !is_installed("a_server_that_is_down_for_a_while") {
        return;
    }
    let scene = Scene::new().await;
    let begin = |scene: &Scene| scene.server.lock().unwrap().stop();
    all_holds(scene, Store::Gone, begin, |scene| scene.server.lock().unwrap().begin()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_read_only_for_a_while() {
    if !is_installed("a_server_that_is_read_only_for_a_while") {
        return;
    }
    let nobody = support::free_port().to_string();
    let begin = |scene: &Scene| scene.cli(&["REPLICAOF", "127.0.0.1", &nobody]);
    all_holds(Scene::new().await, Store::Refuses, begin, |scene| scene.cli(&["REPLICAOF", "NO", "ONE"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_out_of_memory_for_a_while() {
    if !is_installed("a_server_that_is_out_of_memory_for_a_while") {
        return;
    }
    let begin = |scene: &Scene| scene.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    all_holds(Scene::new().await, Store::Refuses, begin, |scene| scene.cli(&["CONFIG", "SET", "maxmemory", "0"])).await;
}
