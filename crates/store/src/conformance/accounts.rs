//! Laws of [`AccountStore`]: what is recorded, forgotten and revoked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;

use super::Fixture;
use crate::{
    Account, AccountQuery, AccountState, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Grant,
    GrantKind, GrantState, Key, Recorded,
};

pub(super) const CLIENT: &str = "8a6b0c3e-client";
pub(super) const ADA: &str = "ada-oid.tid";

/// Seconds after the beginning: times are the caller's here.
pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
}

/// A use of `account`'s grant `key`, whose kind is told by its first letter: `a`ccount, `l`ong-running, `x` assertion.
pub(super) fn a_use(account: &str, key: &str, seconds: u64) -> Activity {
    Activity {
        client_id: CLIENT.to_owned(),
        account_id: account.to_owned(),
        tenant: "tid".to_owned(),
        username: None,
        key: Key::new(key),
        kind: match key.as_bytes().first() {
            Some(b'a') => GrantKind::Account,
            Some(b'l') => GrantKind::LongRunning,
            _ => GrantKind::Assertion,
        },
        at: at(seconds),
        sign_in: None,
        expires_at: None,
    }
}

pub(super) fn a_sign_in(account: &str, key: &str, seconds: u64, generation: u64) -> Activity {
    Activity { sign_in: Some(generation), ..a_use(account, key, seconds) }
}

pub(super) async fn record(accounts: &dyn AccountStore, activity: Activity) {
    assert_eq!(accounts.record(&activity).await.expect("record is answered"), Recorded::Done, "{activity:?}");
}

pub(super) async fn read(accounts: &dyn AccountStore, account: &str) -> Account {
    let found = accounts.account(CLIENT, account).await.expect("account is answered");
    found.unwrap_or_else(|| panic!("{account} has a row"))
}

pub(super) fn grant<'a>(account: &'a Account, key: &str) -> &'a Grant {
    let found = account.grants.iter().find(|grant| grant.key.as_str() == key);
    found.unwrap_or_else(|| panic!("{} has the grant {key}", account.account_id))
}

pub(super) async fn list(accounts: &dyn AccountStore, query: AccountQuery) -> Vec<String> {
    let found = accounts.accounts(&query).await.expect("accounts is answered");
    found.into_iter().map(|account| account.account_id).collect()
}

/// Makes every grant of an account `needs-sign-in`, as a worker does.
pub(super) async fn break_grants(accounts: &dyn AccountStore, account: &str, seconds: u64) {
    let claim = claim_one(accounts, account, seconds).await;
    let broken = GrantState::NeedsSignIn {
        reason: "AADSTS50173".to_owned(),
        claims: Some(r#"{"access_token":{}}"#.to_owned()),
        since: at(seconds),
    };
    let grants = claim.account.grants.iter().map(|grant| (grant.key.clone(), grant.epoch, broken.clone())).collect();
    let finish = Finish { due_at: at(seconds + 3_600), attempts: 0, grants };
    assert_eq!(accounts.finish(&claim, &finish).await.expect("finish is answered"), Finished::Done);
}

async fn claim_one(accounts: &dyn AccountStore, account: &str, seconds: u64) -> Claim {
    let request = ClaimRequest {
        client_id: CLIENT.to_owned(),
        idle_before: at(seconds + 1),
        pass: Some(at(seconds)),
        username: None,
        lease: Duration::from_secs(60),
        limit: 100,
    };
    let claims = accounts.claim(&request, at(seconds)).await.expect("claim is answered");
    claims
        .into_iter()
        .find(|claim| claim.account.account_id == account)
        .unwrap_or_else(|| panic!("{account} is claimed"))
}

/// A sign-in makes the account, due at once, and its grant.
pub async fn a_first_write_makes_account_and_grant(fixture: &Fixture) {
    let accounts = fixture.accounts();
    assert!(accounts.account(CLIENT, ADA).await.expect("answered").is_none());
    assert_eq!(accounts.generation(CLIENT, ADA).await.expect("answered"), 0);
    let username = Some("ada@contoso.example".to_owned());
    let expires_at = Some(at(9_000));
    record(&*accounts, Activity { username, expires_at, ..a_sign_in(ADA, "a/ada", 10, 0) }).await;
    let account = read(&*accounts, ADA).await;
    assert_eq!((account.account_id.as_str(), account.tenant.as_str()), (ADA, "tid"));
    assert!(account.client_id.eq_ignore_ascii_case(CLIENT));
    assert_eq!(account.username, "ada@contoso.example");
    assert_eq!((account.last_activity, account.due_at), (at(10), at(10)));
    assert_eq!((account.leased_until, account.revoked_at), (None, None));
    assert_eq!((account.generation, account.attempts), (0, 0));
    assert_eq!(account.state(), AccountState::Healthy);
    assert_eq!(account.grants.len(), 1);
    let grant = grant(&account, "a/ada");
    assert_eq!((grant.kind, &grant.state), (GrantKind::Account, &GrantState::Healthy));
    assert_eq!((grant.last_activity, grant.expires_at), (at(10), Some(at(9_000))));
}

/// A use moves the time of activity, and the grant's end if it is known: not states, epochs or due times.
pub async fn a_later_use_only_moves_the_time(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    break_grants(&*accounts, ADA, 20).await;
    let before = read(&*accounts, ADA).await;
    record(&*accounts, Activity { expires_at: Some(at(9_000)), ..a_use(ADA, "a/ada", 30) }).await;
    let after = read(&*accounts, ADA).await;
    let moved = Grant { last_activity: at(30), expires_at: Some(at(9_000)), ..grant(&before, "a/ada").clone() };
    assert_eq!(after, Account { last_activity: at(30), grants: vec![moved.clone()], ..before.clone() });
    record(&*accounts, a_use(ADA, "a/ada", 40)).await;
    assert_eq!(grant(&read(&*accounts, ADA).await, "a/ada").expires_at, Some(at(9_000)), "an end that is known stays");
}

/// A use of what has no row makes it: the write that should have made it was lost, or another program's.
pub async fn a_use_adds_the_row_that_is_missing(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_use(ADA, "l/job", 10)).await;
    let account = read(&*accounts, ADA).await;
    assert_eq!((account.state(), account.due_at), (AccountState::Healthy, at(10)));
    assert_eq!(grant(&account, "l/job").kind, GrantKind::LongRunning);
    record(&*accounts, a_use(ADA, "a/ada", 20)).await;
    let keys: Vec<_> = read(&*accounts, ADA).await.grants.into_iter().map(|grant| grant.key).collect();
    assert_eq!(keys, ["a/ada", "l/job"].map(Key::new), "grants come in ascending order of key");
}

/// A commit that does not know the name does not erase it.
pub async fn a_name_changes_only_when_it_is_given(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let named = |name: &str, activity| Activity { username: Some(name.to_owned()), ..activity };
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    assert_eq!(read(&*accounts, ADA).await.username, "");
    for (activity, name) in [
        (named("ada@old.example", a_use(ADA, "a/ada", 20)), "ada@old.example"),
        (a_use(ADA, "a/ada", 30), "ada@old.example"),
        (a_sign_in(ADA, "a/ada", 40, 0), "ada@old.example"),
        (named("Ada@new.example", a_sign_in(ADA, "a/ada", 50, 0)), "Ada@new.example"),
    ] {
        record(&*accounts, activity).await;
        assert_eq!(read(&*accounts, ADA).await.username, name);
    }
}

/// Records arrive in any order.
pub async fn activity_never_goes_back(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 100, 0)).await;
    record(&*accounts, a_use(ADA, "a/ada", 50)).await;
    record(&*accounts, a_use(ADA, "l/job", 60)).await;
    record(&*accounts, a_sign_in(ADA, "a/ada", 70, 0)).await;
    let account = read(&*accounts, ADA).await;
    assert_eq!(account.last_activity, at(100));
    assert_eq!(grant(&account, "a/ada").last_activity, at(100));
    assert_eq!(grant(&account, "l/job").last_activity, at(60));
}

/// Signing in again makes its grant healthy, under a new epoch; other grants stay as they are.
pub async fn a_sign_in_heals_and_raises_the_epoch(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    record(&*accounts, a_sign_in(ADA, "l/job", 10, 0)).await;
    break_grants(&*accounts, ADA, 20).await;
    let broken = read(&*accounts, ADA).await;
    assert_eq!(broken.state(), AccountState::NeedsSignIn);
    let GrantState::NeedsSignIn { reason, claims, since } = &grant(&broken, "l/job").state else {
        panic!("a state is read as it was written")
    };
    assert_eq!((reason.as_str(), claims.as_deref()), ("AADSTS50173", Some(r#"{"access_token":{}}"#)));
    assert_eq!(*since, at(20));
    record(&*accounts, a_sign_in(ADA, "a/ada", 30, 0)).await;
    let healed = read(&*accounts, ADA).await;
    assert_eq!(grant(&healed, "a/ada").state, GrantState::Healthy);
    assert!(grant(&healed, "a/ada").epoch > grant(&broken, "a/ada").epoch);
    assert_eq!(grant(&healed, "l/job"), grant(&broken, "l/job"));
    assert_eq!((healed.state(), healed.due_at), (AccountState::Healthy, at(30)));
}

/// A first write begun before a sign-out brings nobody back.
pub async fn a_first_write_from_before_a_sign_out_does_not_count(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let revoked = accounts.revoke(CLIENT, ADA, at(20)).await.expect("revoke is answered");
    assert_eq!(accounts.generation(CLIENT, ADA).await.expect("answered"), revoked.generation);
    for wrong in [0, revoked.generation + 1] {
        let late = a_sign_in(ADA, "a/ada", 30, wrong);
        assert_eq!(accounts.record(&late).await.expect("answered"), Recorded::SignedOut);
    }
    assert_eq!(read(&*accounts, ADA).await, revoked, "nothing was changed");
    let stranger = a_sign_in("eve", "a/eve", 30, 7);
    assert_eq!(accounts.record(&stranger).await.expect("answered"), Recorded::SignedOut, "an unknown account is at 0");
    assert!(accounts.account(CLIENT, "eve").await.expect("answered").is_none());
}

/// A use that comes after a sign-out changes nothing.
pub async fn a_use_after_a_sign_out_does_nothing(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let revoked = accounts.revoke(CLIENT, ADA, at(20)).await.expect("revoke is answered");
    for key in ["a/ada", "l/new"] {
        assert_eq!(accounts.record(&a_use(ADA, key, 30)).await.expect("answered"), Recorded::SignedOut);
    }
    assert_eq!(read(&*accounts, ADA).await, revoked);
}

/// Who signs in after a sign-out is back, and keeps the generation.
pub async fn a_sign_in_lifts_the_tombstone(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    let generation = accounts.revoke(CLIENT, ADA, at(20)).await.expect("revoke is answered").generation;
    record(&*accounts, a_sign_in(ADA, "a/ada", 30, generation)).await;
    let back = read(&*accounts, ADA).await;
    assert_eq!((back.revoked_at, back.generation), (None, generation));
    assert_eq!((back.state(), back.due_at), (AccountState::Healthy, at(30)));
}

/// Records of many grants at once: each has its row, and the latest time stays.
pub async fn racing_records_lose_nothing(fixture: &Fixture) {
    let mut writers = JoinSet::new();
    for writer in 0..8_u64 {
        let backend = if writer % 2 == 0 { fixture.backend().clone() } else { fixture.another().await };
        let accounts = backend.accounts.expect("the backend under test has an AccountStore");
        writers.spawn(async move {
            for turn in 0..10 {
                let key = format!("l/{writer}/{turn}");
                record(&*accounts, a_sign_in(ADA, &key, 100 * (turn + 1) + writer, 0)).await;
                record(&*accounts, a_use(ADA, "a/ada", 50 * (turn + 1) + writer)).await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends");
    }
    let account = read(&*fixture.accounts(), ADA).await;
    assert_eq!(account.grants.len(), 81);
    assert_eq!(account.last_activity, at(1_007));
    assert_eq!(grant(&account, "a/ada").last_activity, at(507));
}

/// However a sign-out falls among records, it ends revoked: no record from before it brings the account back.
pub async fn a_sign_out_beats_racing_records(fixture: &Fixture) {
    for round in 0..20 {
        let account = format!("user {round}");
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let (accounts, key) = (fixture.accounts(), format!("l/{round}/{writer}"));
            let first = a_sign_in(&account, &key, 10, 0);
            writers.spawn(async move {
                for activity in [first.clone(), Activity { sign_in: None, ..first }] {
                    accounts.record(&activity).await.expect("record is answered");
                }
            });
        }
        let revoked = fixture.accounts().revoke(CLIENT, &account, at(20)).await.expect("revoke is answered");
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends");
        }
        let left = read(&*fixture.accounts(), &account).await;
        assert_eq!(left.state(), AccountState::Revoked);
        assert_eq!(left.grants, revoked.grants, "a grant came after the sign-out that should have removed its entry");
    }
}

/// A sign-out that failed halfway is begun again: the tombstone and its grants are still there.
pub async fn revoking_is_repeatable(fixture: &Fixture) {
    let accounts = fixture.accounts();
    for key in ["a/ada", "l/job", "x/assertion"] {
        record(&*accounts, a_sign_in(ADA, key, 10, 0)).await;
    }
    let first = accounts.revoke(CLIENT, ADA, at(20)).await.expect("revoke is answered");
    assert_eq!((first.state(), first.revoked_at), (AccountState::Revoked, Some(at(20))));
    assert!(first.generation > 0);
    assert_eq!(first.grants.len(), 3, "assertions too: their entries must go");
    let second = accounts.revoke(CLIENT, ADA, at(30)).await.expect("revoke is answered");
    assert!(second.generation >= first.generation);
    assert_eq!((second.state(), &second.grants), (AccountState::Revoked, &first.grants));
}

/// A sign-out of an account without a row stops a first write that is on its way.
pub async fn an_unknown_account_can_be_revoked(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let revoked = accounts.revoke(CLIENT, ADA, at(20)).await.expect("revoke is answered");
    assert_eq!((revoked.state(), revoked.grants.len()), (AccountState::Revoked, 0));
    assert_eq!(accounts.record(&a_sign_in(ADA, "a/ada", 30, 0)).await.expect("answered"), Recorded::SignedOut);
    assert_eq!(list(&*accounts, AccountQuery::default()).await, [ADA]);
}

/// Forgetting takes one grant, and can be repeated.
pub async fn a_grant_is_forgotten(fixture: &Fixture) {
    let accounts = fixture.accounts();
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    record(&*accounts, a_sign_in(ADA, "l/job", 10, 0)).await;
    for _ in 0..2 {
        accounts.forget_grant(&CLIENT.to_ascii_uppercase(), &Key::new("l/job")).await.expect("answered");
        accounts.forget_grant("another-client", &Key::new("a/ada")).await.expect("answered");
    }
    let left = read(&*accounts, ADA).await;
    assert_eq!(left.grants.len(), 1);
    grant(&left, "a/ada");
}

/// A job that was stopped and started again has an epoch that no outcome of the old one names.
pub async fn epochs_never_come_back(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let mut last = 0;
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    for turn in 0..4 {
        record(&*accounts, a_sign_in(ADA, "l/job", 10 + turn, 0)).await;
        let epoch = grant(&read(&*accounts, ADA).await, "l/job").epoch;
        assert!(turn == 0 || epoch > last, "epoch {epoch} after {last}");
        last = epoch;
        if turn % 2 == 0 {
            accounts.forget_grant(CLIENT, &Key::new("l/job")).await.expect("answered");
        }
    }
}

/// One client under two spellings; the same user of two clients is two accounts.
pub async fn client_ids_ignore_case_and_clients_are_strangers(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let other = |activity| Activity { client_id: "other".to_owned(), ..activity };
    record(&*accounts, a_sign_in(ADA, "a/ada", 10, 0)).await;
    record(&*accounts, Activity { client_id: CLIENT.to_ascii_uppercase(), ..a_use(ADA, "a/ada", 20) }).await;
    record(&*accounts, other(a_sign_in(ADA, "a/ada", 30, 0))).await;
    record(&*accounts, other(a_sign_in("eve", "a/eve", 30, 0))).await;
    let account = accounts.account(&CLIENT.to_ascii_uppercase(), ADA).await.expect("answered").expect("it is there");
    assert_eq!((account.last_activity, account.grants.len()), (at(20), 1));
    assert_eq!(accounts.foreign_accounts(&CLIENT.to_ascii_uppercase()).await.expect("answered"), 2);
    assert_eq!(accounts.foreign_accounts("OTHER").await.expect("answered"), 1);
    assert!(
        accounts.account(CLIENT, &ADA.to_ascii_uppercase()).await.expect("answered").is_none(),
        "home ids have a case"
    );
    accounts.revoke("OTHER", ADA, at(40)).await.expect("answered");
    assert_eq!(read(&*accounts, ADA).await, account);
    assert_eq!(accounts.generation(CLIENT, ADA).await.expect("answered"), 0);
}
