//! Which key protects: .NET's `DefaultKeyResolver` as released in .NET 10.0.12, for a process that makes no keys of its own
//! (`AutoGenerateKeys = false`). tests/dotnet.rs asks .NET itself.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use crate::key::Key;

/// Clocks of servers may differ by this much: a key counts as active so long before its time.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// After this time every server has read a new key.
const PROPAGATION: Duration = Duration::from_secs(2 * 24 * 3600);

/// The default key: of the active keys the one activated last. If that one is revoked, expired or cannot be opened, there is
/// no default, although older keys may be valid; .NET would make a new key then.
pub(crate) fn default(keys: &[Key], now: SystemTime) -> Option<&Key> {
    preferred(keys, now).filter(|key| usable(key) && key.expires() > now)
}

/// What protects without a default: the newest key that every server has, the rejected one excepted; else the oldest of those
/// that are younger. It may be expired, so that an application nobody renews keys for still works.
pub(crate) fn fallback(keys: &[Key], now: SystemTime) -> Option<&Key> {
    let rejected = preferred(keys, now).map(Key::id);
    let everywhere = |key: &&Key| now.duration_since(key.created()).is_ok_and(|age| age >= PROPAGATION);
    let usable = || keys.iter().filter(|key| usable(key));
    let known = usable().filter(everywhere).filter(|key| Some(key.id()) != rejected);
    known
        .min_by_key(|key| Reverse(key.created()))
        .or_else(|| usable().filter(|key| !everywhere(key)).min_by_key(|key| key.created()))
}

fn preferred(keys: &[Key], now: SystemTime) -> Option<&Key> {
    let active = |key: &&Key| now.checked_add(SKEW).is_none_or(|soon| key.activates() <= soon);
    keys.iter().filter(active).min_by_key(|key| (Reverse(key.activates()), key.id()))
}

fn usable(key: &Key) -> bool {
    !key.is_revoked() && key.encryptor().is_some()
}
