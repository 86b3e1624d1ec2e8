//! The worker over a store in memory and the emulator, with a clock that stands still. Nothing sleeps.

mod failures;
mod grants;
mod scene;
