//! What a process of many callers and the test that starts it have in common.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    pin::Pin,
    time::{Duration, SystemTime},
};

use absentia_store::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

/// What a process is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Task {
    /// The connection string of the store.
    pub store: String,
    /// The file of the key ring.
    pub ring: PathBuf,
    /// Entra.
    pub url: String,
    /// The tenant's id.
    pub tenant: String,
    /// The app.
    pub client_id: String,
    /// Its secret at the emulator.
    pub secret: String,
    /// Home account id of the user.
    pub account: String,
    /// How many want her token.
    pub callers: usize,
    /// How far its clock is ahead of the machine's, in seconds.
    pub ahead: u64,
    /// How long a lease holds, in milliseconds.
    pub lease: u64,
}

/// What the callers of one process got.
#[derive(Debug, Deserialize, Serialize)]
pub struct Got {
    /// How many got the token of this SHA-256.
    pub tokens: BTreeMap<String, usize>,
    /// How many got this error.
    pub errors: BTreeMap<String, usize>,
}

/// The machine's clock, set ahead.
#[derive(Clone, Copy, Debug)]
pub struct Ahead(pub Duration);

impl Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemClock.now() + self.0
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep(duration)
    }
}
