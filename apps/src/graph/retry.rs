//! Which failures are tried again, and when.

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    time::{Duration, UNIX_EPOCH},
};

use absentia::store::Clock;

use super::Error;

/// How often a call is tried at most.
const TRIES: u32 = 3;
/// The wait before the second try when nobody says how long; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The tries of one call, with their one deadline.
pub(super) struct Tries<'a> {
    clock: &'a dyn Clock,
    until: Duration,
    jitter: &'a (dyn Fn() -> f64 + Send + Sync),
    made: u32,
}

impl<'a> Tries<'a> {
    pub(super) fn new(clock: &'a dyn Clock, deadline: Duration, jitter: &'a (dyn Fn() -> f64 + Send + Sync)) -> Self {
        Self { clock, until: clock.monotonic() + deadline, jitter, made: 0 }
    }

    pub(super) fn unix_now(&self) -> u64 {
        self.clock.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// What `work` answers, or `None` at the deadline.
    pub(super) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        self.made += 1;
        tokio::select! {
            biased;
            answer = work => Some(answer),
            () = self.clock.sleep(self.left()) => None,
        }
    }

    /// Waits until another try makes sense.
    ///
    /// # Errors
    /// With `failed`, when none does: it is for good, all tries are made, or the wait would pass the deadline.
    pub(super) async fn again(&self, failed: Error) -> Result<(), Error> {
        let told = match &failed {
            Error::Challenge { .. } | Error::Refused { .. } => return Err(failed),
            Error::Throttled { .. } | Error::Unavailable { .. } => failed.retry_after(),
        };
        if self.made >= TRIES {
            return Err(failed);
        }
        // What the server asks for is waited exactly; else between half and all of a time that doubles.
        let wait = told.unwrap_or_else(|| {
            let most = FIRST_WAIT * 2u32.pow(self.made - 1);
            most.mul_f64(0.5 + 0.5 * (self.jitter)().clamp(0.0, 1.0))
        });
        if wait >= self.left() {
            return Err(failed);
        }
        self.clock.sleep(wait).await;
        Ok(())
    }

    fn left(&self) -> Duration {
        self.until.saturating_sub(self.clock.monotonic())
    }
}

/// The standard library's randomness is enough to spread callers.
pub(super) fn random() -> f64 {
    (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64
}
