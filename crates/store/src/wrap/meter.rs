use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Entry, Expiry, Key, Removal, Removed, Result, Store, When, Written};

/// Counts the calls that reach a store. Clones count together.
#[derive(Clone)]
pub struct Meter {
    inner: Arc<dyn Store>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    get: AtomicU64,
    get_many: AtomicU64,
    put: AtomicU64,
    remove: AtomicU64,
    conflicts: AtomicU64,
    errors: AtomicU64,
}

/// How many calls there were since the meter was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Calls {
    /// Calls of [`Store::get`].
    pub get: u64,
    /// Calls of [`Store::get_many`], however many keys each had.
    pub get_many: u64,
    /// Calls of [`Store::put`].
    pub put: u64,
    /// Calls of [`Store::remove`].
    pub remove: u64,
    /// Puts and removals whose condition did not hold.
    pub conflicts: u64,
    /// Calls that ended with an error.
    pub errors: u64,
}

impl Meter {
    /// Counts from zero.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, counters: Arc::default() }
    }

    /// What was counted so far. A call counts when it begins, its conflict or error when it ends.
    pub fn calls(&self) -> Calls {
        let counters = &self.counters;
        Calls {
            get: counters.get.load(Relaxed),
            get_many: counters.get_many.load(Relaxed),
            put: counters.put.load(Relaxed),
            remove: counters.remove.load(Relaxed),
            conflicts: counters.conflicts.load(Relaxed),
            errors: counters.errors.load(Relaxed),
        }
    }

    fn end<T>(&self, answer: Result<T>, is_conflict: impl Fn(&T) -> bool) -> Result<T> {
        match &answer {
            Ok(answer) if is_conflict(answer) => self.counters.conflicts.fetch_add(1, Relaxed),
            Ok(_) => 0,
            Err(_) => self.counters.errors.fetch_add(1, Relaxed),
        };
        answer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for Meter {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.counters.get.fetch_add(1, Relaxed);
        self.end(self.inner.get(key).await, |_| false)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        self.counters.get_many.fetch_add(1, Relaxed);
        self.end(self.inner.get_many(keys).await, |_| false)
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        self.counters.put.fetch_add(1, Relaxed);
        self.end(self.inner.put(key, value, when, expiry).await, |written| *written == Written::Conflict)
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        self.counters.remove.fetch_add(1, Relaxed);
        self.end(self.inner.remove(key, when).await, |removed| *removed == Removed::Conflict)
    }
}
