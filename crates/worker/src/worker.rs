//! The worker and its settings.

use std::{fmt, future::Future, time::Duration};

use absentia::{ConfidentialClient, Error, ErrorKind};
use tokio_util::sync::CancellationToken;

use crate::{
    absent::AbsentUser,
    pass::{Pass, Which},
    report::{Report, Stop},
};

/// How often a running worker looks for entries that .NET wrote.
const ADOPT_EVERY: Duration = Duration::from_secs(600);

/// Acts for absent users. Cheap to clone; does nothing until it is told to run.
#[derive(Clone)]
#[doc(alias = "BackgroundWorker")]
pub struct Worker {
    pub(crate) client: ConfidentialClient,
    pub(crate) idle: Duration,
    pub(crate) every: Duration,
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    pub(crate) user: Option<String>,
    pub(crate) batch: usize,
    pub(crate) at_once: usize,
}

impl Worker {
    /// A worker for the accounts of this client, as its cache's store lists them. The client must have been built with
    /// [`background`](absentia::Builder::background): otherwise each refresh would make its user look active, and she would
    /// never be idle. A process that also serves users builds a second client over the same cache.
    pub fn new(client: &ConfidentialClient) -> Self {
        Self {
            client: client.clone(),
            idle: Duration::from_secs(30),
            every: Duration::from_secs(3600),
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(10),
            user: None,
            batch: 50,
            at_once: 8,
        }
    }

    /// How long a user must not have been active to count as absent. 30 s by default.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long after a success an account is due again, give or take a tenth. An hour by default.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How long an account is held without a sign of life. A minute by default; it is renewed at a third of that.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often [`run`](Self::run) looks for accounts that are due. 10 s by default.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Only the user of this name, compared ignoring case.
    #[must_use]
    pub fn user(mut self, username: impl Into<String>) -> Self {
        self.user = Some(username.into());
        self
    }

    /// How many accounts are claimed together; at least one. 50 by default.
    ///
    /// The worker stops for safety when more than ten accounts, and more than a fifth, of one batch turn to need a sign-in or
    /// cannot be read: then the cause is rather the key ring, the secret or the tenant. Batches of ten or less never do.
    #[must_use]
    pub fn batch(mut self, accounts: usize) -> Self {
        self.batch = accounts.max(1);
        self
    }

    /// For how many accounts your function runs at once; at least one. 8 by default. All run in one task: a function that
    /// blocks holds up the others, and the renewal of their leases.
    #[must_use]
    pub fn at_once(mut self, accounts: usize) -> Self {
        self.at_once = accounts.max(1);
        self
    }

    /// One pass over all accounts that are idle and not held by another worker, whether they are due or not. At a shutdown
    /// the accounts in hand are finished and the rest let go.
    ///
    /// Not cancel safe: when dropped, the accounts in hand stay claimed until their lease ends. Use `shutdown`.
    pub async fn once<T, F, Fut>(&self, shutdown: impl Future<Output = ()>, act: F) -> Report<T>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let token = CancellationToken::new();
        let work = async {
            self.adopt().await;
            let report = Pass::new(self, Which::Idle, &token).run(&act).await;
            token.cancel();
            report
        };
        futures_util::future::join(until(shutdown, &token), work).await.1
    }

    /// Acts for each account when it is due, until `shutdown` ends; then the accounts in hand are finished. Includes
    /// [`TokenCache::upkeep`](absentia::TokenCache::upkeep).
    ///
    /// Not cancel safe, as [`once`](Self::once).
    ///
    /// # Errors
    /// [`Stop`] when it stopped by itself: for safety, or because the set-up is wrong. While the store does not answer it
    /// goes on trying.
    pub async fn run<T, F, Fut>(&self, shutdown: impl Future<Output = ()>, act: F) -> Result<(), Stop>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.run_reporting(shutdown, act, drop).await
    }

    /// The same, and `told` hears of each pass in which anything happened.
    ///
    /// # Errors
    /// As [`run`](Self::run); the report of the last pass says it too.
    pub async fn run_reporting<T, F, Fut>(
        &self,
        shutdown: impl Future<Output = ()>,
        act: F,
        told: impl FnMut(Report<T>),
    ) -> Result<(), Stop>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let token = CancellationToken::new();
        let upkeep = self.client.cache().clone().upkeep(token.clone().cancelled_owned());
        let work = async {
            let ended = self.rounds(&token, &act, told).await;
            token.cancel();
            ended
        };
        let adoptions = async {
            tokio::select! {
                () = self.adoptions() => {}
                () = token.cancelled() => {}
            }
        };
        futures_util::future::join4(until(shutdown, &token), upkeep, adoptions, work).await.3
    }

    async fn adoptions(&self) {
        loop {
            self.adopt().await;
            self.client.cache().clock().sleep(ADOPT_EVERY).await;
        }
    }

    /// Takes up what .NET wrote since. A failure is tried again later: those who are known can be served.
    async fn adopt(&self) {
        match self.client.adopt().await {
            Ok(found) if found.adopted > 0 || found.unreadable > 0 => {
                tracing::info!(found.adopted, found.unreadable, "looked for entries without a row");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "entries without a row were not looked for"),
        }
    }

    async fn rounds<T, F, Fut>(
        &self,
        shutdown: &CancellationToken,
        act: &F,
        mut told: impl FnMut(Report<T>),
    ) -> Result<(), Stop>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        while !shutdown.is_cancelled() {
            let report = Pass::new(self, Which::Due, shutdown).run(act).await;
            let stop = report.stop.clone();
            if report.counts.claimed > 0 || stop.is_some() {
                told(report);
            }
            match stop {
                Some(Stop::Failed(error)) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(%error, "the worker waits for the store");
                }
                Some(stop) => return Err(stop),
                None => {}
            }
            tokio::select! {
                () = self.client.cache().clock().sleep(self.poll) => {}
                () = shutdown.cancelled() => {}
            }
        }
        Ok(())
    }
}

/// Cancels `token` when `shutdown` ends; ends itself when something else does.
async fn until(shutdown: impl Future<Output = ()>, token: &CancellationToken) {
    tokio::select! {
        () = shutdown => token.cancel(),
        () = token.cancelled() => {}
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("client", &self.client)
            .field("idle", &self.idle)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
