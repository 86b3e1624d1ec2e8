use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Clock, Entry, Error, ErrorKind, Expiry, Key, Removal, Removed, Result, Store, When, Written};

/// How many keys of a [`Store::get_many`] share one read's limit.
const KEYS_PER_LIMIT: usize = 100;

/// Ends a call that took too long as `Unavailable`, naming the call. The call is dropped; what it asked for may have
/// happened.
#[derive(Clone)]
pub struct Timeout {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    read: Duration,
    write: Duration,
    remove: Duration,
}

impl Timeout {
    /// Limits of 500 ms for a read, 2 s for a put and 5 s for a removal, measured by `clock`. Reading many takes a read's
    /// limit for each hundred keys begun.
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let (read, write, remove) = (Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5));
        Self { inner, clock, read, write, remove }
    }

    /// Another limit for reads.
    #[must_use]
    pub fn read_limit(self, read: Duration) -> Self {
        Self { read, ..self }
    }

    /// Another limit for puts.
    #[must_use]
    pub fn write_limit(self, write: Duration) -> Self {
        Self { write, ..self }
    }

    /// Another limit for removals.
    #[must_use]
    pub fn remove_limit(self, remove: Duration) -> Self {
        Self { remove, ..self }
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

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for Timeout {
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
