//! Randomness as it is passed in.

use std::sync::atomic::{AtomicU64, Ordering};

use absentia_core::Error;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Random bytes as they are passed in. Tests hand in a [`SequentialRandom`].
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// `Unavailable` when the system has none. Nothing may go on without.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        SystemRandom::new().fill(bytes).map_err(|_| Error::unavailable("The system gave no random bytes"))
    }
}

/// Bytes that are different each time and the same in each run. For tests alone.
#[derive(Debug, Default)]
pub struct SequentialRandom(AtomicU64);

impl Random for SequentialRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
