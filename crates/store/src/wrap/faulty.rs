mod stores;
mod switches;

pub use switches::{Call, Gate, Moment, Switches};

use std::sync::Arc;

use crate::Clock;

/// A test's store that fails, waits or stands still on demand, in front of a [`Store`](crate::Store), a
/// [`LeaseStore`](crate::LeaseStore) or an [`AccountStore`](crate::AccountStore).
///
/// ```
/// # use std::{sync::Arc, time::UNIX_EPOCH};
/// # use absentia_store::{Key, ManualClock, MemoryStore, Store, ErrorKind, wrap::Faulty};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let clock = Arc::new(ManualClock::at(UNIX_EPOCH));
/// let store = Faulty::new(Arc::new(MemoryStore::new(clock.clone())), clock);
/// store.switches().fail_reads(ErrorKind::Unavailable);
/// assert!(store.get(&Key::new("ada")).await.is_err());
/// store.switches().heal();
/// assert!(store.get(&Key::new("ada")).await.is_ok());
/// # }
/// ```
pub struct Faulty<S: ?Sized> {
    inner: Arc<S>,
    switches: Switches,
}

impl<S: ?Sized> Faulty<S> {
    /// In order, until a switch is turned. Delays are slept on `clock`.
    pub fn new(inner: Arc<S>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, switches: Switches::new(clock) }
    }

    /// What a test turns; a clone works on the same store.
    pub fn switches(&self) -> Switches {
        self.switches.clone()
    }
}

impl<S: ?Sized> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), switches: self.switches.clone() }
    }
}
