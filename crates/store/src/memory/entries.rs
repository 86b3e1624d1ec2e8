use std::{collections::BTreeMap, ops::Bound, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use super::{MemoryStore, later};
use crate::{
    Change, Entry, Error, ErrorKind, Expiry, Key, Removal, Removed, Result, ScanStore, Store, Version, Watch,
    WatchStore, When, Written,
};

#[derive(Default)]
pub(super) struct Entries {
    stored: BTreeMap<Key, Stored>,
    /// Counts writes of all keys, so that no version comes back.
    writes: u64,
}

struct Stored {
    entry: Entry,
    touched: SystemTime,
}

impl Stored {
    fn is_live(&self, now: SystemTime) -> bool {
        let Expiry { sliding, absolute } = self.entry.expiry;
        let slides = sliding.map(|window| later(self.touched, window));
        slides.into_iter().chain(absolute).all(|end| end > now)
    }
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.stored.len()
    }

    fn live(&mut self, key: &Key, now: SystemTime) -> Option<&mut Stored> {
        self.stored.get_mut(key).filter(|stored| stored.is_live(now))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let now = self.clock.now();
        let mut state = self.lock();
        Ok(state.entries.live(key, now).map(|stored| {
            let idle = now.duration_since(stored.touched).unwrap_or_default();
            if stored.entry.expiry.sliding.is_some_and(|window| idle >= window / 10) {
                stored.touched = stored.touched.max(now);
            }
            stored.entry.clone()
        }))
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let now = self.clock.now();
        let mut state = self.lock();
        let found = state.entries.live(key, now).map(|stored| &stored.entry.version);
        let holds = match &when {
            When::Absent => found.is_none(),
            When::Unchanged(version) => found == Some(version),
        };
        if !holds {
            return Ok(Written::Conflict);
        }
        state.entries.writes += 1;
        let version = Version::new(state.entries.writes.to_be_bytes().to_vec());
        let entry = Entry { value, version: version.clone(), expiry };
        state.entries.stored.insert(key.clone(), Stored { entry, touched: now });
        // Told under the lock, so that the order told is the order it happened in.
        let _ = self.changes.send(Change::Written(key.clone(), version.clone()));
        Ok(Written::Done(version))
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(stored) = state.entries.live(key, now) else { return Ok(Removed::Absent) };
        if let Removal::IfUnchanged(version) = &when
            && stored.entry.version != *version
        {
            return Ok(Removed::Conflict);
        }
        state.entries.stored.remove(key);
        let _ = self.changes.send(Change::Removed(key.clone()));
        Ok(Removed::Done)
    }
}

#[async_trait]
impl ScanStore for MemoryStore {
    async fn scan(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>> {
        let now = self.clock.now();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.lock();
        let live = state.entries.stored.range((from, Bound::Unbounded)).filter(|(_, stored)| stored.is_live(now));
        Ok(live.map(|(key, _)| key.clone()).take(limit).collect())
    }

    async fn sweep(&self, limit: usize) -> Result<usize> {
        let now = self.clock.now();
        let mut state = self.lock();
        let expired = state.entries.stored.iter().filter(|(_, stored)| !stored.is_live(now));
        let expired: Vec<Key> = expired.map(|(key, _)| key.clone()).take(limit).collect();
        for key in &expired {
            state.entries.stored.remove(key);
        }
        Ok(expired.len())
    }
}

#[async_trait]
impl WatchStore for MemoryStore {
    async fn watch(&self) -> Result<Box<dyn Watch>> {
        Ok(Box::new(MemoryWatch(self.changes.subscribe())))
    }
}

struct MemoryWatch(broadcast::Receiver<Change>);

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<Vec<Change>> {
        let mut changes = match self.0.recv().await {
            Ok(change) => vec![change],
            Err(RecvError::Lagged(_)) => vec![Change::Lost],
            Err(RecvError::Closed) => return Err(Error::new(ErrorKind::Unavailable, "memory: the store is gone")),
        };
        // No await from here on: what was taken is returned.
        loop {
            match self.0.try_recv() {
                Ok(change) => changes.push(change),
                Err(TryRecvError::Lagged(_)) => changes.push(Change::Lost),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(changes),
            }
        }
    }
}
