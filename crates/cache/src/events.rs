//! What happens to a cache's store, told as it happens.

use std::sync::Arc;

use absentia_store::{Error as StoreError, ErrorKind as StoreErrorKind, Key};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many events wait for a slow listener before the oldest are dropped.
const KEPT: usize = 256;

/// Something an operator may want to hear of at once. Holds no secret; the key of a long-running process in .NET's layout is
/// one, so keys are shown to code and by no `Debug`.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// A store call failed. What the caller was told depends on [`StoreFailure`](crate::StoreFailure).
    StoreFailed {
        /// `get`, `put` or `remove`.
        call: &'static str,
        /// What kind of failure.
        kind: StoreErrorKind,
        /// What the store said.
        message: Arc<str>,
        /// Whether the call is tried again.
        again: bool,
    },
    /// An entry could not be read: damaged, or of another key ring.
    Unreadable {
        /// Its key.
        key: Key,
    },
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StoreFailed { call, kind, message, again } => f
                .debug_struct("StoreFailed")
                .field("call", call)
                .field("kind", kind)
                .field("message", message)
                .field("again", again)
                .finish(),
            Self::Unreadable { .. } => f.debug_struct("Unreadable").finish_non_exhaustive(),
        }
    }
}

/// A listener. Hears what happens after it was made; dropping it ends it.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something happened.
    Event(Event),
    /// It was too slow, and this many were dropped.
    Missed(u64),
}

impl Events {
    /// The next event, in order. `None` when the cache is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

pub(crate) struct Teller(broadcast::Sender<Event>);

impl Default for Teller {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Teller {
    pub(crate) fn listen(&self) -> Events {
        Events(self.0.subscribe())
    }

    pub(crate) fn unreadable(&self, key: &Key) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Event::Unreadable { key: key.clone() });
        }
    }

    pub(crate) fn failed(&self, call: &'static str, error: &StoreError, again: bool) {
        if self.0.receiver_count() > 0 {
            let message = error.to_string().into();
            let _ = self.0.send(Event::StoreFailed { call, kind: error.kind(), message, again });
        }
    }
}
