//! A store of one's own: three methods, then the laws. Copy this file, and put your database in place of the map.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_store::{
    Backend, Clock, Entry, Expiry, Key, ManualClock, Removal, Removed, Result, Store, Version, When, Written,
    conformance::Fixture,
};
use async_trait::async_trait;
use bytes::Bytes;

struct OwnStore {
    clock: Arc<dyn Clock>,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// An entry, and when its window began.
    by_key: BTreeMap<Key, (Entry, SystemTime)>,
    /// Never goes back, so that a version never comes back.
    writes: u64,
}

impl Rows {
    /// An expired entry counts as absent everywhere: so there is one place that looks.
    fn live(&mut self, key: &Key, now: SystemTime) -> Option<&mut (Entry, SystemTime)> {
        self.by_key.get_mut(key).filter(|(entry, since)| {
            entry.expiry.absolute.is_none_or(|end| end > now)
                && entry.expiry.sliding.is_none_or(|window| *since + window > now)
        })
    }
}

#[async_trait]
impl Store for OwnStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap();
        let Some((entry, since)) = rows.live(key, now) else { return Ok(None) };
        // A database would be written here: hence at most once per tenth of the window.
        if entry.expiry.sliding.is_some_and(|window| *since + window / 10 <= now) {
            *since = now;
        }
        Ok(Some(entry.clone()))
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap();
        let found = rows.live(key, now).map(|(entry, _)| entry.version.clone());
        let holds = match when {
            When::Absent => found.is_none(),
            When::Unchanged(version) => found == Some(version),
        };
        if !holds {
            return Ok(Written::Conflict);
        }
        rows.writes += 1;
        let version = Version::new(rows.writes.to_be_bytes().to_vec());
        rows.by_key.insert(key.clone(), (Entry { value, version: version.clone(), expiry }, now));
        Ok(Written::Done(version))
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap();
        let Some((entry, _)) = rows.live(key, now) else { return Ok(Removed::Absent) };
        match when {
            Removal::IfUnchanged(version) if version != entry.version => Ok(Removed::Conflict),
            Removal::IfUnchanged(_) | Removal::SignOut => {
                rows.by_key.remove(key);
                Ok(Removed::Done)
            }
        }
    }
}

async fn fresh() -> Fixture {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let entries = Arc::new(OwnStore { clock: Arc::new(clock.clone()), rows: Mutex::default() });
    let backend = Backend { entries, accounts: None, leases: None, scan: None, watch: None, name: "my own".to_owned() };
    Fixture::new(backend, clock)
}

absentia_store::conformance_tests!(|| fresh(), store);
