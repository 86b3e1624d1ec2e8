//! What can change about a user while the emulator runs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock;

/// The changed state of users, by object id.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    changed: Mutex<HashMap<String, Change>>,
}

#[derive(Clone, Debug, Default)]
struct Change {
    enabled: Option<bool>,
    deleted: bool,
    valid_from_millis: i64,
    lifetime: Option<Duration>,
    context: Option<String>,
}

impl Accounts {
    /// Whether the account was enabled or disabled since the start.
    pub(crate) fn enabled(&self, user: &str) -> Option<bool> {
        self.get(user).enabled
    }

    pub(crate) fn set_enabled(&self, user: &str, enabled: bool) {
        self.change(user, |c| c.enabled = Some(enabled));
    }

    /// Whether the account was deleted since the start.
    pub(crate) fn deleted(&self, user: &str) -> bool {
        self.get(user).deleted
    }

    pub(crate) fn delete(&self, user: &str) {
        self.change(user, |c| c.deleted = true);
    }

    /// Grants and sessions made up to this moment (milliseconds) are void.
    pub(crate) fn valid_from_millis(&self, user: &str) -> i64 {
        self.get(user).valid_from_millis
    }

    pub(crate) fn revoke(&self, user: &str, at_millis: i64) {
        self.change(user, |c| c.valid_from_millis = at_millis);
    }

    /// The fixed lifetime of the user's access tokens, if one was set.
    pub(crate) fn lifetime(&self, user: &str) -> Option<Duration> {
        self.get(user).lifetime
    }

    pub(crate) fn set_lifetime(&self, user: &str, lifetime: Option<Duration>) {
        self.change(user, |c| c.lifetime = lifetime);
    }

    /// The authentication context Graph asks of the user's tokens, if one was set.
    pub(crate) fn context(&self, user: &str) -> Option<String> {
        self.get(user).context
    }

    pub(crate) fn set_context(&self, user: &str, context: Option<String>) {
        self.change(user, |c| c.context = context);
    }

    fn get(&self, user: &str) -> Change {
        lock(&self.changed).get(user).cloned().unwrap_or_default()
    }

    fn change(&self, user: &str, how: impl FnOnce(&mut Change)) {
        how(lock(&self.changed).entry(user.to_owned()).or_default());
    }
}
