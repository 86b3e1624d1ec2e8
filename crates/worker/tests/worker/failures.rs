//! What goes wrong without being the account's fault.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::scene::{Scene, after, ask, once, only_failure};
use absentia::{
    Error, ErrorKind,
    store::{
        AccountStore as _, Activity, Backend, Clock as _, GrantKind, Key, When,
        wrap::{Call, Faulty, Moment},
    },
};
use absentia_emulator::Outage;
use absentia_worker::{AbsentUser, FailureKind, Stop};

#[tokio::test]
async fn throttled_and_unanswered_accounts_have_exactly_their_retry_time_and_nobody_is_marked() {
    for (status, kind, wait) in [(429, FailureKind::Throttled, 77), (503, FailureKind::Unavailable, 120)] {
        let scene = Scene::new().await;
        let ada = scene.sign_in_short("ada").await;
        scene.entra.set_outage(Some(Outage { status, retry_after: Some(wait) }));
        let report = once(&scene.worker()).await;
        let failure = only_failure(&report);
        let due = after(scene.clock.now(), wait);
        assert_eq!((failure.kind, failure.retry_at), (kind, Some(due)));
        let account = scene.account(&ada).await;
        assert_eq!((account.due_at, account.attempts), (due, u32::from(status == 503)));
        assert!(scene.is_healthy(&ada).await);
        assert!(report.waiting.is_empty());
        scene.entra.set_outage(None);
        scene.pass(Duration::from_secs(wait));
        assert_eq!(once(&scene.worker()).await.counts.done, 1);
        assert_eq!(scene.account(&ada).await.attempts, 0);
    }
}

#[tokio::test]
async fn pauses_double_up_to_an_hour_and_attempts_are_capped() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    let worker = scene.worker().every(Duration::from_secs(7_200));
    for (attempt, pause) in [30, 60, 120, 240, 480, 960, 1_920, 7_200, 7_200].into_iter().enumerate() {
        let report = worker.once(pending(), |_| async { Err::<(), _>(Error::new(ErrorKind::Rejected, "no")) }).await;
        assert_eq!(only_failure(&report).kind, FailureKind::Rejected);
        let account = scene.account(&ada).await;
        assert_eq!(account.due_at, after(scene.clock.now(), pause), "{attempt}");
        assert_eq!(account.attempts, (attempt as u32 + 1).min(8));
        scene.clock.advance(Duration::from_secs(1));
    }
    // A throttling is no failed attempt, and without a time it is a minute.
    let report = worker.once(pending(), |_| async { Err::<(), _>(Error::new(ErrorKind::Throttled, "slow")) }).await;
    assert_eq!(only_failure(&report).retry_at, Some(after(scene.clock.now(), 60)));
    assert_eq!(scene.account(&ada).await.attempts, 8);
}

#[tokio::test]
async fn a_store_that_does_not_answer_marks_nobody() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    let clock = Arc::new(scene.clock.clone());
    let entries = Faulty::new(scene.store.clone(), clock.clone());
    let switches = entries.switches();
    let backend = Backend { entries: Arc::new(entries), ..scene.backend() };
    let worker = scene.worker_over(backend);
    switches.fail_reads(absentia::store::ErrorKind::Unavailable);
    let report = once(&worker).await;
    assert_eq!(only_failure(&report).kind, FailureKind::Unavailable);
    assert!(scene.is_healthy(&ada).await);
    assert!(report.waiting.is_empty() && report.stop.is_none());
    switches.heal();
    scene.pass(Duration::from_secs(1));
    assert_eq!(once(&worker).await.counts.done, 1);

    // The account store itself: the pass says so and ends.
    let accounts = Faulty::new(scene.store.clone(), clock);
    let switches = accounts.switches();
    let worker = scene.worker_over(Backend { accounts: Some(Arc::new(accounts)), ..scene.backend() });
    scene.pass(Duration::from_secs(1));
    switches.fail_writes(absentia::store::ErrorKind::Unavailable);
    let report = once(&worker).await;
    let Some(Stop::Failed(error)) = &report.stop else { panic!("{:?}", report.stop) };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(scene.is_healthy(&ada).await);
}

#[tokio::test]
async fn a_panic_is_one_accounts_failure() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    scene.sign_in("grace").await;
    let report = scene
        .worker()
        .once(pending(), |absent: AbsentUser| async move {
            assert!(!absent.account().username.starts_with("ada"), "I do not like this one");
            ask(absent).await
        })
        .await;
    assert_eq!((report.counts.done, report.counts.failed), (1, 1));
    let failure = only_failure(&report);
    assert_eq!(failure.kind, FailureKind::Panicked);
    assert!(failure.message.contains("I do not like this one"));
}

#[tokio::test]
async fn a_stalled_worker_is_overtaken_and_its_outcome_discarded() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    let accounts = Faulty::new(scene.store.clone(), Arc::new(scene.clock.clone()));
    // Its renewals do not get through, as if the process stood still.
    let gate = accounts.switches().hold(Call::Renew, Moment::Before);
    let stalled = scene.worker_over(Backend { accounts: Some(Arc::new(accounts)), ..scene.backend() });
    let other = scene.worker();
    let report = stalled
        .once(pending(), |absent: AbsentUser| {
            let (scene, other) = (&scene, &other);
            async move {
                // While its lease holds, nobody else gets the account.
                scene.pass(Duration::from_secs(59));
                assert_eq!(once(other).await.counts.claimed, 0);
                scene.pass(Duration::from_secs(2));
                assert_eq!(once(other).await.counts.done, 1);
                ask(absent).await?;
                Err::<(), _>(Error::interaction_required("too late"))
            }
        })
        .await;
    drop(gate);
    assert_eq!((report.counts.superseded, report.acted[0].written), (1, false));
    assert!(scene.is_healthy(&ada).await);
}

#[tokio::test]
async fn a_dead_worker_is_replaced_when_its_lease_ends() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    let (dying, other) = (scene.worker().lease(Duration::from_secs(90)), scene.worker());
    let began = tokio::sync::Notify::new();
    let work = dying.once(pending(), |_| async {
        began.notify_one();
        pending::<Result<(), Error>>().await
    });
    tokio::select! {
        report = work => panic!("it ended: {report:?}"),
        () = began.notified() => {}
    }
    scene.pass(Duration::from_secs(89));
    assert_eq!(once(&other).await.counts.claimed, 0);
    scene.pass(Duration::from_secs(1));
    let report = once(&other).await;
    assert_eq!((report.counts.done, report.counts.superseded), (1, 0));
}

#[tokio::test]
async fn a_claim_is_renewed_while_the_function_runs() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    let other = scene.worker();
    let report = scene
        .worker()
        .lease(Duration::from_secs(60))
        .once(pending(), |absent: AbsentUser| {
            let (scene, other) = (&scene, &other);
            async move {
                for _ in 0..20 {
                    // Let the renewal go to sleep, then let its time come.
                    while scene.clock.sleepers() == 0 {
                        tokio::task::yield_now().await;
                    }
                    scene.clock.advance(Duration::from_secs(20));
                    tokio::task::yield_now().await;
                    assert_eq!(once(other).await.counts.claimed, 0);
                }
                ask(absent).await
            }
        })
        .await;
    assert_eq!((report.counts.done, report.counts.superseded), (1, 0));
}

#[tokio::test]
async fn accounts_of_other_clients_are_skipped_and_counted() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    let activity = Activity {
        client_id: "99999999-1234-4567-89ab-000000000009".into(),
        account_id: "a.b".into(),
        tenant: "b".into(),
        username: Some("eve@other.example".into()),
        key: Key::new("other/a.b"),
        kind: GrantKind::Account,
        at: scene.clock.now() - Duration::from_secs(600),
        sign_in: Some(0),
        expires_at: None,
    };
    scene.store.record(&activity).await.unwrap();
    let report = once(&scene.worker()).await;
    assert_eq!((report.counts.claimed, report.counts.done, report.counts.foreign), (1, 1, 1));
}

/// Accounts whose entries are missing, from 1 on.
async fn ghosts(scene: &Scene, count: usize) {
    for number in 1..=count {
        let activity = Activity {
            client_id: scene.web.client_id().into(),
            account_id: format!("00000000-0000-4000-8000-{number:012}.{}", scene.entra.tenant_id()),
            tenant: scene.entra.tenant_id().into(),
            username: Some(format!("ghost-{number}")),
            key: Key::new(format!("{}/ghost-{number}", scene.web.client_id())),
            kind: GrantKind::Account,
            at: scene.clock.now(),
            sign_in: Some(0),
            expires_at: None,
        };
        scene.store.record(&activity).await.unwrap();
    }
    scene.pass(Duration::from_secs(1));
}

#[tokio::test]
async fn too_many_at_once_stop_the_worker_before_it_marks_everybody() {
    let scene = Scene::new().await;
    ghosts(&scene, 10).await;
    let report = once(&scene.worker()).await;
    assert_eq!((report.counts.failed, report.stop.is_none()), (10, true), "ten may fail");

    let scene = Scene::new().await;
    ghosts(&scene, 30).await;
    let report = once(&scene.worker().at_once(4)).await;
    let Some(stop @ Stop::Safety { batch, reason, .. }) = &report.stop else { panic!("{:?}", report.stop) };
    assert_eq!((*batch, reason.as_str()), (30, "entry_missing"));
    assert!(stop.to_string().contains("key ring"), "{stop}");
    assert_eq!(report.counts.claimed, report.counts.failed + report.counts.released);
    let marked =
        absentia::store::AccountQuery { state: Some(absentia::store::AccountState::NeedsSignIn), ..Default::default() };
    assert_eq!(scene.store.accounts(&marked).await.unwrap().len(), 10, "whoever came after the limit is spared");
}

#[tokio::test]
async fn a_wrong_key_ring_loses_nobody() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    // What is stored is no partition, as if it were sealed under another ring.
    let key = scene.account(&ada).await.grants[0].key.clone();
    let entry = scene.backend().entries.get(&key).await.unwrap().unwrap();
    let (when, foreign) = (When::Unchanged(entry.version), b"sealed under another ring".as_slice().into());
    scene.backend().entries.put(&key, foreign, when, entry.expiry).await.unwrap();
    let report = once(&scene.worker()).await;
    let failure = only_failure(&report);
    assert_eq!((failure.kind, failure.reason.as_str()), (FailureKind::Unreadable, "unreadable"));
    assert_eq!(failure.retry_at, Some(after(scene.clock.now(), 30)));
    assert!(scene.is_healthy(&ada).await);
}

#[tokio::test]
async fn a_shutdown_finishes_the_account_in_hand_and_lets_the_others_go() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    let grace = scene.sign_in("grace").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let report = scene
        .worker()
        .at_once(1)
        .once(stop.clone().cancelled_owned(), |absent: AbsentUser| {
            stop.cancel();
            ask(absent)
        })
        .await;
    assert_eq!((report.counts.claimed, report.counts.done, report.counts.released), (2, 1, 1));
    assert!(report.stop.is_none());
    assert_eq!(scene.account(&grace).await.leased_until, None);
}

#[tokio::test]
async fn run_acts_when_an_account_is_due_and_ends_at_the_shutdown() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let passes = AtomicUsize::new(0);
    let worker = scene.worker().every(Duration::from_secs(1_000)).poll(Duration::from_secs(10));
    let run = worker.run_reporting(stop.clone().cancelled_owned(), ask, |report| {
        assert_eq!(report.counts.done, 1);
        if passes.fetch_add(1, Ordering::Relaxed) == 1 {
            stop.cancel();
        }
    });
    let time = async {
        while !stop.is_cancelled() {
            if scene.clock.sleepers() > 0 {
                scene.clock.advance(Duration::from_secs(10));
            }
            tokio::task::yield_now().await;
        }
    };
    let began = scene.clock.now();
    let (ended, ()) = tokio::join!(run, time);
    ended.unwrap();
    assert_eq!(passes.load(Ordering::Relaxed), 2);
    let took = scene.clock.now().duration_since(began).unwrap().as_secs();
    assert!((900..=1_200).contains(&took), "{took}");
    assert!(scene.account(&ada).await.leased_until.is_none());
}

#[tokio::test]
async fn a_client_that_makes_users_look_active_is_refused() {
    let scene = Scene::new().await;
    let report = once(&absentia_worker::Worker::new(&scene.web)).await;
    let Some(Stop::Failed(error)) = &report.stop else { panic!("{:?}", report.stop) };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(".background()"), "{error}");
}

#[tokio::test]
async fn only_the_idle_and_only_the_named() {
    let scene = Scene::new().await;
    scene.sign_in("ada").await;
    scene.sign_in("grace").await;
    assert_eq!(once(&scene.worker().idle(Duration::from_secs(30))).await.counts.claimed, 0);
    assert_eq!(once(&scene.worker().user("ADA@contoso.example")).await.counts.claimed, 1);
    scene.pass(Duration::from_secs(31));
    assert_eq!(once(&scene.worker().idle(Duration::from_secs(30))).await.counts.claimed, 2);
}
