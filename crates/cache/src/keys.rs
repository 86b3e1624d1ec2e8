//! The keys of a ring as its file was read, and which of them seals.

use std::{
    cmp::Ordering,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_core::Error;

use crate::{
    key_file::{KeyFile, damaged},
    key_info::{Kept, KeyId, KeyInfo, KeyState},
    seal::SealingKey,
};

/// How long a new key waits before it seals, in seconds: every process has read it by then, also where clocks differ by
/// minutes. As long again, nothing is retired that it replaced.
pub(crate) const SETTLE: u64 = 600;

/// The end of the year 9999, unix seconds: what is later is no time.
const LAST_SECOND: u64 = 253_402_300_799;

/// What was read, oldest key first.
#[derive(Clone)]
pub(crate) struct Keys {
    /// When, unix seconds.
    pub(crate) read_at: u64,
    keys: Vec<(Arc<SealingKey>, About)>,
    /// Those that left the file since it was read before: bytes sealed under them may be on their way.
    left: Vec<Arc<SealingKey>>,
}

/// Times, unix seconds.
#[derive(Clone, Copy)]
struct About {
    created: Option<u64>,
    active_from: u64,
}

impl Keys {
    pub(crate) fn read(path: &Path, now: u64) -> Result<Self, Error> {
        Self::of(&KeyFile::read(path)?, now).ok_or_else(|| damaged(path))
    }

    pub(crate) fn of(file: &KeyFile, read_at: u64) -> Option<Self> {
        let mut keys: Vec<(Arc<SealingKey>, About)> = Vec::with_capacity(file.keys.len());
        for key in &file.keys {
            let id = KeyId::parse(&key.id)?.0;
            if keys.iter().any(|(there, _)| there.id() == id) {
                return None;
            }
            if key.active_from.max(key.created.unwrap_or(0)) > LAST_SECOND {
                return None;
            }
            let about = About { created: key.created, active_from: key.active_from };
            keys.push((Arc::new(SealingKey::new(id, &*key.secret()?)), about));
        }
        // Stable: of two with one time the one that stands later seals.
        keys.sort_by_key(|(_, about)| about.active_from);
        (!keys.is_empty()).then_some(Self { read_at, keys, left: Vec::new() })
    }

    /// With those of `before` that are gone.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        let is_here = |key: &SealingKey| self.keys.iter().any(|(here, _)| here.id() == key.id());
        self.left = before.keys.iter().map(|(key, _)| key).filter(|key| !is_here(key)).cloned().collect();
        self
    }

    /// By a clock that went back, everything is old.
    pub(crate) fn is_older(&self, now: u64, seconds: u64) -> bool {
        now.checked_sub(self.read_at).is_none_or(|age| age >= seconds)
    }

    /// The place of the key that seals: of those whose time has come the last. Where no time has come, by a clock that is
    /// behind, the first.
    fn active(&self, now: u64) -> usize {
        self.keys.iter().rposition(|(_, about)| about.active_from <= now).unwrap_or(0)
    }

    pub(crate) fn sealing(&self, now: u64) -> &SealingKey {
        &self.keys[self.active(now)].0
    }

    pub(crate) fn opening(&self) -> impl Iterator<Item = &SealingKey> {
        self.keys.iter().map(|(key, _)| key).chain(&self.left).map(AsRef::as_ref)
    }

    pub(crate) fn kept(&self, id: KeyId, now: u64) -> Option<Kept> {
        let Some(at) = self.keys.iter().position(|(key, _)| key.id() == id.0) else { return Some(Kept::Unknown) };
        match (at.cmp(&self.active(now)), self.keys.get(at + 1)) {
            (Ordering::Less, Some((_, successor))) => {
                let until = successor.active_from.saturating_add(SETTLE);
                (now < until).then(|| Kept::Until(time(until)))
            }
            // One that was added by a clock far ahead would stand in the way of every rotation.
            (Ordering::Greater, _) => (self.keys[at].1.active_from.saturating_sub(now) <= SETTLE).then_some(Kept::Next),
            _ => Some(Kept::Seals),
        }
    }

    pub(crate) fn infos(&self, now: u64) -> Vec<KeyInfo> {
        let active = self.active(now);
        let info = |(at, (key, about)): (usize, &(Arc<SealingKey>, About))| KeyInfo {
            id: KeyId(key.id()),
            created: about.created.map(time),
            active_from: time(about.active_from),
            state: match at.cmp(&active) {
                Ordering::Less => KeyState::Old,
                Ordering::Equal => KeyState::Active,
                Ordering::Greater => KeyState::Next,
            },
        };
        self.keys.iter().enumerate().map(info).collect()
    }
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}
