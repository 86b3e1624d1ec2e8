//! Failures that are answered again without asking: what Entra said it does not want to hear twice.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use absentia_core::{Error, ErrorKind};

/// How long "must sign in" is remembered for one refresh token and claims, as MSAL.
const INTERACTION: Duration = Duration::from_secs(120);
/// Most failures that are remembered.
const LIMIT: usize = 10_000;

/// Remembered failures, by name of want and digest of what was redeemed.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<HashMap<String, (Duration, Error)>>);

impl Remembered {
    /// The failure that still stands at `now` (monotonic).
    pub(crate) fn get(&self, name: &str, now: Duration) -> Option<Error> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, error) = failures.get(name)?;
        if *until > now {
            // What is left of the wait, not all of it again.
            let wait = error.retry_after().map(|_| *until - now);
            return Some(error.clone().retry_in(wait));
        }
        failures.remove(name);
        None
    }

    /// Remembers `error` if it is of a kind that is.
    pub(crate) fn add(&self, name: String, error: &Error, now: Duration) {
        let wait = match error.kind() {
            ErrorKind::InteractionRequired => INTERACTION,
            ErrorKind::Throttled | ErrorKind::Unavailable => match error.retry_after() {
                Some(wait) => wait,
                None => return,
            },
            _ => return,
        };
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= LIMIT {
            failures.retain(|_, (until, _)| *until > now);
        }
        if failures.len() < LIMIT {
            failures.insert(name, (now + wait, error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_want_waits_as_long_as_it_was_told() {
        let remembered = Remembered::default();
        let at = Duration::from_secs;
        let throttled = Error::new(ErrorKind::Throttled, "x").retry_in(Some(at(60)));
        remembered.add("w".into(), &throttled, at(100));
        assert_eq!(remembered.get("w", at(130)).unwrap().retry_after(), Some(at(30)));
        assert!(remembered.get("w", at(160)).is_none());
        remembered.add("w".into(), &Error::unavailable("x"), at(0));
        assert!(remembered.get("w", at(0)).is_none());
        remembered.add("i".into(), &Error::interaction_required("x"), at(0));
        assert!(remembered.get("i", at(119)).is_some() && remembered.get("i", at(120)).is_none());
    }
}
