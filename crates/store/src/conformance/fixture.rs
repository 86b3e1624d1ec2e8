use std::{
    any::Any,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{AccountStore, Backend, Clock, LeaseStore, ManualClock, ScanStore, Store, SystemClock, WatchStore};

type Reopen = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Backend> + Send>> + Send + Sync>;

/// What a law works on: an empty store, and time.
pub struct Fixture {
    backend: Backend,
    time: Time,
    expires_by_itself: bool,
    reopen: Option<Reopen>,
    /// Dropped after the law, e.g. a temporary folder.
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

enum Time {
    Manual(ManualClock),
    Real,
}

impl Fixture {
    /// A backend whose clock is `clock`.
    pub fn new(backend: Backend, clock: ManualClock) -> Self {
        Self { backend, time: Time::Manual(clock), expires_by_itself: false, reopen: None, kept: Vec::new() }
    }

    /// A backend whose clock cannot be moved, e.g. that of a server: the laws wait, and take longer.
    pub fn in_real_time(backend: Backend) -> Self {
        Self { backend, time: Time::Real, expires_by_itself: false, reopen: None, kept: Vec::new() }
    }

    /// The server deletes what ended without being asked: there is nothing to sweep, ever.
    #[must_use]
    pub fn expiring_by_itself(self) -> Self {
        Self { expires_by_itself: true, ..self }
    }

    /// How another process opens the same data. Without it the laws about two handles use one.
    #[must_use]
    pub fn reopened_by<F>(mut self, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Backend> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(reopen())));
        self
    }

    /// Keeps a thing until the law ended, e.g. a temporary folder.
    #[must_use]
    pub fn keeping(mut self, thing: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(thing));
        self
    }

    /// The stores.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// How many entries a sweep must find, of `ended` that ended.
    pub(super) fn to_sweep(&self, ended: usize) -> usize {
        if self.expires_by_itself { 0 } else { ended }
    }

    pub(super) async fn another(&self) -> Backend {
        match &self.reopen {
            Some(reopen) => reopen().await,
            None => self.backend.clone(),
        }
    }

    pub(super) fn entries(&self) -> Arc<dyn Store> {
        self.backend.entries.clone()
    }

    pub(super) fn accounts(&self) -> Arc<dyn AccountStore> {
        self.backend.accounts.clone().expect("the backend under test has an AccountStore")
    }

    pub(super) fn leases(&self) -> Arc<dyn LeaseStore> {
        self.backend.leases.clone().expect("the backend under test has a LeaseStore")
    }

    pub(super) fn scan(&self) -> Arc<dyn ScanStore> {
        self.backend.scan.clone().expect("the backend under test has a ScanStore")
    }

    pub(super) fn watch(&self) -> Arc<dyn WatchStore> {
        self.backend.watch.clone().expect("the backend under test has a WatchStore")
    }

    pub(super) fn now(&self) -> SystemTime {
        match &self.time {
            Time::Manual(clock) => clock.now(),
            Time::Real => SystemClock.now(),
        }
    }

    /// A span of time in this fixture's unit, of which laws leave two to each side of a line.
    pub(super) fn span(&self, units: u32) -> Duration {
        let unit = match self.time {
            Time::Manual(_) => Duration::from_secs(10),
            Time::Real => Duration::from_millis(100),
        };
        unit * units
    }

    /// Lets that much time pass.
    pub(super) async fn pass(&self, units: u32) {
        match &self.time {
            Time::Manual(clock) => clock.advance(self.span(units)),
            Time::Real => SystemClock.sleep(self.span(units)).await,
        }
    }
}
