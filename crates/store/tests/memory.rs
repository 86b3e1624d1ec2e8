//! `MemoryStore` keeps every law.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use absentia_store::{Backend, ManualClock, MemoryStore, conformance::Fixture};

async fn fixture() -> Fixture {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    Fixture::new(Backend::of("memory", &store), clock)
}

// Named as in the table of laws by backend.
mod memory {
    use super::*;

    absentia_store::conformance_tests!(|| fixture());
}
