use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::Timeout;
use crate::{
    Account, AccountQuery, AccountStore, Acquired, Activity, Claim, ClaimRequest, Entry, Expiry, Finish, Finished, Key,
    Lease, LeaseState, LeaseStore, Recorded, Removal, Removed, Result, ScanStore, Store, When, Written,
};

/// How many keys of a [`Store::get_many`] share one read's limit.
const KEYS_PER_LIMIT: usize = 100;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for Timeout<S> {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.limit("get", self.read, self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        let shares = u32::try_from(keys.len().div_ceil(KEYS_PER_LIMIT)).unwrap_or(u32::MAX).max(1);
        self.limit("get_many", self.read.saturating_mul(shares), self.inner.get_many(keys)).await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        self.limit("put", self.write, self.inner.put(key, value, when, expiry)).await
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        self.limit("remove", self.remove, self.inner.remove(key, when)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: LeaseStore + ?Sized> LeaseStore for Timeout<S> {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        self.limit("acquire", self.write, self.inner.acquire(key, owner, ttl)).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        self.limit("renew", self.write, self.inner.renew(lease, ttl)).await
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        self.limit("release", self.write, self.inner.release(lease, outcome, keep)).await
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        self.limit("look", self.read, self.inner.look(key)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore + ?Sized> AccountStore for Timeout<S> {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        self.limit("generation", self.read, self.inner.generation(client_id, account_id)).await
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        self.limit("record", self.write, self.inner.record(activity)).await
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        self.limit("account", self.read, self.inner.account(client_id, account_id)).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        self.limit("accounts", self.walk, self.inner.accounts(query)).await
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        self.limit("claim", self.walk, self.inner.claim(request, now)).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        self.limit("renew", self.write, self.inner.renew(claim, lease, now)).await
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        self.limit("finish", self.write, self.inner.finish(claim, finish)).await
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        self.limit("revoke", self.remove, self.inner.revoke(client_id, account_id, at)).await
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.limit("block", self.remove, self.inner.block(client_id, account_id, at)).await
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.limit("unblock", self.write, self.inner.unblock(client_id, account_id, at)).await
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        self.limit("forget_grant", self.remove, self.inner.forget_grant(client_id, key)).await
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        self.limit("foreign_accounts", self.walk, self.inner.foreign_accounts(client_id)).await
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        self.limit("sweep_accounts", self.walk, self.inner.sweep_accounts(revoked_before, now, limit)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore + ?Sized> ScanStore for Timeout<S> {
    async fn scan(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>> {
        self.limit("scan", self.walk, self.inner.scan(after, limit)).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize> {
        self.limit("sweep", self.walk, self.inner.sweep(limit)).await
    }
}
