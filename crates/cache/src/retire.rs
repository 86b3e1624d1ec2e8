//! Retiring a key of our ring: first nothing in the store needs it, then it goes.

use std::collections::BTreeMap;

use absentia_core::Error;
use absentia_store::{Entry, Key, ScanStore, When, Written};

use crate::{
    cache::TokenCache,
    key_info::{Kept, KeyId},
    key_ring::KeyRing,
};

/// How many entries are read at a time.
const BATCH: usize = 200;
/// Walks before it is given up: the second finds nothing, unless a process still seals under the key.
const WALKS: usize = 8;

/// What became of a key that was to be retired.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retired {
    /// How many entries were sealed under the active key instead.
    pub resealed: usize,
    /// How many entries name the key and do not open under it: damaged, or another's. They are left as they are, and were lost before.
    pub unreadable: usize,
    /// Why the key stays, if it does.
    pub kept: Option<Kept>,
}

#[derive(Default)]
struct Walk {
    resealed: usize,
    raced: usize,
    unreadable: usize,
}

impl TokenCache {
    /// Seals everything in the store that is under this key of the [`key_ring`](Self::key_ring) under the active one, and then takes it
    /// out of the ring's file. Only a key that seals nothing any more can be retired: the one before the active one ten
    /// minutes after that became active. Other processes go on meanwhile, and no call of theirs fails for it.
    ///
    /// What was sealed under the key elsewhere ends with it: session cookies, and sign-ins under way. Entries are read, so
    /// that a sliding expiry begins anew.
    ///
    /// Cancel safe: the key stays unless all was done. Repeating goes on.
    ///
    /// # Errors
    /// `Config` when there is no ring with a file, the file cannot be read or replaced, or the store cannot be walked;
    /// `Unavailable` when it did not answer. The key stays.
    pub async fn retire_key(&self, id: KeyId) -> Result<Retired, Error> {
        let (ring, scan) = self.ring_and_scan()?;
        let mut done = Retired { resealed: 0, unreadable: 0, kept: ring.kept(id, self.0.clock.now())? };
        if done.kept.is_some() {
            return Ok(done);
        }
        for _ in 0..WALKS {
            let walk = self.reseal(ring, scan, id).await?;
            done.resealed += walk.resealed;
            done.unreadable = walk.unreadable;
            if walk.resealed + walk.raced == 0 {
                done.kept = ring.remove(id, self.0.clock.now(), &*self.0.random)?;
                return Ok(done);
            }
        }
        done.kept = Some(Kept::StillSeals);
        Ok(done)
    }

    /// How many entries of the store are sealed under which key, also one that is not in the ring. Entries are read, so that a
    /// sliding expiry begins anew. Cancel safe.
    ///
    /// # Errors
    /// As [`retire_key`](Self::retire_key).
    pub async fn entries_by_key(&self) -> Result<BTreeMap<KeyId, usize>, Error> {
        let (_, scan) = self.ring_and_scan()?;
        let mut counts = BTreeMap::new();
        let mut after = None;
        while let Some(batch) = self.batch(scan, &mut after).await? {
            for id in batch.iter().filter_map(|(_, entry)| KeyRing::sealed_under(&entry.value)) {
                *counts.entry(id).or_default() += 1;
            }
        }
        Ok(counts)
    }

    fn ring_and_scan(&self) -> Result<(&KeyRing, &dyn ScanStore), Error> {
        let ring = self.key_ring().ok_or_else(|| Error::config("This cache has no key ring of its own"))?;
        let name = &self.0.backend.name;
        let none = || Error::config(format!("What the token store {name} holds cannot be walked over"));
        Ok((ring, self.0.backend.scan.as_deref().ok_or_else(none)?))
    }

    /// The next entries of a walk. `None` at its end.
    async fn batch(&self, scan: &dyn ScanStore, after: &mut Option<Key>) -> Result<Option<Vec<(Key, Entry)>>, Error> {
        let keys = scan.scan(after.as_ref(), BATCH).await.map_err(|error| self.store_error(error))?;
        let Some(last) = keys.last() else { return Ok(None) };
        *after = Some(last.clone());
        let entries = self.0.backend.entries.get_many(&keys).await.map_err(|error| self.store_error(error))?;
        Ok(Some(keys.into_iter().zip(entries).filter_map(|(key, entry)| Some((key, entry?))).collect()))
    }

    async fn reseal(&self, ring: &KeyRing, scan: &dyn ScanStore, id: KeyId) -> Result<Walk, Error> {
        let mut walk = Walk::default();
        let mut after = None;
        while let Some(batch) = self.batch(scan, &mut after).await? {
            for (key, entry) in batch {
                if KeyRing::sealed_under(&entry.value) != Some(id) {
                    continue;
                }
                let now = self.0.clock.now();
                let Ok(plain) = ring.open_entry(&key, &entry.value, now) else {
                    walk.unreadable += 1;
                    continue;
                };
                let sealed = ring.seal_entry(&key, &plain, now, &*self.0.random)?;
                let when = When::Unchanged(entry.version);
                let put = self.0.backend.entries.put(&key, sealed.into(), when, entry.expiry).await;
                match put.map_err(|error| self.store_error(error))? {
                    Written::Done(_) => walk.resealed += 1,
                    // Whoever came first sealed it under the active key; the next walk makes sure.
                    Written::Conflict => walk.raced += 1,
                }
            }
        }
        Ok(walk)
    }
}
