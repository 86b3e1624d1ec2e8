mod stores;

use std::{future::Future, sync::Arc, time::Duration};

use crate::{Backend, Clock, Error, ErrorKind, Result};

/// Ends a call that took too long as `Unavailable`, naming the call. The call is dropped; what it asked for may have
/// happened. In front of a [`Store`](crate::Store), an [`AccountStore`](crate::AccountStore), a
/// [`LeaseStore`](crate::LeaseStore) or a [`ScanStore`](crate::ScanStore).
pub struct Timeout<S: ?Sized> {
    inner: Arc<S>,
    clock: Arc<dyn Clock>,
    read: Duration,
    write: Duration,
    remove: Duration,
    walk: Duration,
}

impl<S: ?Sized> Timeout<S> {
    /// Limits of 500 ms for a read of one thing, 2 s for a write, 5 s for what a sign-out or a block waits for and 30 s for a walk over
    /// many rows, measured by `clock`. Reading many entries takes a read's limit for each hundred keys begun.
    pub fn new(inner: Arc<S>, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            clock,
            read: Duration::from_millis(500),
            write: Duration::from_secs(2),
            remove: Duration::from_secs(5),
            walk: Duration::from_secs(30),
        }
    }

    /// Another limit for reads.
    #[must_use]
    pub fn read_limit(self, read: Duration) -> Self {
        Self { read, ..self }
    }

    /// Another limit for puts, what is recorded of accounts and claims, and leases.
    #[must_use]
    pub fn write_limit(self, write: Duration) -> Self {
        Self { write, ..self }
    }

    /// Another limit for removals, revocations and blocks, and the forgetting of a grant.
    #[must_use]
    pub fn remove_limit(self, remove: Duration) -> Self {
        Self { remove, ..self }
    }

    /// Another limit for claims, lists, counts, scans and sweeps.
    #[must_use]
    pub fn walk_limit(self, walk: Duration) -> Self {
        Self { walk, ..self }
    }

    async fn limit<T>(&self, call: &str, limit: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            // An answer that is there wins over a limit that passed meanwhile.
            biased;
            answer = answer => answer,
            () = self.clock.sleep(limit) => {
                Err(Error::new(ErrorKind::Unavailable, format!("{call}: the store did not answer within {limit:?}")))
            }
        }
    }
}

impl<S: ?Sized> Clone for Timeout<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            clock: self.clock.clone(),
            read: self.read,
            write: self.write,
            remove: self.remove,
            walk: self.walk,
        }
    }
}

impl Backend {
    /// The same stores, none of which makes its callers wait for longer than [`Timeout`]'s limits, measured by `clock`. A
    /// watch waits on: nobody waits for it.
    #[must_use]
    pub fn with_deadlines(self, clock: &Arc<dyn Clock>) -> Self {
        Self {
            entries: Arc::new(Timeout::new(self.entries, clock.clone())),
            accounts: self.accounts.map(|accounts| Arc::new(Timeout::new(accounts, clock.clone())) as _),
            leases: self.leases.map(|leases| Arc::new(Timeout::new(leases, clock.clone())) as _),
            scan: self.scan.map(|scan| Arc::new(Timeout::new(scan, clock.clone())) as _),
            ..self
        }
    }
}
