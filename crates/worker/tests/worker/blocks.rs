//! An operator's block.

use std::{future::pending, time::Duration};

use crate::scene::{SCOPE, Scene, ask, once};
use absentia::{
    ErrorKind,
    store::{AccountState, AccountStore as _, Clock as _},
};
use absentia_worker::AbsentUser;

#[tokio::test]
async fn a_blocked_user_is_left_alone_whatever_she_does_until_she_is_unblocked() {
    let scene = Scene::new().await;
    let (ada, _grace) = (scene.sign_in_short("ada").await, scene.sign_in_short("grace").await);
    let client_id = scene.web.client_id();
    scene.store.block(client_id, ada.as_str(), scene.clock.now()).await.unwrap();
    let worker = scene.worker();
    let (acted, requests) = (|report: &absentia_worker::Report<()>| report.acted.len(), scene.token_requests("ada"));
    assert_eq!(acted(&once(&worker).await), 1, "grace's turn all the same");

    scene.sign_in("ada").await;
    let signed_in = scene.token_requests("ada");
    assert_eq!(signed_in, requests + 1);
    scene.pass(Duration::from_secs(60));
    let report = once(&worker).await;
    assert_eq!((acted(&report), report.counts.waiting), (1, 0), "a block is no wait for a sign-in");
    assert_eq!(scene.account(&ada).await.state(), AccountState::Blocked);
    assert_eq!(scene.token_requests("ada"), signed_in);
    // In her presence she is served.
    scene.web.account(&ada).token(SCOPE).await.unwrap();

    scene.pass(Duration::from_secs(60));
    scene.store.unblock(client_id, ada.as_str(), scene.clock.now()).await.unwrap();
    scene.pass(Duration::from_secs(1));
    assert_eq!(once(&worker).await.counts.done, 2);
}

#[tokio::test]
async fn who_is_blocked_during_the_work_gives_no_more_tokens_and_the_outcome_is_discarded() {
    let scene = Scene::new().await;
    let ada = scene.sign_in("ada").await;
    let report = scene
        .worker()
        .lease(Duration::from_secs(60))
        .once(pending(), |absent: AbsentUser| {
            let (scene, ada) = (&scene, &ada);
            async move {
                ask(absent.clone()).await?;
                scene.store.block(scene.web.client_id(), ada.as_str(), scene.clock.now()).await.unwrap();
                // Let the renewal go to sleep, then let its time come.
                while scene.clock.sleepers() == 0 {
                    tokio::task::yield_now().await;
                }
                scene.clock.advance(Duration::from_secs(20));
                tokio::task::yield_now().await;
                let refused = ask(absent).await.expect_err("she is not held any more");
                assert_eq!(refused.kind(), ErrorKind::Rejected);
                assert!(refused.to_string().contains("blocked"), "{refused}");
                Ok(())
            }
        })
        .await;
    assert_eq!((report.counts.done, report.counts.superseded), (1, 1), "{:?}", report.acted[0].result);
    assert!(!report.acted[0].written);
    assert_eq!(scene.account(&ada).await.state(), AccountState::Blocked);
}
