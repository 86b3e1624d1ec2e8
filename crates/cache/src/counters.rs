//! What happened, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something worth counting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Counter {
    /// Rows of accounts could not be written although the partition was.
    ActivityFailed,
    /// A refresh got a token but could not store it.
    CommitFailed,
    /// A commit met another writer and merged.
    Conflict,
    /// Served from memory.
    L1Hit,
    /// Served from the store.
    L2Hit,
    /// A flight went on without a lease because the lease store did not answer.
    LeaseFailed,
    /// A token request was sent.
    Redeemed,
    /// A failed refresh-ahead: the caller had a usable token.
    RefreshAheadFailed,
    /// The store did not answer, and memory or Entra served.
    StoreFailed,
    /// An entry was sealed under a key the ring does not have.
    UnknownKey,
    /// An entry did not open, was no partition, or did not name its key.
    Unreadable,
}

const NAMES: [(Counter, &str); 11] = [
    (Counter::ActivityFailed, "activity_failed"),
    (Counter::CommitFailed, "commit_failed"),
    (Counter::Conflict, "conflict"),
    (Counter::L1Hit, "l1_hit"),
    (Counter::L2Hit, "l2_hit"),
    (Counter::LeaseFailed, "lease_failed"),
    (Counter::Redeemed, "redeemed"),
    (Counter::RefreshAheadFailed, "refresh_ahead_failed"),
    (Counter::StoreFailed, "store_failed"),
    (Counter::UnknownKey, "unknown_key"),
    (Counter::Unreadable, "unreadable"),
];

/// Counts since the start of the process. Reading and counting never wait.
#[derive(Debug, Default)]
pub struct Counters([AtomicU64; NAMES.len()]);

impl Counters {
    /// Counts one.
    pub fn count(&self, counter: Counter) {
        self.0[counter as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.iter().map(|(counter, name)| (*name, self.get(*counter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        for (index, (counter, name)) in NAMES.iter().enumerate() {
            assert_eq!(*counter as usize, index, "{name}");
        }
    }
}
