use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, Result};

/// A held lease. `fence` grows with each new holder of the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// What is leased.
    pub key: Key,
    /// Who holds it: random text, drawn for each attempt.
    pub owner: String,
    /// Which holding this is. Never repeats for a key while anybody could remember it.
    pub fence: u64,
}

/// What asking for a lease gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Acquired {
    /// Held by the asker now.
    Held(Lease),
    /// Somebody else holds it, as this fence.
    Busy(u64),
}

/// How a lease stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LeaseState {
    /// Nobody holds it and no outcome is remembered: it was never held, its holder died, or the memory ended.
    Free,
    /// Held, as this fence.
    Held(u64),
    /// Its holder released it, and left word.
    Ended {
        /// Which holding ended.
        fence: u64,
        /// What the holder left for those who waited.
        outcome: Bytes,
    },
}

/// Who is at work on a key right now, across processes.
///
/// # Contract
///
/// * Durations only, measured by the store's own clock: the clocks of two processes need not agree.
/// * At most one holder at a time, while the store keeps what it acknowledged.
/// * A lease that was not renewed within its time is free, and can be taken over; its old holder's
///   [`renew`](Self::renew) and [`release`](Self::release) then do nothing.
/// * Leases are never announced by a [`WatchStore`](crate::WatchStore).
/// * A lease saves work; it does not make a write right. Commits are guarded by their own condition.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// Takes the lease if it is free. An outcome left by an earlier holder is forgotten.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired>;

    /// Holds on for another `ttl`. `false` when the lease is not held by this lease any more.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool>;

    /// Gives the lease back. `outcome`, if given, can be read by [`look`](Self::look) for `keep`.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()>;

    /// How the lease stands.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn look(&self, key: &Key) -> Result<LeaseState>;
}
