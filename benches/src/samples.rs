//! Times, and what they come to.

use std::time::Duration;

use absentia_store::{Clock as _, SystemClock};

/// The times of many calls.
#[derive(Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Awaits `work` and keeps how long that took, what it drops included.
    pub async fn take<F: Future>(&mut self, work: F) -> F::Output {
        let began = SystemClock.monotonic();
        let output = std::hint::black_box(work.await);
        self.0.push(SystemClock.monotonic() - began);
        output
    }

    /// Does `work` and keeps how long that took.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = SystemClock.monotonic();
        let output = std::hint::black_box(work());
        self.0.push(SystemClock.monotonic() - began);
        output
    }

    /// Adds the times of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The time that this share of calls stays within, in microseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }

    /// The mean, in microseconds: what many calls a second come to, rare dear ones included.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<Duration>().as_secs_f64() * 1e6 / self.0.len() as f64
    }

    /// The median, in microseconds.
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

/// The median of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
