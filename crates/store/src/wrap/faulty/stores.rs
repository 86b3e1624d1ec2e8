use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Call, Faulty};
use crate::{
    Account, AccountQuery, AccountStore, Acquired, Activity, Claim, ClaimRequest, Entry, Expiry, Finish, Finished, Key,
    Lease, LeaseState, LeaseStore, Recorded, Removal, Removed, Result, Store, When, Written,
};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for Faulty<S> {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.switches.pass(Call::Get, self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        self.switches.pass(Call::Get, self.inner.get_many(keys)).await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        self.switches.pass(Call::Put, self.inner.put(key, value, when, expiry)).await
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        self.switches.pass(Call::Remove, self.inner.remove(key, when)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: LeaseStore + ?Sized> LeaseStore for Faulty<S> {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        self.switches.pass(Call::Acquire, self.inner.acquire(key, owner, ttl)).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        self.switches.pass(Call::Renew, self.inner.renew(lease, ttl)).await
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        self.switches.pass(Call::Release, self.inner.release(lease, outcome, keep)).await
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        self.switches.pass(Call::Look, self.inner.look(key)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore + ?Sized> AccountStore for Faulty<S> {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        self.switches.pass(Call::Account, self.inner.generation(client_id, account_id)).await
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        self.switches.pass(Call::Record, self.inner.record(activity)).await
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        self.switches.pass(Call::Account, self.inner.account(client_id, account_id)).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        self.switches.pass(Call::Account, self.inner.accounts(query)).await
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        self.switches.pass(Call::Claim, self.inner.claim(request, now)).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        self.switches.pass(Call::Renew, self.inner.renew(claim, lease, now)).await
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        self.switches.pass(Call::Finish, self.inner.finish(claim, finish)).await
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        self.switches.pass(Call::Revoke, self.inner.revoke(client_id, account_id, at)).await
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.switches.pass(Call::Block, self.inner.block(client_id, account_id, at)).await
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        self.switches.pass(Call::Block, self.inner.unblock(client_id, account_id, at)).await
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        self.switches.pass(Call::Forget, self.inner.forget_grant(client_id, key)).await
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        self.switches.pass(Call::Account, self.inner.foreign_accounts(client_id)).await
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        self.switches.pass(Call::Forget, self.inner.sweep_accounts(revoked_before, now, limit)).await
    }
}
