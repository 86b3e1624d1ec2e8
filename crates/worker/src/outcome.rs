//! What an ending means for the account.

use std::time::{Duration, SystemTime};

use absentia::{
    Error, ErrorKind,
    store::{Finish, Grant, GrantState, Key},
};

use crate::{
    absent::AbsentUser,
    report::{Failure, FailureKind},
};

/// How long to wait after a throttling that did not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Failed attempts in a row after which an account waits for its next regular turn.
const MOST_ATTEMPTS: u32 = 8;

/// A grant's new state, under the epoch it was tried with.
type Mark = (Key, u64, GrantState);

/// How a run of the user's function ended.
pub(crate) enum Ending<T> {
    Value(T),
    Error(Error),
    Panic(String),
}

/// What to write, and what to tell.
pub(crate) struct Outcome<T> {
    pub(crate) finish: Finish,
    pub(crate) result: Result<T, Failure>,
}

/// Decides on an ending. `spread` is from 0 to 1.
pub(crate) fn decide<T>(
    absent: &AbsentUser,
    ending: Ending<T>,
    every: Duration,
    spread: f64,
    now: SystemTime,
) -> Outcome<T> {
    let account = absent.account();
    let grants = marks(absent, now);
    let regular = now + every.mul_f64(0.9 + 0.2 * spread);
    let finish = |due_at, attempts| Finish { due_at, attempts, grants: grants.clone() };
    let again = account.attempts.saturating_add(1).min(MOST_ATTEMPTS);
    let pause = if account.attempts + 1 >= MOST_ATTEMPTS {
        every.max(LONGEST_PAUSE)
    } else {
        (FIRST_PAUSE * 2u32.pow(account.attempts)).min(LONGEST_PAUSE)
    };
    let error = match ending {
        Ending::Value(value) => return Outcome { finish: finish(regular, 0), result: Ok(value) },
        Ending::Panic(message) => {
            let failure = Failure {
                kind: FailureKind::Panicked,
                reason: "panic".to_owned(),
                message: format!("The function panicked: {message}"),
                retry_at: Some(now + pause),
            };
            return Outcome { finish: finish(now + pause, again), result: Err(failure) };
        }
        Ending::Error(error) => error,
    };
    let kind = kind_of(&error, absent, &grants);
    let (due_at, attempts) = match kind {
        FailureKind::Throttled => (now + error.retry_after().unwrap_or(DEFAULT_WAIT), account.attempts),
        // Its turn comes when the user signs in.
        FailureKind::NeedsSignIn => (regular, 0),
        // Not the account's fault.
        FailureKind::Config => (now, account.attempts),
        FailureKind::Unavailable => (now + error.retry_after().unwrap_or(pause), again),
        FailureKind::Rejected | FailureKind::Unreadable | FailureKind::Panicked => (now + pause, again),
    };
    let failure = Failure {
        kind,
        reason: error.reason(),
        message: error.to_string(),
        retry_at: (kind != FailureKind::NeedsSignIn).then_some(due_at),
    };
    Outcome { finish: finish(due_at, attempts), result: Err(failure) }
}

fn kind_of(error: &Error, absent: &AbsentUser, marks: &[Mark]) -> FailureKind {
    match error.kind() {
        ErrorKind::Throttled => FailureKind::Throttled,
        ErrorKind::Unavailable => FailureKind::Unavailable,
        ErrorKind::Config => FailureKind::Config,
        ErrorKind::InteractionRequired => {
            let is_marked = |grant: &Grant| marks.iter().any(|(key, ..)| *key == grant.key);
            let mut grants = absent.account().acting_grants();
            if !grants.any(|grant| grant.state == GrantState::Healthy && !is_marked(grant)) {
                FailureKind::NeedsSignIn
            } else if absent.failed().iter().any(|(_, error)| is_unreadable(error)) {
                FailureKind::Unreadable
            } else {
                FailureKind::Rejected // the function says so without having asked for a token
            }
        }
        _ => FailureKind::Rejected,
    }
}

/// The grants that cannot act any more, each with the epoch it was tried under. What could not be read is not marked: the
/// right key ring, or a restored entry, makes it well again without its user.
fn marks(absent: &AbsentUser, now: SystemTime) -> Vec<Mark> {
    let failed = absent.failed();
    absent
        .account()
        .grants
        .iter()
        .filter_map(|grant| {
            let (_, error) = failed.iter().find(|(key, error)| *key == grant.key && !is_unreadable(error))?;
            let state = GrantState::NeedsSignIn {
                reason: error.reason(),
                claims: error.claims().map(str::to_owned),
                since: now,
            };
            Some((grant.key.clone(), grant.epoch, state))
        })
        .collect()
}

fn is_unreadable(error: &Error) -> bool {
    error.entra().error.as_deref() == Some("unreadable")
}
