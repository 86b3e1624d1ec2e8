//! One pass: claims in batches until there is nobody left to act for.

use std::{
    collections::HashSet,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia::{
    Error,
    store::{AccountQuery, AccountState, AccountStore, ClaimRequest, GrantKind, GrantState},
};
use tokio_util::sync::CancellationToken;

use crate::{
    absent::AbsentUser,
    attempt::Batch,
    report::{Report, Stop, Waiting},
    worker::Worker,
};

/// How many rows of those who wait are read at a time.
const PAGE: usize = 1_000;

/// Which accounts a pass is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Which {
    /// Those that are due.
    Due,
    /// Each that is idle, once.
    Idle,
}

pub(crate) struct Pass<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) shutdown: &'a CancellationToken,
    which: Which,
    began: SystemTime,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(worker: &'a Worker, which: Which, shutdown: &'a CancellationToken) -> Self {
        let began = worker.client.cache().clock().now();
        Self { worker, shutdown, which, began }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.worker.client.cache().clock().now()
    }

    pub(crate) async fn run<T, F, Fut>(&self, act: &F) -> Report<T>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut report = Report::new();
        if let Err(error) = self.sweep(act, &mut report).await {
            report.stop = Some(Stop::Failed(error));
        }
        report
    }

    async fn sweep<T, F, Fut>(&self, act: &F, report: &mut Report<T>) -> Result<(), Error>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let accounts = self.accounts()?;
        let cache = self.worker.client.cache();
        while !self.shutdown.is_cancelled() && report.stop.is_none() {
            let now = self.now();
            let claims = accounts.claim(&self.request(now), now).await.map_err(|error| cache.store_error(error))?;
            if claims.is_empty() {
                break;
            }
            report.counts.claimed += claims.len() as u64;
            Batch::new(self, &*accounts, claims.len()).run(claims, act, report).await;
        }
        report.counts.foreign = accounts
            .foreign_accounts(self.worker.client.client_id())
            .await
            .map_err(|error| cache.store_error(error))?;
        self.list_waiting(report).await
    }

    fn accounts(&self) -> Result<Arc<dyn AccountStore>, Error> {
        let client = &self.worker.client;
        if !client.is_background() {
            return Err(Error::config("The worker's client would make absent users look active")
                .advise("Build it with .background()"));
        }
        let backend = client.cache().backend();
        backend.accounts.clone().ok_or_else(|| {
            Error::config(format!("The store {} keeps no accounts", backend.name))
                .advise("Use a store that keeps accounts, such as SQLite")
        })
    }

    fn request(&self, now: SystemTime) -> ClaimRequest {
        ClaimRequest {
            client_id: self.worker.client.client_id().to_owned(),
            idle_before: now.checked_sub(self.worker.idle).unwrap_or(UNIX_EPOCH),
            pass: (self.which == Which::Idle).then_some(self.began),
            username: self.worker.user.clone(),
            lease: self.worker.lease,
            limit: self.worker.batch,
        }
    }

    /// Those who wait for a sign-in and were not tried.
    async fn list_waiting<T>(&self, report: &mut Report<T>) -> Result<(), Error> {
        let tried: HashSet<&str> = report.acted.iter().map(|acted| acted.account_id.as_str()).collect();
        let mut query = AccountQuery {
            username: self.worker.user.clone(),
            state: Some(AccountState::NeedsSignIn),
            limit: PAGE,
            ..AccountQuery::default()
        };
        let mut waiting = Vec::new();
        loop {
            let page = self.worker.client.accounts(&query).await?;
            let is_last = page.len() < PAGE;
            query.after = page.last().map(|account| (account.client_id.clone(), account.account_id.clone()));
            for account in page.into_iter().filter(|account| !tried.contains(account.account_id.as_str())) {
                let mut states: Vec<_> = account.acting_grants().collect();
                states.sort_by_key(|grant| grant.kind != GrantKind::Account);
                let first = states.into_iter().find_map(|grant| match &grant.state {
                    GrantState::NeedsSignIn { reason, claims, since } => Some((reason.clone(), claims.clone(), *since)),
                    GrantState::Healthy => None,
                });
                if let Some((reason, claims, since)) = first {
                    waiting.push(Waiting { account, reason, since, claims });
                }
            }
            if is_last {
                break;
            }
        }
        report.counts.waiting = waiting.len() as u64;
        report.waiting = waiting;
        Ok(())
    }

    /// A number from 0 to 1, so that what was done together is not due together.
    pub(crate) fn spread(&self) -> f64 {
        let mut bytes = [0; 4];
        match self.worker.client.cache().random().fill(&mut bytes) {
            Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
            Err(_) => 0.5, // without it accounts stay together: harmless
        }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.worker.client.cache().clock().sleep(duration).await;
    }
}
