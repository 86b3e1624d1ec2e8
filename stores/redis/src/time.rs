use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, negative before.
pub(crate) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => span(after),
        Err(before) => -span(before.duration()),
    }
}

/// The instant of these milliseconds since 1970.
pub(crate) fn instant(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let instant = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    instant.unwrap_or(UNIX_EPOCH)
}

/// A duration in milliseconds.
pub(crate) fn span(duration: Duration) -> i64 {
    // Far below i64::MAX, so that adding it to a time never overflows.
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}
