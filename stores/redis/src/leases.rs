use std::time::Duration;

use absentia_store::{Acquired, Key, Lease, LeaseState, LeaseStore, Result};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{RedisStore, scripts, time::span};

/// How long the fence of a lease that was given back without word is known, in milliseconds.
const FENCE_KEPT: i64 = 60_000;

#[async_trait]
impl LeaseStore for RedisStore {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        let mut acquire = scripts::ACQUIRE.key(self.0.names.lease(key));
        acquire.arg(owner).arg(span(ttl).max(1));
        let (held, fence): (bool, u64) = self.0.link.script("take a lease", &acquire).await?;
        Ok(if held {
            Acquired::Held(Lease { key: key.clone(), owner: owner.to_owned(), fence })
        } else {
            Acquired::Busy(fence)
        })
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        let mut renew = scripts::RENEW_LEASE.key(self.0.names.lease(&lease.key));
        renew.arg(&lease.owner).arg(lease.fence).arg(span(ttl).max(1));
        self.0.link.script("renew a lease", &renew).await
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        let mut release = scripts::RELEASE.key(self.0.names.lease(&lease.key));
        release.arg(&lease.owner).arg(lease.fence);
        match &outcome {
            Some(outcome) => release.arg(span(keep)).arg(&outcome[..]),
            None => release.arg(FENCE_KEPT),
        };
        self.0.link.script::<i64>("release a lease", &release).await.map(drop)
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        let look = redis::cmd("HMGET").arg(self.0.names.lease(key)).arg(&["owner", "fence", "outcome"][..]).to_owned();
        let found: (Option<Bytes>, Option<u64>, Option<Bytes>) = self.0.link.command("look at a lease", &look).await?;
        Ok(match found {
            (Some(_), Some(fence), _) => LeaseState::Held(fence),
            (None, Some(fence), Some(outcome)) => LeaseState::Ended { fence, outcome },
            _ => LeaseState::Free,
        })
    }
}
