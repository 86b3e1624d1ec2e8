//! The worker over a store in memory and the emulator, with a clock that stands still. Nothing sleeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

mod blocks;
mod failures;
mod grants;
mod scene;
