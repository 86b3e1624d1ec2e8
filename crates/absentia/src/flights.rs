//! The flights of a client: who wants the same waits for one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use absentia_cache::{Counter, TokenInner};
use absentia_core::Error;
use futures_util::{FutureExt as _, future::Shared};
use tokio::sync::oneshot;

use crate::{
    client::Inner,
    flight::Flight,
    metadata::{CacheLevel, CacheRefreshReason},
    want::Want,
};

/// What a flight brings back, for all who wait.
#[derive(Clone)]
pub(crate) struct Landed {
    pub(crate) token: Arc<TokenInner>,
    pub(crate) level: CacheLevel,
    pub(crate) reason: CacheRefreshReason,
    pub(crate) in_cache: Duration,
    pub(crate) in_http: Duration,
}

impl Landed {
    pub(crate) fn cached(token: Arc<TokenInner>, level: CacheLevel, reason: CacheRefreshReason) -> Self {
        Self { token, level, reason, in_cache: Duration::ZERO, in_http: Duration::ZERO }
    }
}

pub(crate) type Outcome = Result<Landed, Error>;
type Waiting = Shared<futures_util::future::BoxFuture<'static, Outcome>>;

/// The flights of a client that have not landed.
pub(crate) struct Flights {
    open: Mutex<HashMap<String, Waiting>>,
    coalesce: bool,
}

impl Flights {
    pub(crate) fn new(coalesce: bool) -> Self {
        Self { open: Mutex::default(), coalesce }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a flight from the list however it ends.
struct Listed(Arc<Inner>, String);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.flights.lock().remove(&self.1);
    }
}

/// Begins a refresh that nobody waits for.
pub(crate) fn launch(client: &Arc<Inner>, want: Want) {
    drop(begin(client, want, true));
}

/// Waits for the flight of this want, which may be under way.
pub(crate) async fn share(client: &Arc<Inner>, want: Want) -> Outcome {
    begin(client, want, false).await
}

fn begin(client: &Arc<Inner>, want: Want, ahead: bool) -> Waiting {
    let name = want.flight_name();
    let mut open = client.flights.lock();
    if client.flights.coalesce
        && let Some(flight) = open.get(&name)
    {
        return flight.clone();
    }
    let (landed, waiting) = oneshot::channel();
    let waiting = waiting
        .map(|landed| {
            landed.unwrap_or_else(|_| Err(Error::unavailable("The request was given up").advise("Try again")))
        })
        .boxed()
        .shared();
    if client.flights.coalesce {
        open.insert(name.clone(), waiting.clone());
    }
    drop(open);
    let client = client.clone();
    // Made here, so that a task that never runs, because its runtime ended, leaves the list too.
    let listed = client.flights.coalesce.then(|| Listed(client.clone(), name));
    tokio::spawn(async move {
        let outcome = Flight::new(&client, &want, ahead).fly().await;
        if let (true, Err(error)) = (ahead, &outcome) {
            want.cache(&client).counters().count(Counter::RefreshAheadFailed);
            tracing::info!(%error, "a token was not refreshed ahead; it is served on");
        }
        // Off the list before anybody hears of it: whoever asks after the answer begins a new flight.
        drop(listed);
        let _ = landed.send(outcome); // nobody may wait any more
    });
    waiting
}
