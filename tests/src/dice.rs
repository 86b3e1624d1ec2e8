//! Chance that can be had again.

use absentia_store::{Clock as _, SystemClock};

/// Random enough to spread what happens, and the same again for the same seed.
pub struct Dice(u64);

impl Dice {
    /// Of this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Of the seed in this environment variable, else of the time; says which, to be shown when the test fails.
    pub fn seeded_by(variable: &str) -> Self {
        let seed = match std::env::var(variable) {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => SystemClock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64,
        };
        eprintln!("seed: {variable}={seed}");
        Self(seed)
    }

    /// A number from 0 to below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
