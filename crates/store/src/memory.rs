mod accounts;
mod entries;
mod leases;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::broadcast;

use crate::{Change, Clock};

/// How many changes a watch may lag behind before it hears `Lost`.
const CHANGES_KEPT: usize = 4_096;

/// All five stores in the memory of one process: for tests, and for apps whose users may sign in again after a restart.
/// Clones share what is stored. No call ever waits or fails.
///
/// ```
/// use std::sync::Arc;
/// use absentia_store::{Backend, MemoryStore, SystemClock};
///
/// let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
/// let backend = Backend::of("memory", &store);
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct State {
    entries: entries::Entries,
    leases: leases::Leases,
    accounts: accounts::Accounts,
}

impl MemoryStore {
    /// An empty store whose entries and leases end by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default(), changes: broadcast::Sender::new(CHANGES_KEPT) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of the state is made by calls that cannot panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("entries", &self.lock().entries.len()).finish_non_exhaustive()
    }
}

/// `from + span`, or as late as the platform can tell.
fn later(from: SystemTime, span: Duration) -> SystemTime {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    from.checked_add(span).or_else(|| from.checked_add(CENTURY)).unwrap_or(from)
}
