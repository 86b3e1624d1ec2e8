//! One redemption across processes.

use std::{future::Future, sync::Arc, time::Duration};

use absentia_cache::Counter;
use absentia_core::{Error, ErrorKind, encoding::sha256_base64url, error::Entra};
use absentia_store::{Acquired, Key, Lease, LeaseState, LeaseStore};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{client::Inner, want::Want};

/// How often a waiter looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long an outcome is kept for those who waited.
const KEEP: Duration = Duration::from_secs(5);
/// How long a waiter waits in all before it goes on without.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long any call of the lease store may take before the flight goes on without.
const DEADLINE: Duration = Duration::from_secs(2);

/// Where a flight stands after asking for the lease.
pub(crate) enum Turn {
    /// Go on; the lease, if there is one, is to be released with the outcome.
    Mine(Option<Held>),
    /// Another process failed for all who waited.
    Failed(Error),
    /// Another process redeemed: look at the store again.
    Done,
}

/// A held lease.
pub(crate) struct Held {
    leases: Arc<dyn LeaseStore>,
    lease: Lease,
    ttl: Duration,
}

/// Takes the lease of a want, or waits for whoever has it.
pub(crate) async fn take_turn(client: &Inner, want: &Want) -> Result<Turn, Error> {
    let cache = want.cache(client);
    let (Some(ttl), Some(leases)) = (client.lease, &cache.backend().leases) else { return Ok(Turn::Mine(None)) };
    let key = Key::new(format!("flight/{}", sha256_base64url(&want.name())));
    let owner = client.new_id()?;
    let clock = client.clock();
    let began = clock.monotonic();
    loop {
        let seen = match within(client, leases.acquire(&key, &owner, ttl)).await {
            Some(Acquired::Held(lease)) => return Ok(Turn::Mine(Some(Held { leases: leases.clone(), lease, ttl }))),
            Some(Acquired::Busy(fence)) => fence,
            None => {
                cache.counters().count(Counter::LeaseFailed);
                return Ok(Turn::Mine(None));
            }
        };
        loop {
            if clock.monotonic().saturating_sub(began) > PATIENCE {
                return Ok(Turn::Mine(None));
            }
            clock.sleep(LOOK).await;
            match within(client, leases.look(&key)).await {
                Some(LeaseState::Held(_)) => {}
                Some(LeaseState::Ended { fence, outcome }) if fence == seen => {
                    return Ok(match serde_json::from_slice::<Outcome>(&outcome) {
                        Ok(Outcome::Failed(failure)) => Turn::Failed((*failure).into()),
                        _ => Turn::Done,
                    });
                }
                // It died, or somebody else came and went: try to take it.
                Some(LeaseState::Free | LeaseState::Ended { .. }) => break,
                None => {
                    cache.counters().count(Counter::LeaseFailed);
                    return Ok(Turn::Mine(None));
                }
            }
        }
    }
}

async fn within<T>(client: &Inner, call: impl Future<Output = absentia_store::Result<T>>) -> Option<T> {
    tokio::select! {
        answer = call => answer.inspect_err(|error| tracing::warn!(%error, "the lease store did not answer")).ok(),
        () = client.clock().sleep(DEADLINE) => None,
    }
}

impl Held {
    /// Works while the lease is renewed at a third of its time. A lease that is lost does not stop the work: commits are
    /// conditional.
    pub(crate) async fn during<T>(&self, client: &Inner, work: impl Future<Output = T>) -> T {
        let renewals = async {
            let mut held = true;
            loop {
                client.clock().sleep(self.ttl / 3).await;
                if held {
                    held = match self.leases.renew(&self.lease, self.ttl).await {
                        Ok(held) => held,
                        Err(error) => {
                            tracing::warn!(%error, "a lease was not renewed");
                            true
                        }
                    };
                }
            }
        };
        tokio::select! {
            done = work => done,
            never = renewals => never,
        }
    }

    /// Gives the lease back, with what became of it.
    pub(crate) async fn release(self, client: &Inner, failed: Option<&Error>) {
        let outcome = match failed {
            None => Outcome::Done,
            Some(error) => Outcome::Failed(Box::new(error.into())),
        };
        let outcome = serde_json::to_vec(&outcome).ok().map(Bytes::from);
        // Not released is as good as expired, a little later.
        let _ = within(client, self.leases.release(&self.lease, outcome, KEEP)).await;
    }
}

#[derive(Deserialize, Serialize)]
enum Outcome {
    Done,
    Failed(Box<Failure>),
}

/// An error as another process tells it. No member holds a secret.
#[derive(Deserialize, Serialize)]
struct Failure {
    kind: Kind,
    message: String,
    advice: Option<String>,
    error: Option<String>,
    codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    correlation_id: Option<String>,
    trace_id: Option<String>,
    timestamp: Option<String>,
    status: Option<u16>,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize, Serialize)]
enum Kind {
    Config,
    InteractionRequired,
    Rejected,
    Throttled,
    Unavailable,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let entra = error.entra().clone();
        Self {
            kind: match error.kind() {
                ErrorKind::Config => Kind::Config,
                ErrorKind::InteractionRequired => Kind::InteractionRequired,
                ErrorKind::Rejected => Kind::Rejected,
                ErrorKind::Throttled => Kind::Throttled,
                _ => Kind::Unavailable,
            },
            message: error.message().to_owned(),
            advice: error.advice().map(str::to_owned),
            error: entra.error,
            codes: entra.codes,
            suberror: entra.suberror,
            claims: entra.claims,
            correlation_id: entra.correlation_id,
            trace_id: entra.trace_id,
            timestamp: entra.timestamp,
            status: entra.status,
            retry_after_ms: error.retry_after().map(|wait| wait.as_millis() as u64),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            Kind::Config => ErrorKind::Config,
            Kind::InteractionRequired => ErrorKind::InteractionRequired,
            Kind::Rejected => ErrorKind::Rejected,
            Kind::Throttled => ErrorKind::Throttled,
            Kind::Unavailable => ErrorKind::Unavailable,
        };
        let error = Error::new(kind, failure.message)
            .said(Entra {
                error: failure.error,
                codes: failure.codes,
                suberror: failure.suberror,
                claims: failure.claims,
                correlation_id: failure.correlation_id,
                trace_id: failure.trace_id,
                timestamp: failure.timestamp,
                status: failure.status,
            })
            .retry_in(failure.retry_after_ms.map(Duration::from_millis));
        match failure.advice {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}
