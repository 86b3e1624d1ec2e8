//! Laws of [`AccountStore`]: which worker holds which account.

use std::{collections::HashSet, time::Duration};

use tokio::task::JoinSet;

use super::{
    Fixture,
    accounts::{ADA, CLIENT, a_sign_in, a_use, at, break_grants, grant, read, record},
    polled,
};
use crate::{AccountState, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, GrantState, Key, Recorded};

const LEASE: Duration = Duration::from_secs(60);

/// Due accounts that were idle for 30 s at `seconds`.
fn due(seconds: u64) -> ClaimRequest {
    ClaimRequest {
        client_id: CLIENT.to_owned(),
        idle_before: at(seconds) - Duration::from_secs(30),
        pass: None,
        username: None,
        lease: LEASE,
        limit: 100,
    }
}

async fn claim(accounts: &dyn AccountStore, request: &ClaimRequest, seconds: u64) -> Vec<Claim> {
    accounts.claim(request, at(seconds)).await.expect("claim is answered")
}

async fn claimed(accounts: &dyn AccountStore, request: &ClaimRequest, seconds: u64) -> Vec<String> {
    claim(accounts, request, seconds).await.into_iter().map(|claim| claim.account.account_id).collect()
}

async fn claim_ada(accounts: &dyn AccountStore, seconds: u64) -> Claim {
    let found = claim(accounts, &due(seconds), seconds).await;
    found.into_iter().find(|claim| claim.account.account_id == ADA).expect("ada is due, idle and healthy")
}

fn done(seconds: u64) -> Finish {
    Finish { due_at: at(seconds), attempts: 0, grants: Vec::new() }
}

async fn finish(accounts: &dyn AccountStore, claim: &Claim, finish: Finish) -> Finished {
    accounts.finish(claim, &finish).await.expect("finish is answered")
}

/// Not those that are not due, were active lately, cannot act, signed out, or never could act.
pub async fn claims_what_is_due_idle_and_healthy(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for (account, key, seconds) in [
        (ADA, "a/ada", 10),
        ("job", "l/job", 10),
        ("broken", "a/broken", 1),
        ("gone", "a/gone", 10),
        ("obo", "x/obo", 10),
    ] {
        record(&*accounts, a_sign_in(account, key, seconds, 0)).await;
    }
    let later = claim(&*accounts, &ClaimRequest { pass: Some(at(3)), idle_before: at(5), ..due(3) }, 3).await;
    assert_eq!(later.len(), 1);
    let broken = GrantState::NeedsSignIn { reason: "gone".to_owned(), claims: None, since: at(3) };
    let outcome = Finish {
        due_at: at(3),
        attempts: 0,
        grants: vec![(Key::new("a/broken"), later[0].account.grants[0].epoch, broken)],
    };
    assert_eq!(finish(&*accounts, &later[0], outcome).await, Finished::Done);
    accounts.revoke(CLIENT, "gone", at(20)).await.expect("answered");
    record(&*accounts, a_sign_in("busy", "a/busy", 95, 0)).await;

    let claims = claim(&*accounts, &due(100), 100).await;
    let ids: Vec<_> = claims.iter().map(|claim| claim.account.account_id.as_str()).collect();
    assert_eq!(ids.iter().copied().collect::<HashSet<_>>(), HashSet::from([ADA, "job"]));
    for claim in &claims {
        assert_eq!(claim.account.leased_until, Some(at(160)));
        assert_eq!(claim.account.due_at, at(160));
        assert_eq!(read(&*accounts, &claim.account.account_id).await, claim.account);
        assert_eq!(claim.account.state(), AccountState::Healthy);
        assert_eq!(finish(&*accounts, claim, done(500)).await, Finished::Done);
    }
    assert!(
        claimed(&*accounts, &ClaimRequest { idle_before: at(50), ..due(499) }, 499).await.is_empty(),
        "not due yet"
    );
    assert_eq!(claimed(&*accounts, &due(500), 500).await.len(), 3, "the busy one is idle and due by now");
}

/// The limit takes those who waited longest, and a name takes one.
pub async fn claims_the_longest_idle_first(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for (account, seconds) in [("c", 10), ("a", 30), ("d", 20), ("b", 40)] {
        let username = Some(format!("{account}@contoso.example"));
        record(&*accounts, Activity { username, ..a_sign_in(account, &format!("a/{account}"), seconds, 0) }).await;
    }
    assert!(claimed(&*accounts, &ClaimRequest { limit: 0, ..due(100) }, 100).await.is_empty());
    let named = ClaimRequest { username: Some("B@CONTOSO.example".to_owned()), ..due(100) };
    assert_eq!(claimed(&*accounts, &named, 100).await, ["b"]);
    assert_eq!(claimed(&*accounts, &ClaimRequest { limit: 2, ..due(100) }, 100).await, ["c", "d"]);
    assert_eq!(claimed(&*accounts, &due(100), 100).await, ["a"]);
}

/// Eight claimers at once: each account has one holder, and none is left over.
pub async fn racing_claimers_share_no_account(fixture: &Fixture) {
    for number in 0..100 {
        let account = format!("user {number:03}");
        record(&*fixture.accounts(), a_sign_in(&account, &format!("a/{number}"), 10, 0)).await;
    }
    let mut claimers = JoinSet::new();
    for claimer in 0..8 {
        let backend = if claimer % 2 == 0 { fixture.backend().clone() } else { fixture.another().await };
        let accounts = backend.accounts.expect("the backend under test has an AccountStore");
        claimers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let more = claimed(&*accounts, &ClaimRequest { limit: 3, ..due(100) }, 100).await;
                if more.is_empty() {
                    return mine;
                }
                mine.extend(more);
                tokio::task::yield_now().await;
            }
        });
    }
    let all: Vec<String> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (100, 100), "claims, and accounts claimed");
}

/// A worker that died is followed when its lease ended, under a higher fence.
pub async fn a_claim_ends_with_its_lease(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let mut fence = claim_ada(&*accounts, 100).await.account.fence;
    for seconds in [160, 220] {
        assert!(claimed(&*accounts, &due(seconds - 1), seconds - 1).await.is_empty(), "it is still held");
        let heir = claim_ada(&*accounts, seconds).await;
        assert!(heir.account.fence > fence, "fence {} after {fence}", heir.account.fence);
        fence = heir.account.fence;
    }
}

/// Renewing holds it on; a fence of the past holds nothing.
pub async fn a_renewed_claim_is_held_on(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let first = claim_ada(&*accounts, 100).await;
    assert!(accounts.renew(&first, LEASE, at(150)).await.expect("answered"));
    assert!(claimed(&*accounts, &due(170), 170).await.is_empty(), "it was renewed until 210");
    let second = claim_ada(&*accounts, 210).await;
    assert!(!accounts.renew(&first, LEASE, at(211)).await.expect("answered"));
    assert!(accounts.renew(&second, LEASE, at(211)).await.expect("answered"));
    assert_eq!(finish(&*accounts, &second, done(300)).await, Finished::Done);
    assert!(!accounts.renew(&second, LEASE, at(212)).await.expect("answered"), "it was let go");
    assert_eq!(read(&*accounts, ADA).await.due_at, at(300));
}

/// A worker that was overtaken changes nothing.
pub async fn an_outcome_under_an_old_fence_is_superseded(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let slow = claim_ada(&*accounts, 100).await;
    let heir = claim_ada(&*accounts, 200).await;
    let before = read(&*accounts, ADA).await;
    let broken = GrantState::NeedsSignIn { reason: "late".to_owned(), claims: None, since: at(210) };
    let outcome = Finish {
        due_at: at(9_000),
        attempts: 7,
        grants: vec![(Key::new("a/ada"), grant(&before, "a/ada").epoch, broken)],
    };
    assert_eq!(finish(&*accounts, &slow, outcome).await, Finished::Superseded);
    assert_eq!(read(&*accounts, ADA).await, before);
    assert_eq!(finish(&*accounts, &heir, Finish { attempts: 2, ..done(300) }).await, Finished::Done);
    let after = read(&*accounts, ADA).await;
    assert_eq!((after.due_at, after.attempts, after.leased_until), (at(300), 2, None));
}

/// What a worker found out before a sign-out says nothing about who signed in after it.
pub async fn an_outcome_after_a_sign_out_is_superseded(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let claim = claim_ada(&*accounts, 100).await;
    let generation = accounts.revoke(CLIENT, ADA, at(110)).await.expect("answered").generation;
    assert!(!accounts.renew(&claim, LEASE, at(111)).await.expect("answered"));
    assert_eq!(finish(&*accounts, &claim, done(300)).await, Finished::Superseded);
    record(&*accounts, a_sign_in(ADA, "a/ada", 120, generation)).await;
    assert_eq!(finish(&*accounts, &claim, done(300)).await, Finished::Superseded);
    assert_eq!(read(&*accounts, ADA).await.due_at, at(120));
}

/// An account that was let go is let go.
pub async fn an_outcome_counts_once(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let claim = claim_ada(&*accounts, 100).await;
    assert_eq!(finish(&*accounts, &claim, done(300)).await, Finished::Done);
    assert_eq!(finish(&*accounts, &claim, done(400)).await, Finished::Superseded);
    assert_eq!(read(&*accounts, ADA).await.due_at, at(300));
}

/// A failure seen with the old tokens does not mark the new ones; the grants that did not move are marked.
pub async fn an_outcome_does_not_mark_what_was_signed_in_to_since(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    record(&*accounts, a_sign_in(ADA, "l/job", 10, 0)).await;
    let claim = claim_ada(&*accounts, 100).await;
    record(&*accounts, a_sign_in(ADA, "a/ada", 110, 0)).await;
    let broken = GrantState::NeedsSignIn { reason: "AADSTS50173".to_owned(), claims: None, since: at(120) };
    let grants = claim.account.grants.iter().map(|grant| (grant.key.clone(), grant.epoch, broken.clone())).collect();
    assert_eq!(finish(&*accounts, &claim, Finish { grants, ..done(300) }).await, Finished::Done);
    let after = read(&*accounts, ADA).await;
    assert_eq!(grant(&after, "a/ada").state, GrantState::Healthy);
    assert_eq!(grant(&after, "l/job").state, broken);
}

/// A pass asks nobody whether she is due, and comes to each once: also to who failed and is let go at once.
pub async fn a_pass_claims_each_account_once(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for account in ["a", "b", "c"] {
        record(&*accounts, a_sign_in(account, &format!("a/{account}"), 10, 0)).await;
    }
    for claim in claim(&*accounts, &due(100), 100).await {
        assert_eq!(finish(&*accounts, &claim, done(90_000)).await, Finished::Done);
    }
    assert!(claimed(&*accounts, &due(200), 200).await.is_empty(), "nobody is due");
    for start in [200, 300] {
        let pass = ClaimRequest { pass: Some(at(start)), limit: 2, ..due(start) };
        let mut seen = Vec::new();
        for seconds in start..start + 5 {
            for claim in claim(&*accounts, &pass, seconds).await {
                assert_eq!(finish(&*accounts, &claim, done(seconds)).await, Finished::Done);
                seen.push(claim.account.account_id);
            }
        }
        seen.sort();
        assert_eq!(seen, ["a", "b", "c"]);
    }
}

/// A sign-in makes due at once; while a worker holds the account it waits for that one's outcome.
pub async fn healing_makes_due_but_not_while_held(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    break_grants(&*accounts, ADA, 100).await;
    assert!(claimed(&*accounts, &due(5_000), 5_000).await.is_empty(), "she cannot act");
    record(&*accounts, a_sign_in(ADA, "a/ada", 5_000, 0)).await;
    assert_eq!(read(&*accounts, ADA).await.due_at, at(5_000));
    let claim = claim_ada(&*accounts, 5_040).await;
    record(&*accounts, a_sign_in(ADA, "a/ada", 5_050, 0)).await;
    record(&*accounts, a_use(ADA, "a/ada", 5_051)).await;
    let held = read(&*accounts, ADA).await;
    assert_eq!((held.due_at, held.leased_until), (at(5_100), Some(at(5_100))));
    assert_eq!(finish(&*accounts, &claim, done(6_000)).await, Finished::Done);
}

/// A worker takes, renews and finishes nothing of another client's.
pub async fn other_clients_are_never_touched(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for client in [CLIENT, "other"] {
        record(&*accounts, Activity { client_id: client.to_owned(), ..a_sign_in(ADA, "a/ada", 10, 0) }).await;
    }
    let theirs = accounts.account("other", ADA).await.expect("answered");
    let mut request = due(100);
    request.client_id = CLIENT.to_ascii_uppercase();
    let claims = claim(&*accounts, &request, 100).await;
    assert_eq!(claims.len(), 1);
    let broken = GrantState::NeedsSignIn { reason: "x".to_owned(), claims: None, since: at(101) };
    let grants = vec![(Key::new("a/ada"), claims[0].account.grants[0].epoch, broken)];
    let mut mine = claims[0].clone();
    mine.account.client_id = CLIENT.to_ascii_uppercase();
    assert!(accounts.renew(&mine, LEASE, at(101)).await.expect("answered"));
    assert_eq!(finish(&*accounts, &mine, Finish { grants, ..done(300) }).await, Finished::Done);
    assert_eq!(accounts.account("other", ADA).await.expect("answered"), theirs);
}

/// A claim or record dropped at any point leaves whole rows and a store that works.
pub async fn a_dropped_claim_happened_whole_or_not_at_all(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for number in 0..20 {
        record(&*accounts, a_sign_in(&format!("user {number:02}"), &format!("a/{number}"), 10, 0)).await;
    }
    for polls in (0..40).chain([200]) {
        let seconds = 100 + 100 * polls as u64;
        polled(polls, accounts.claim(&ClaimRequest { limit: 10, ..due(seconds) }, at(seconds))).await;
        polled(polls, accounts.record(&a_use(ADA, "a/ada", 10))).await;
        for number in 0..20 {
            let account = read(&*accounts, &format!("user {number:02}")).await;
            assert_eq!(account.grants.len(), 1);
            assert_eq!(account.fence > 0, account.leased_until.is_some(), "half a claim");
            assert_eq!(account.leased_until.unwrap_or(account.due_at), account.due_at, "half a claim");
        }
    }
    assert_eq!(accounts.record(&a_use(ADA, "a/ada", 10)).await.expect("answered"), Recorded::Done);
    assert_eq!(read(&*accounts, ADA).await.grants.len(), 1);
    assert_eq!(claimed(&*accounts, &due(90_000), 90_000).await.len(), 21);
}
