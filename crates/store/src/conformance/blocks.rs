//! Laws of [`AccountStore`]: a blocked account stays blocked until it is unblocked.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Fixture,
    accounts::{ADA, CLIENT, a_sign_in, a_use, at, break_grants, list, read, record},
};
use crate::{AccountQuery, AccountState, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Key, Recorded};

async fn block(accounts: &dyn AccountStore, account: &str, seconds: u64) {
    accounts.block(CLIENT, account, at(seconds)).await.expect("block is answered");
}

async fn unblock(accounts: &dyn AccountStore, account: &str, seconds: u64) {
    accounts.unblock(CLIENT, account, at(seconds)).await.expect("unblock is answered");
}

/// Whom a worker gets at `seconds`: of a pass, or those who are due.
async fn claim(accounts: &dyn AccountStore, seconds: u64, pass: bool) -> Vec<Claim> {
    let request = ClaimRequest {
        client_id: CLIENT.to_owned(),
        idle_before: at(seconds),
        pass: pass.then(|| at(seconds)),
        username: None,
        lease: Duration::from_secs(60),
        limit: 100,
    };
    accounts.claim(&request, at(seconds)).await.expect("claim is answered")
}

async fn claimed(accounts: &dyn AccountStore, seconds: u64, pass: bool) -> Vec<String> {
    claim(accounts, seconds, pass).await.into_iter().map(|claim| claim.account.account_id).collect()
}

/// Not by a worker's loop, not by a pass; it is listed, and as blocked alone.
pub async fn a_blocked_account_is_never_claimed(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for (account, key) in [(ADA, "a/ada"), ("eve", "a/eve"), ("waits", "a/waits")] {
        record(&*accounts, a_sign_in(account, key, 10, 0)).await;
    }
    break_grants(&*accounts, "waits", 20).await;
    let before = read(&*accounts, ADA).await;
    block(&*accounts, ADA, 200).await;
    block(&*accounts, "waits", 200).await;
    let after = read(&*accounts, ADA).await;
    assert_eq!((after.state(), after.blocked_at), (AccountState::Blocked, Some(at(200))));
    assert_eq!(after.grants, before.grants, "a block says nothing about grants");
    for pass in [false, true] {
        let seconds = 9_000 + 100 * u64::from(pass);
        assert_eq!(claimed(&*accounts, seconds, pass).await, ["eve"], "pass: {pass}");
    }
    let state = |state| AccountQuery { state: Some(state), ..AccountQuery::default() };
    assert_eq!(list(&*accounts, state(AccountState::Blocked)).await, [ADA, "waits"]);
    assert_eq!(list(&*accounts, state(AccountState::Healthy)).await, ["eve"]);
    assert_eq!(list(&*accounts, state(AccountState::NeedsSignIn)).await, [""; 0]);
    assert_eq!(list(&*accounts, AccountQuery::default()).await, [ADA, "eve", "waits"]);
    // The first time stays.
    block(&*accounts, ADA, 300).await;
    assert_eq!(read(&*accounts, ADA).await.blocked_at, Some(at(200)));
}

/// The user goes on as before: what she does is recorded, and lifts nothing.
pub async fn a_sign_in_does_not_lift_a_block(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    block(&*accounts, ADA, 20).await;
    record(&*accounts, a_sign_in(ADA, "a/ada", 30, 0)).await;
    record(&*accounts, a_sign_in(ADA, "l/job", 40, 0)).await;
    record(&*accounts, a_use(ADA, "a/ada", 50)).await;
    let account = read(&*accounts, ADA).await;
    assert_eq!((account.state(), account.blocked_at), (AccountState::Blocked, Some(at(20))));
    assert_eq!((account.last_activity, account.grants.len()), (at(50), 2));
    assert_eq!(claimed(&*accounts, 9_000, true).await, [""; 0]);
}

/// Nor does a sign-out, a sign-in after it, or a sweep of what both left behind.
pub async fn a_block_outlives_a_sign_out_and_its_tombstone(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    block(&*accounts, ADA, 20).await;
    let revoked = accounts.revoke(CLIENT, ADA, at(30)).await.expect("revoke is answered");
    assert_eq!((revoked.state(), revoked.revoked_at), (AccountState::Blocked, Some(at(30))));
    accounts.forget_grant(CLIENT, &Key::new("a/ada")).await.expect("answered");
    let mut rounds = 0;
    while accounts.sweep_accounts(at(5_000), at(5_000), 10).await.expect("a sweep is answered") > 0 {
        rounds += 1;
        assert!(rounds < 50, "a sweep ends with 0");
    }
    assert_eq!(read(&*accounts, ADA).await.state(), AccountState::Blocked);
    assert_eq!(list(&*accounts, AccountQuery::default()).await, [ADA]);
    record(&*accounts, a_sign_in(ADA, "a/ada", 6_000, revoked.generation)).await;
    let back = read(&*accounts, ADA).await;
    assert_eq!((back.state(), back.revoked_at), (AccountState::Blocked, None));
    assert_eq!(claimed(&*accounts, 9_000, true).await, [""; 0]);
    // Unblocked, she is as anybody who signed in; and one who signed out is not brought back by it.
    accounts.revoke(CLIENT, ADA, at(9_100)).await.expect("revoke is answered");
    unblock(&*accounts, ADA, 9_200).await;
    assert_eq!(read(&*accounts, ADA).await.state(), AccountState::Revoked);
    assert_eq!(claimed(&*accounts, 9_500, true).await, [""; 0]);
}

/// Who is held when she is blocked is let go: the outcome is discarded.
pub async fn blocking_ends_a_claim(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let claim = claim(&*accounts, 100, false).await.remove(0);
    block(&*accounts, ADA, 110).await;
    let blocked = read(&*accounts, ADA).await;
    assert_eq!(blocked.leased_until, None);
    assert!(!accounts.renew(&claim, Duration::from_secs(60), at(111)).await.expect("answered"));
    let finish = Finish { due_at: at(5_000), attempts: 3, grants: Vec::new() };
    assert_eq!(accounts.finish(&claim, &finish).await.expect("answered"), Finished::Superseded);
    assert_eq!(read(&*accounts, ADA).await, blocked);
}

/// However a block falls among claims: once it is answered, nobody holds the account and nobody gets it.
pub async fn a_block_beats_racing_claims(fixture: &Fixture) {
    for round in 0..10 {
        let account = format!("user {round}");
        record(&*fixture.accounts(), a_sign_in(&account, &format!("a/{round}"), 10, 0)).await;
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            let accounts = fixture.accounts();
            workers.spawn(async move { claim(&*accounts, 1_000, false).await });
        }
        block(&*fixture.accounts(), &account, 1_000).await;
        let accounts = fixture.accounts();
        while let Some(claims) = workers.join_next().await {
            for claim in claims.expect("a worker ends").iter().filter(|claim| claim.account.account_id == account) {
                let finish = Finish { due_at: at(1_100), attempts: 0, grants: Vec::new() };
                assert_eq!(accounts.finish(claim, &finish).await.expect("answered"), Finished::Superseded);
            }
        }
        assert_eq!(read(&*accounts, &account).await.state(), AccountState::Blocked);
    }
}

/// Unblocked, the account is due at once, whenever it was to be due before. Where no block is, nothing changes.
pub async fn unblocking_makes_due(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let claim = claim(&*accounts, 100, false).await.remove(0);
    let finish = Finish { due_at: at(7_200), attempts: 2, grants: Vec::new() };
    assert_eq!(accounts.finish(&claim, &finish).await.expect("answered"), Finished::Done);
    let before = read(&*accounts, ADA).await;
    unblock(&*accounts, ADA, 150).await;
    assert_eq!(read(&*accounts, ADA).await, before, "it was not blocked");
    block(&*accounts, ADA, 200).await;
    unblock(&*accounts, ADA, 300).await;
    let after = read(&*accounts, ADA).await;
    assert_eq!((after.state(), after.blocked_at, after.due_at), (AccountState::Healthy, None, at(300)));
    assert_eq!(after.last_activity, at(10), "a user was not active because an operator was");
    assert_eq!(claimed(&*accounts, 300, false).await, [ADA]);
    unblock(&*accounts, "nobody", 300).await;
    assert!(accounts.account(CLIENT, "nobody").await.expect("answered").is_none());
}

/// Who is not known yet can be blocked, and is when she signs in.
pub async fn an_unknown_account_can_be_blocked(fixture: &Fixture) {
    let accounts = fixture.accounts();
    block(&*accounts, ADA, 20).await;
    let account = read(&*accounts, ADA).await;
    assert_eq!((account.state(), account.generation, account.grants.len()), (AccountState::Blocked, 0, 0));
    assert_eq!(list(&*accounts, AccountQuery::default()).await, [ADA]);
    assert_eq!(accounts.sweep_accounts(at(5_000), at(5_000), 10).await.expect("answered"), 0);
    record(&*accounts, a_sign_in(ADA, "a/ada", 5_100, 0)).await;
    assert_eq!(claimed(&*accounts, 9_000, true).await, [""; 0]);
    // Unblocked and without a grant, its row is one that nobody needs.
    block(&*accounts, "eve", 20).await;
    unblock(&*accounts, "eve", 30).await;
    assert_eq!(accounts.sweep_accounts(at(5_000), at(5_000), 10).await.expect("answered"), 1);
    assert!(accounts.account(CLIENT, "eve").await.expect("answered").is_none());
}

/// A block is of one client, whatever the case of its id, and of one account, byte for byte.
pub async fn a_block_is_of_one_client_and_account(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for client in [CLIENT, "other"] {
        record(&*accounts, Activity { client_id: client.to_owned(), ..a_sign_in(ADA, "a/ada", 10, 0) }).await;
    }
    accounts.block(&CLIENT.to_ascii_uppercase(), ADA, at(20)).await.expect("answered");
    accounts.block(CLIENT, &ADA.to_ascii_uppercase(), at(30)).await.expect("answered");
    assert_eq!(read(&*accounts, ADA).await.blocked_at, Some(at(20)));
    let theirs = accounts.account("other", ADA).await.expect("answered").expect("it is there");
    assert_eq!(theirs.state(), AccountState::Healthy);
    accounts.unblock("other", ADA, at(40)).await.expect("answered");
    assert_eq!(read(&*accounts, ADA).await.state(), AccountState::Blocked);
    assert_eq!(accounts.record(&a_use(ADA, "a/ada", 50)).await.expect("answered"), Recorded::Done);
    accounts.unblock(&CLIENT.to_ascii_uppercase(), ADA, at(60)).await.expect("answered");
    assert_eq!(claimed(&*accounts, 1_000, false).await, [ADA]);
}
