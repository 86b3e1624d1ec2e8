use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{MemoryStore, later};
use crate::{Acquired, Key, Lease, LeaseState, LeaseStore, Result};

#[derive(Default)]
pub(super) struct Leases {
    /// The latest holding of each key.
    held: HashMap<Key, Holding>,
    /// Counts holdings of all keys, so that rows can be forgotten and no fence comes back.
    holdings: u64,
}

struct Holding {
    owner: String,
    fence: u64,
    until: SystemTime,
    /// Set when the holder released it.
    outcome: Option<Bytes>,
}

/// How many rows may lie around before those that ended are dropped.
const ROWS: usize = 1_024;

impl Leases {
    fn current(&mut self, lease: &Lease, now: SystemTime) -> Option<&mut Holding> {
        self.held.get_mut(&lease.key).filter(|holding| {
            holding.fence == lease.fence
                && holding.owner == lease.owner
                && holding.outcome.is_none()
                && holding.until > now
        })
    }
}

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        let now = self.clock.now();
        let leases = &mut self.lock().leases;
        if let Some(holding) = leases.held.get(key)
            && holding.outcome.is_none()
            && holding.until > now
        {
            return Ok(Acquired::Busy(holding.fence));
        }
        if leases.held.len() >= ROWS {
            leases.held.retain(|_, holding| holding.until > now);
        }
        leases.holdings += 1;
        let fence = leases.holdings;
        let holding = Holding { owner: owner.to_owned(), fence, until: later(now, ttl), outcome: None };
        leases.held.insert(key.clone(), holding);
        Ok(Acquired::Held(Lease { key: key.clone(), owner: owner.to_owned(), fence }))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        let now = self.clock.now();
        let mut state = self.lock();
        let current = state.leases.current(lease, now);
        Ok(current.map(|holding| holding.until = later(now, ttl)).is_some())
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        let now = self.clock.now();
        let mut state = self.lock();
        if let Some(holding) = state.leases.current(lease, now) {
            holding.until = if outcome.is_some() { later(now, keep) } else { now };
            holding.outcome = outcome;
        }
        Ok(())
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        let now = self.clock.now();
        let state = self.lock();
        Ok(match state.leases.held.get(key).filter(|holding| holding.until > now) {
            None => LeaseState::Free,
            Some(Holding { fence, outcome: None, .. }) => LeaseState::Held(*fence),
            Some(Holding { fence, outcome: Some(outcome), .. }) => {
                LeaseState::Ended { fence: *fence, outcome: outcome.clone() }
            }
        })
    }
}
