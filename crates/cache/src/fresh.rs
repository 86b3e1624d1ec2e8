//! How old a token may be: three lines.

use crate::record::Entity;

/// A token is not used past expiry less this: its request must still arrive (MSAL's five minutes).
const MARGIN: u64 = 300;
/// While Entra is out of order it is used until expiry less this.
const LAST_RESORT: u64 = 30;
/// A token from further ahead than this was written under a wrong clock.
const FUTURE: u64 = 300;
/// No token lives longer: MSAL.NET does not use one that says so.
const LONGEST_LIFE: u64 = 10 * 365 * 24 * 3600;

/// The lines of one token, unix seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Freshness {
    /// From here on it is refreshed ahead, while it is still served.
    pub refresh_due: u64,
    /// Until here it may be served.
    pub usable: u64,
    /// Until here it may be served when a refresh ended `Unavailable` or `Throttled`.
    pub last_resort: u64,
    /// Before this it is not used at all: it was cached at a time that has not come, or would live for over ten years.
    pub not_before: u64,
}

impl Freshness {
    /// The lines of a token that was cached at `cached_at`, ends at `expires_on` and is to be refreshed at `refresh_on` (0:
    /// not said, then at 75 % of its life). `jitter` is drawn once per token and process, so that processes do not refresh
    /// together: 0 to 255, up to a tenth of the way from there to the end of use, at most five minutes.
    pub fn new(cached_at: u64, expires_on: u64, refresh_on: u64, jitter: u8) -> Self {
        let life = expires_on.saturating_sub(cached_at);
        let usable = expires_on.saturating_sub(MARGIN);
        let due = if refresh_on > 0 { refresh_on } else { cached_at + life / 4 * 3 };
        let spread = (usable.saturating_sub(due) / 10).min(300);
        Self {
            refresh_due: due + spread * u64::from(jitter) / 255,
            usable,
            last_resort: expires_on.saturating_sub(LAST_RESORT),
            not_before: cached_at.saturating_sub(FUTURE).max(expires_on.saturating_sub(LONGEST_LIFE)),
        }
    }

    /// The lines of an access token entity.
    pub fn of(token: &Entity, jitter: u8) -> Self {
        Self::new(token.seconds("cached_at"), token.seconds("expires_on"), token.seconds("refresh_on"), jitter)
    }

    /// Served without a thought.
    pub fn is_fresh(&self, now: u64) -> bool {
        now < self.refresh_due && self.is_usable(now)
    }

    /// Served, at least while a refresh runs.
    pub fn is_usable(&self, now: u64) -> bool {
        (self.not_before..self.usable).contains(&now)
    }

    /// Served when nothing better can be had.
    pub fn is_last_resort(&self, now: u64) -> bool {
        (self.not_before..self.last_resort).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_lines_of_an_hour() {
        let lines = Freshness::new(1000, 4600, 0, 0);
        assert!(lines.is_fresh(3699) && !lines.is_fresh(3700));
        assert!(lines.is_usable(4299) && !lines.is_usable(4300));
        assert!(lines.is_last_resort(4569) && !lines.is_last_resort(4570));
    }

    #[test]
    fn entra_says_when_to_refresh() {
        let lines = Freshness::new(1000, 90_000, 40_000, 0);
        assert!(lines.is_fresh(39_999) && !lines.is_fresh(40_000) && lines.is_usable(40_000));
    }

    #[test]
    fn jitter_never_passes_the_line_of_use() {
        for jitter in [0, 128, 255] {
            let lines = Freshness::new(1000, 4600, 0, jitter);
            assert!(lines.refresh_due <= lines.usable);
            assert!((3700..=3760).contains(&lines.refresh_due));
        }
    }

    #[test]
    fn a_token_that_lives_for_decades_is_not_used() {
        let now = 1_800_000_000;
        let ends_in = |years: u64| Freshness::new(now, now + years * 365 * 24 * 3600, 0, 0);
        assert!(ends_in(9).is_usable(now) && !ends_in(11).is_usable(now) && !ends_in(11).is_last_resort(now));
    }

    #[test]
    fn a_token_from_the_future_is_not_used_and_a_short_one_never_fresh() {
        let future = Freshness::new(2000, 5600, 0, 0);
        assert!(!future.is_usable(1699) && future.is_usable(1700));
        let short = Freshness::new(1000, 1060, 0, 0);
        assert!(!short.is_usable(1000) && short.is_last_resort(1029) && !short.is_last_resort(1030));
    }
}
