//! Which grant serves, and what becomes of those that do not.

use std::{future::pending, sync::Arc, time::Duration};

use crate::scene::{SCOPE, Scene, once, only_failure};
use absentia::{
    Entra, Error, ErrorKind, TokenSource,
    store::{Clock as _, GrantKind},
};
use absentia_worker::{AbsentUser, FailureKind};

#[tokio::test]
async fn the_users_own_sign_in_serves_and_leaves_her_as_idle_as_she_was() {
    let scene = Scene::new().await;
    let ada = scene.sign_in_short("ada").await;
    let before = scene.account(&ada).await;
    let report = once(&scene.worker()).await;
    let acted = &report.acted[0];
    assert_eq!((acted.grant, acted.token_source), (Some(GrantKind::Account), Some(TokenSource::IdentityProvider)));
    assert_eq!((acted.username.as_str(), acted.written), ("ada@contoso.example", true));
    assert!(acted.scopes.iter().any(|scope| scope == SCOPE) && acted.expires_on.is_some());
    let after = scene.account(&ada).await;
    assert_eq!((after.last_activity, after.attempts, after.leased_until), (before.last_activity, 0, None));
    // Due again after an hour, give or take a tenth.
    let due = after.due_at.duration_since(scene.clock.now()).unwrap().as_secs();
    assert!((3_240..=3_960).contains(&due), "{due}");
}

#[tokio::test]
async fn a_revoked_user_is_reported_left_alone_and_well_again_after_a_sign_in() {
    let scene = Scene::new().await;
    let (ada, grace) = (scene.sign_in_short("ada").await, scene.sign_in_short("grace").await);
    scene.entra.revoke_sessions(&scene.entra.user("ada"));
    let worker = scene.worker();
    let report = once(&worker).await;
    assert_eq!((report.counts.done, report.counts.failed, report.counts.waiting), (1, 1, 0));
    let failure = only_failure(&report);
    assert_eq!((failure.kind, failure.reason.as_str()), (FailureKind::NeedsSignIn, "AADSTS50173"));
    assert_eq!(failure.retry_at, None);
    assert_eq!(scene.states(&ada).await, [(GrantKind::Account, "AADSTS50173".to_owned())]);
    assert!(scene.is_healthy(&grace).await);

    let (since, requests) = (scene.clock.now(), scene.token_requests("ada"));
    scene.pass(Duration::from_secs(600));
    let report = once(&worker).await;
    assert_eq!((report.counts.done, report.counts.failed, report.counts.waiting), (1, 0, 1));
    assert_eq!((report.waiting[0].reason.as_str(), report.waiting[0].since), ("AADSTS50173", since));
    assert_eq!(scene.token_requests("ada"), requests, "she was asked for again");

    scene.sign_in("ada").await;
    let report = once(&worker).await;
    assert_eq!((report.counts.done, report.counts.waiting), (2, 0));
    assert!(scene.is_healthy(&ada).await);
}

#[tokio::test]
async fn a_long_running_process_serves_where_the_sign_in_is_gone() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    scene.start_long_running("ada", &ada).await;
    scene.delete_entry(&ada).await;
    let report = once(&scene.worker()).await;
    assert_eq!(report.counts.done, 1, "{:?}", report.acted);
    assert_eq!(report.acted[0].grant, Some(GrantKind::LongRunning));
    let expected = [(GrantKind::Account, "entry_missing".to_owned()), (GrantKind::LongRunning, "healthy".to_owned())];
    assert_eq!(scene.states(&ada).await, expected);
    // The next pass goes straight to what works.
    scene.pass(Duration::from_secs(1));
    assert_eq!(once(&scene.worker()).await.counts.done, 1);
}

#[tokio::test]
async fn a_challenge_that_nothing_satisfies_tries_every_grant_and_keeps_the_claims() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    scene.start_long_running("ada", &ada).await;
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let report = scene
        .worker()
        .once(pending(), |absent: AbsentUser| {
            let calls = calls.clone();
            async move {
                let token = absent.token(SCOPE).await?;
                calls.lock().unwrap().push(token.secret().clone());
                let said = Entra {
                    error: Some("insufficient_claims".into()),
                    claims: Some(claims.into()),
                    ..Entra::default()
                };
                Err::<(), _>(Error::interaction_required("The API wants more").said(said))
            }
        })
        .await;
    assert_eq!(calls.lock().unwrap().len(), 2, "one call per grant");
    assert_eq!(only_failure(&report).kind, FailureKind::NeedsSignIn);
    assert_eq!(only_failure(&report).reason, "insufficient_claims");
    scene.pass(Duration::from_secs(1));
    let report = once(&scene.worker()).await;
    assert_eq!(report.waiting[0].claims.as_deref(), Some(claims));
}

#[tokio::test]
async fn a_sign_in_during_the_work_is_not_undone_by_its_outcome() {
    let scene = Scene::new().await;
    let ada = scene.sign_in_short("ada").await;
    scene.entra.revoke_sessions(&scene.entra.user("ada"));
    let scene = Arc::new(scene);
    let report = scene
        .worker()
        .once(pending(), |absent: AbsentUser| {
            let scene = scene.clone();
            async move {
                let refused = absent.token(SCOPE).await.map(drop);
                scene.sign_in("ada").await; // she comes back before the outcome is written
                refused
            }
        })
        .await;
    assert_eq!(only_failure(&report).reason, "AADSTS50173");
    assert!(scene.is_healthy(&ada).await, "{:?}", scene.states(&ada).await);
}

#[tokio::test]
async fn a_user_who_signs_out_during_the_work_stays_signed_out() {
    let scene = Arc::new(Scene::new().await);
    let ada = scene.sign_in("ada").await;
    let report = scene
        .worker()
        .once(pending(), |absent: AbsentUser| {
            let (scene, ada) = (scene.clone(), ada.clone());
            async move {
                absent.token(SCOPE).await?;
                scene.web.sign_out(&ada).await.map(drop)
            }
        })
        .await;
    assert_eq!((report.counts.superseded, report.acted[0].written), (1, false));
    assert!(scene.account(&ada).await.revoked_at.is_some());
}

#[tokio::test]
async fn a_set_up_that_is_wrong_stops_the_worker_and_marks_nobody() {
    let scene = Scene::new().await;
    let (ada, grace) = (scene.sign_in_short("ada").await, scene.sign_in_short("grace").await);
    let worker = scene.worker_with_secret("not-the-secret").at_once(1);
    let report = once(&worker).await;
    assert_eq!((report.counts.failed, report.counts.released), (1, 1));
    let Some(absentia_worker::Stop::Failed(error)) = &report.stop else { panic!("{:?}", report.stop) };
    assert_eq!((error.kind(), error.aadsts()), (ErrorKind::Config, Some(7_000_215)));
    assert!(scene.is_healthy(&ada).await && scene.is_healthy(&grace).await);
    // Both are due at once for a worker with the right one.
    assert_eq!(scene.account(&ada).await.due_at, scene.clock.now());
    assert_eq!(scene.account(&grace).await.due_at, scene.clock.now());
    scene.pass(Duration::from_secs(1));
    assert_eq!(once(&scene.worker()).await.counts.done, 2);
}
