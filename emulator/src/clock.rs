//! The emulator's clock: the system's, plus what [`advance`](crate::Emulator::advance) added.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the one place where the emulator reads the system's clock and sleeps"
)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 on the emulator's clock, as all tokens and the journal count them.
pub(crate) type UnixSeconds = i64;

/// A clock that only runs forward of the system's.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_millis: AtomicI64,
}

impl Clock {
    /// Whole seconds since 1970.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.now_millis().div_euclid(1000)
    }

    /// Milliseconds since 1970 on the emulator's clock.
    pub(crate) fn now_millis(&self) -> i64 {
        wall_millis().saturating_add(self.ahead_millis.load(Ordering::SeqCst))
    }

    /// How far this clock runs ahead of the system's.
    pub(crate) fn ahead(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.ahead_millis.load(Ordering::SeqCst)).unwrap_or(0))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4);
        self.ahead_millis.fetch_add(millis, Ordering::SeqCst);
    }
}

/// Milliseconds since 1970 on the system's clock.
pub(crate) fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits in real time: a slow answer is slow for the client, whose clock is not ours to move.
pub(crate) async fn pause(real: Duration) {
    tokio::time::sleep(real).await;
}

/// `2021-10-29 17:16:31Z`, the form of an Entra error's `timestamp`.
pub(crate) fn error_timestamp(at: UnixSeconds) -> String {
    format(at, "%Y-%m-%d %H:%M:%SZ")
}

/// `2022-07-17T15:54:29`, the form of a Graph error's `date` (no zone).
pub(crate) fn graph_date(at: UnixSeconds) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S")
}

/// `2026-11-25T08:00:00Z`, RFC 3339.
pub(crate) fn rfc3339(at: UnixSeconds) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

fn format(at: UnixSeconds, pattern: &str) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |t| t.strftime(pattern).to_string())
}
