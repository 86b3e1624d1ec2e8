//! The laws can fail: each of these stores breaks one promise, and a law notices.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_store::{
    Account, AccountQuery, AccountStore, Acquired, Activity, Backend, Claim, ClaimRequest, Entry, Expiry, Finish,
    Finished, Key, Lease, LeaseState, LeaseStore, ManualClock, MemoryStore, Recorded, Removal, Removed, Result, Store,
    When, Written,
    conformance::{self, Fixture, blocks, claims, expiry, leases, store},
};
use async_trait::async_trait;
use bytes::Bytes;

#[derive(Clone, Copy, PartialEq)]
enum Promise {
    /// A put looks at what is there now, not at what its caller read.
    ComparesVersions,
    /// An entry that was removed by its old version stays.
    RemovesConditionally,
    /// Names are bytes.
    TellsCaseApart,
    /// Expiry is kept.
    Expires,
    /// A lease has one holder.
    LeasesExclusively,
    /// An outcome needs the latest fence.
    ComparesFences,
    /// A sign-in leaves an operator's block.
    KeepsBlocks,
}

struct Broken {
    inner: MemoryStore,
    promise: Promise,
}

impl Broken {
    fn breaks(&self, promise: Promise) -> bool {
        self.promise == promise
    }

    fn key(&self, key: &Key) -> Key {
        if self.breaks(Promise::TellsCaseApart) { Key::new(key.as_str().to_lowercase()) } else { key.clone() }
    }
}

#[async_trait]
impl Store for Broken {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.inner.get(&self.key(key)).await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let key = self.key(key);
        let expiry = if self.breaks(Promise::Expires) { Expiry::default() } else { expiry };
        let when = match when {
            When::Unchanged(_) if self.breaks(Promise::ComparesVersions) => match self.inner.get(&key).await? {
                Some(entry) => When::Unchanged(entry.version),
                None => When::Absent,
            },
            when => when,
        };
        self.inner.put(&key, value, when, expiry).await
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let when = if self.breaks(Promise::RemovesConditionally) { Removal::SignOut } else { when };
        self.inner.remove(&self.key(key), when).await
    }
}

#[async_trait]
impl LeaseStore for Broken {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        match self.inner.acquire(key, owner, ttl).await? {
            Acquired::Busy(fence) if self.breaks(Promise::LeasesExclusively) => {
                Ok(Acquired::Held(Lease { key: key.clone(), owner: owner.to_owned(), fence }))
            }
            acquired => Ok(acquired),
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        LeaseStore::renew(&self.inner, lease, ttl).await
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        self.inner.release(lease, outcome, keep).await
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        self.inner.look(key).await
    }
}

#[async_trait]
impl AccountStore for Broken {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        self.inner.generation(client_id, account_id).await
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        if self.breaks(Promise::KeepsBlocks) && activity.sign_in.is_some() {
            self.inner.unblock(&activity.client_id, &activity.account_id, activity.at).await?;
        }
        self.inner.record(activity).await
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        self.inner.account(client_id, account_id).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        self.inner.accounts(query).await
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        self.inner.claim(request, now).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        AccountStore::renew(&self.inner, claim, lease, now).await
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        let mut claim = claim.clone();
        let current = self.account(&claim.account.client_id, &claim.account.account_id).await?;
        if let Some(current) = current.filter(|_| self.breaks(Promise::ComparesFences)) {
            claim.account.fence = current.fence;
        }
        self.inner.finish(&claim, finish).await
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        self.inner.revoke(client_id, account_id, at).await
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.inner.block(client_id, account_id, at).await
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.inner.unblock(client_id, account_id, at).await
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        self.inner.forget_grant(client_id, key).await
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        self.inner.foreign_accounts(client_id).await
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        self.inner.sweep_accounts(revoked_before, now, limit).await
    }
}

async fn broken(promise: Promise) -> Fixture {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let inner = MemoryStore::new(Arc::new(clock.clone()));
    let store = Arc::new(Broken { inner, promise });
    let backend = Backend {
        entries: store.clone(),
        accounts: Some(store.clone()),
        leases: Some(store),
        scan: None,
        watch: None,
        name: "broken".to_owned(),
    };
    Fixture::new(backend, clock)
}

#[test]
#[should_panic = "an increment was lost"]
fn lost_increments_are_noticed() {
    conformance::run(|| broken(Promise::ComparesVersions), store::racing_increments_lose_nothing);
}

#[test]
#[should_panic]
fn an_old_version_that_is_taken_is_noticed() {
    conformance::run(|| broken(Promise::ComparesVersions), store::unchanged_replaces_only_what_it_names);
}

#[test]
#[should_panic]
fn a_removal_that_looks_at_nothing_is_noticed() {
    conformance::run(|| broken(Promise::RemovesConditionally), store::remove_if_unchanged_removes_only_what_it_names);
}

#[test]
#[should_panic = "is taken for another"]
fn keys_that_ignore_case_are_noticed() {
    conformance::run(|| broken(Promise::TellsCaseApart), store::odd_keys_are_keys);
}

#[test]
#[should_panic = "it is read after its end"]
fn an_expiry_that_is_forgotten_is_noticed() {
    conformance::run(|| broken(Promise::Expires), expiry::an_absolute_expiry_ends_however_often_it_is_read);
}

#[test]
#[should_panic = "askers that hold it"]
fn two_holders_are_noticed() {
    conformance::run(|| broken(Promise::LeasesExclusively), leases::racing_askers_have_one_winner);
}

#[test]
#[should_panic]
fn an_outcome_under_an_old_fence_is_noticed() {
    conformance::run(|| broken(Promise::ComparesFences), claims::an_outcome_under_an_old_fence_is_superseded);
}

#[test]
#[should_panic]
fn a_sign_in_that_lifts_a_block_is_noticed() {
    conformance::run(|| broken(Promise::KeepsBlocks), blocks::a_sign_in_does_not_lift_a_block);
}
