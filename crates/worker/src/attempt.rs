//! One batch: each account held while your function runs, and let go with its outcome.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use absentia::{
    Error, ErrorKind,
    store::{AccountStore, Claim, Finish, Finished},
};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    absent::AbsentUser,
    outcome::{Ending, Outcome, decide},
    pass::Pass,
    report::{Acted, FailureKind, Report, Stop},
};

/// How many accounts of a batch may turn at least before the worker stops for safety.
const SAFE: usize = 10;

pub(crate) struct Batch<'a> {
    pass: &'a Pass<'a>,
    accounts: &'a dyn AccountStore,
    size: usize,
    began: Duration,
    gate: Semaphore,
    /// Ends when the worker stops by itself: accounts that were not begun are let go.
    halted: CancellationToken,
    found: Mutex<Found>,
}

/// What the batch found out so far.
#[derive(Default)]
struct Found {
    turned: Vec<String>,
    stop: Option<Stop>,
}

/// What became of one claim.
enum Ended<T> {
    Acted(Box<Acted<T>>, Wrote),
    Released(Wrote),
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Wrote {
    Yes,
    Superseded,
    No,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(pass: &'a Pass<'a>, accounts: &'a dyn AccountStore, size: usize) -> Self {
        Self {
            pass,
            accounts,
            size,
            began: pass.worker.client.cache().clock().monotonic(),
            gate: Semaphore::new(pass.worker.at_once),
            halted: CancellationToken::new(),
            found: Mutex::default(),
        }
    }

    pub(crate) async fn run<T, F, Fut>(self, claims: Vec<Claim>, act: &F, report: &mut Report<T>)
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut running: FuturesUnordered<_> = claims.into_iter().map(|claim| self.one(claim, act)).collect();
        while let Some(ended) = running.next().await {
            let counts = &mut report.counts;
            let wrote = match ended {
                Ended::Acted(acted, wrote) => {
                    *(if acted.result.is_ok() { &mut counts.done } else { &mut counts.failed }) += 1;
                    report.acted.push(*acted);
                    wrote
                }
                Ended::Released(wrote) => {
                    counts.released += 1;
                    wrote
                }
            };
            match wrote {
                Wrote::Yes => {}
                Wrote::Superseded => counts.superseded += 1,
                Wrote::No => counts.unwritten += 1,
            }
        }
        drop(running);
        report.stop = self.found.into_inner().unwrap_or_else(PoisonError::into_inner).stop;
    }

    async fn one<T, F, Fut>(&self, claim: Claim, act: &F) -> Ended<T>
    where
        F: Fn(AbsentUser) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let absent = AbsentUser::new(self.pass.worker.client.clone(), claim.account.clone());
        let work = async {
            let turn = tokio::select! {
                biased;
                () = self.pass.shutdown.cancelled() => None,
                () = self.halted.cancelled() => None,
                turn = self.gate.acquire() => turn.ok(),
            };
            match turn {
                Some(_turn) => Some(attempt(&absent, act).await),
                None => None,
            }
        };
        let ending = tokio::select! {
            biased;
            ending = work => ending,
            () = self.hold(&claim, &absent) => None,
        };
        let now = self.pass.now();
        let Some(ending) = ending else {
            let finish = Finish { due_at: now, attempts: claim.account.attempts, grants: Vec::new() };
            return Ended::Released(self.finish(&claim, &finish).await);
        };
        let config = match &ending {
            Ending::Error(error) if error.kind() == ErrorKind::Config => Some(error.clone()),
            _ => None,
        };
        let mut outcome = decide(&absent, ending, self.pass.worker.every, self.pass.spread(), now);
        if let Some(error) = config {
            self.halt(Stop::Failed(error));
        }
        self.watch_safety(&mut outcome, &claim);
        let wrote = self.finish(&claim, &outcome.finish).await;
        let got = absent.got();
        let acted = Acted {
            account_id: claim.account.account_id,
            username: claim.account.username,
            grant: got.as_ref().map(|got| got.kind).or_else(|| absent.first_failed()),
            token_source: got.as_ref().map(|got| got.token.metadata().token_source),
            scopes: got.iter().flat_map(|got| got.token.scopes()).map(str::to_owned).collect(),
            expires_on: got.as_ref().map(|got| got.token.expires_on()),
            result: outcome.result,
            written: wrote == Wrote::Yes,
        };
        Ended::Acted(Box::new(acted), wrote)
    }

    /// Renews the claim as long as it is polled. Never ends.
    async fn hold(&self, claim: &Claim, absent: &AbsentUser) {
        let lease = self.pass.worker.lease;
        loop {
            self.pass.sleep(lease / 3).await;
            match self.accounts.renew(claim, lease, self.pass.now()).await {
                Ok(true) => {}
                // The function goes on without further tokens; what comes of it is discarded when it is written.
                Ok(false) => {
                    tracing::warn!(account = %claim.account.account_id, "the account was taken away from this worker");
                    absent.let_go();
                    return std::future::pending().await;
                }
                Err(error) => {
                    tracing::warn!(account = %claim.account.account_id, %error, "a claim was not renewed");
                }
            }
        }
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Wrote {
        match self.accounts.finish(claim, finish).await {
            Ok(Finished::Done) => Wrote::Yes,
            Ok(Finished::Superseded) => Wrote::Superseded,
            Err(error) => {
                tracing::warn!(account = %claim.account.account_id, %error, "an outcome was not written");
                Wrote::No
            }
        }
    }

    /// Counts accounts that turned. Whoever turns beyond the limit is not marked: the cause is elsewhere.
    fn watch_safety<T>(&self, outcome: &mut Outcome<T>, claim: &Claim) {
        let Err(failure) = &mut outcome.result else { return };
        if !matches!(failure.kind, FailureKind::NeedsSignIn | FailureKind::Unreadable) {
            return;
        }
        let limit = SAFE.max(self.size / 5);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.turned.push(failure.reason.clone());
        let turned = found.turned.len();
        if turned <= limit {
            return;
        }
        let reason = most(&found.turned);
        drop(found);
        let now = self.pass.now();
        failure.retry_at = Some(now);
        outcome.finish = Finish { due_at: now, attempts: claim.account.attempts, grants: Vec::new() };
        let within = self.pass.worker.client.cache().clock().monotonic().saturating_sub(self.began);
        self.halt(Stop::Safety { turned, batch: self.size, reason, within });
    }

    fn halt(&self, stop: Stop) {
        tracing::debug!(%stop, "the worker stops"); // who runs it is told, and says so
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut found.stop, stop) {
            // Those in hand are counted too.
            (Some(Stop::Safety { turned, .. }), Stop::Safety { turned: more, .. }) => *turned = more,
            (Some(_), _) => {}
            (none, stop) => *none = Some(stop),
        }
        self.halted.cancel();
    }
}

/// Runs the function, again for each grant that is left when one turns out not to be enough.
async fn attempt<T, F, Fut>(absent: &AbsentUser, act: &F) -> Ending<T>
where
    F: Fn(AbsentUser) -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    loop {
        // The function is a stranger: what it left half done is its own, and of ours it only has the user, whose state is
        // changed in single steps.
        let run = AssertUnwindSafe(async { act(absent.clone()).await }).catch_unwind();
        match run.await {
            Ok(Ok(value)) => return Ending::Value(value),
            Ok(Err(error)) if error.kind() == ErrorKind::InteractionRequired && absent.refused(&error) => {}
            Ok(Err(error)) => return Ending::Error(error),
            Err(panic) => return Ending::Panic(said(&*panic)),
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").chars().take(200).collect()
}

fn most(reasons: &[String]) -> String {
    let count = |reason: &&String| reasons.iter().filter(|other| other == reason).count();
    reasons.iter().max_by_key(count).cloned().unwrap_or_default()
}
