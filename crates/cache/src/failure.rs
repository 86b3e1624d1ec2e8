//! What a failing store means to callers.

use absentia_store::{Entry, Error, ErrorKind, Expiry, Key, Removal, Removed, Result, When, Written};
use bytes::Bytes;

use crate::cache::TokenCache;

/// What is done when the store does not answer: .NET's `OnL2CacheFailure` as a value. Failures are told by
/// [`TokenCache::events`], whatever is done.
///
/// By default nothing is tried again, and a failure is no miss: memory serves on, apps and callers of on-behalf-of are answered by
/// Entra, and everybody else hears `Unavailable`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoreFailure {
    /// How often a call is tried again, at once. Only what may pass by itself is: not a wrong set-up, nor a full store.
    pub retries: u8,
    /// What then.
    pub then: Then,
}

/// What a read that failed is taken for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Then {
    /// A failure.
    #[default]
    Fail,
    /// A miss, as Microsoft.Identity.Web takes it: users are sent to sign in while the store is down. Not for workers, which
    /// would mark everybody; a background client refuses it. A wrong set-up fails all the same.
    Miss,
}

impl TokenCache {
    /// What is done when the store does not answer.
    pub fn store_failure(&self) -> StoreFailure {
        self.0.store_failure
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let mut left = self.0.store_failure.retries;
        loop {
            match self.0.backend.entries.get(key).await {
                Err(error) if self.tries_again("get", &mut left, &error) => {}
                Err(error) if self.0.store_failure.then == Then::Miss && error.kind() != ErrorKind::Config => {
                    return Ok(None);
                }
                answer => return answer,
            }
        }
    }

    /// A put whose answer was lost conflicts with itself when it is tried again: its caller loads, and merges with its own.
    pub(crate) async fn put_bytes(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let mut left = self.0.store_failure.retries;
        loop {
            match self.0.backend.entries.put(key, value.clone(), when.clone(), expiry).await {
                Err(error) if self.tries_again("put", &mut left, &error) => {}
                answer => return answer,
            }
        }
    }

    pub(crate) async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let mut left = self.0.store_failure.retries;
        loop {
            match self.0.backend.entries.remove(key, when.clone()).await {
                Err(error) if self.tries_again("remove", &mut left, &error) => {}
                answer => return answer,
            }
        }
    }

    /// Tells of a failure, and says whether the call is tried again.
    fn tries_again(&self, call: &'static str, left: &mut u8, error: &Error) -> bool {
        let again = *left > 0 && error.kind() == ErrorKind::Unavailable;
        *left = left.saturating_sub(1);
        self.0.events.failed(call, error, again);
        again
    }
}
