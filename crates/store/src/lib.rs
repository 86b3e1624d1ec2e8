//! What a backend of absentia implements.
//!
//! A backend keeps three kinds of things, each behind a trait of its own so that two backends can share the work (tokens
//! in one, accounts in another):
//!
//! | trait | keeps | needed |
//! |---|---|---|
//! | [`Store`] | sealed cache entries, one per subject, written conditionally | always |
//! | [`AccountStore`] | who can be acted for: accounts and their grants, claims with a fence | to act for absent users |
//! | [`LeaseStore`] | who is redeeming right now, across processes | for one redemption across processes |
//! | [`ScanStore`] | a walk over all keys, and the removal of what expired | for upkeep |
//! | [`WatchStore`] | what changed, so that other processes forget it | for fast coherence |
//!
//! Everything here is text and bytes: a store never parses a key and never sees inside an entry. The laws that every
//! backend must keep are functions in [`conformance`], run by one macro.

mod accounts;
mod clock;
pub mod conformance;
mod entry;
mod error;
mod lease;
mod memory;
mod opener;
mod scan;
mod target;
mod watch;
pub mod wrap;

pub use accounts::{
    Account, AccountQuery, AccountState, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Grant,
    GrantKind, GrantState, Recorded,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use entry::{Entry, Expiry, Key, Removal, Removed, Store, Version, When, Written};
pub use error::{Error, ErrorKind, Result};
pub use lease::{Acquired, Lease, LeaseState, LeaseStore};
pub use memory::MemoryStore;
pub use opener::{Documents, Opener};
pub use scan::ScanStore;
pub use target::{ConnectionText, RedisTarget, SqliteMode, SqliteTarget, Target};
pub use watch::{Change, Watch, WatchStore};

use std::sync::Arc;

/// The stores of one deployment, as an opener of a backend hands them to the cache.
///
/// `entries` is the only one that must be there. What is absent is a declared lack, never a silent no-op: without
/// `leases` each process redeems for itself, without `watch` only staleness bounds what memory holds.
#[derive(Clone)]
pub struct Backend {
    /// Sealed cache entries.
    pub entries: Arc<dyn Store>,
    /// Accounts and grants.
    pub accounts: Option<Arc<dyn AccountStore>>,
    /// Leases across processes.
    pub leases: Option<Arc<dyn LeaseStore>>,
    /// The walk over keys, and expiry.
    pub scan: Option<Arc<dyn ScanStore>>,
    /// Announcements of changes.
    pub watch: Option<Arc<dyn WatchStore>>,
    /// What this is, for logs and errors; never holds a secret (`sqlite tokens.db`).
    pub name: String,
}

impl Backend {
    /// All five stores in one value, as most backends are.
    pub fn of<S>(name: impl Into<String>, all: &Arc<S>) -> Self
    where
        S: Store + AccountStore + LeaseStore + ScanStore + WatchStore,
    {
        Self {
            entries: all.clone(),
            accounts: Some(all.clone()),
            leases: Some(all.clone()),
            scan: Some(all.clone()),
            watch: Some(all.clone()),
            name: name.into(),
        }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("name", &self.name).finish_non_exhaustive()
    }
}
