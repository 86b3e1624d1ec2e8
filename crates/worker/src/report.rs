//! How a pass went.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use absentia::{
    Error, TokenSource,
    store::{Account, GrantKind},
};

/// How a pass over the accounts went.
#[must_use = "a pass that stopped early says so here"]
#[derive(Debug)]
pub struct Report<T> {
    /// The accounts that were acted for, in the order they were finished.
    pub acted: Vec<Acted<T>>,
    /// The accounts that wait for a sign-in. They were not tried.
    pub waiting: Vec<Waiting>,
    /// How many.
    pub counts: Counts,
    /// Why the pass ended before its end, if it did. A shutdown is no reason.
    pub stop: Option<Stop>,
}

/// One account that was acted for.
#[derive(Debug)]
pub struct Acted<T> {
    /// Home account id.
    pub account_id: String,
    /// User name for people; may be empty.
    pub username: String,
    /// What gave the last token; `None` when nothing did.
    pub grant: Option<GrantKind>,
    /// Where the last token came from.
    pub token_source: Option<TokenSource>,
    /// The scopes it grants.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_on: Option<SystemTime>,
    /// What your function returned, or why it failed.
    pub result: Result<T, Failure>,
    /// Whether the outcome was written. `false` when another worker held the account by then, the user signed out, or the
    /// store did not answer.
    pub written: bool,
}

/// Why acting for an account failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What becomes of the account.
    pub kind: FailureKind,
    /// A few words: the AADSTS code, else the error's word, else its kind.
    pub reason: String,
    /// One line for people.
    pub message: String,
    /// When the account is due again. `None` when it waits for a sign-in.
    pub retry_at: Option<SystemTime>,
}

/// What becomes of an account that could not be acted for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailureKind {
    /// It waits until the user signs in.
    NeedsSignIn,
    /// What is stored for it cannot be read, by a wrong key ring or damage. Nobody was marked: it is tried again.
    Unreadable,
    /// A service asked to wait.
    Throttled,
    /// No answer: it is tried again.
    Unavailable,
    /// Refused for good, or by your function; it is tried again after a pause.
    Rejected,
    /// Your function panicked.
    Panicked,
    /// The set-up is wrong: the worker stopped.
    Config,
}

impl FailureKind {
    /// The word for tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsSignIn => "needs-sign-in",
            Self::Unreadable => "unreadable",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::Panicked => "panicked",
            Self::Config => "config",
        }
    }
}

/// One account that waits for its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// The account.
    pub account: Account,
    /// Why: `AADSTS50173`.
    pub reason: String,
    /// Since when.
    pub since: SystemTime,
    /// The claims to ask for at the next sign-in, if any.
    pub claims: Option<String>,
}

/// How many accounts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Held by this pass.
    pub claimed: u64,
    /// Your function returned a value.
    pub done: u64,
    /// It did not.
    pub failed: u64,
    /// Waiting for a sign-in, and not tried.
    pub waiting: u64,
    /// Of other client ids: skipped.
    pub foreign: u64,
    /// Outcomes that were discarded: another worker held the account by then, or its user signed out.
    pub superseded: u64,
    /// Outcomes the store could not take. The accounts are due again when their lease ends.
    pub unwritten: u64,
    /// Claimed and let go again because of a shutdown or a stop.
    pub released: u64,
}

/// Why a worker stopped by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stop {
    /// So many accounts of a batch turned to need a sign-in, or could not be read, that the cause is rather elsewhere. Those
    /// beyond the limit were not marked.
    Safety {
        /// How many of the batch.
        turned: usize,
        /// How large it was.
        batch: usize,
        /// The reason met most.
        reason: String,
        /// How long since the batch began.
        within: Duration,
    },
    /// The set-up is wrong, or the store did not answer.
    Failed(Error),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Safety { turned, batch, reason, .. } => write!(
                f,
                "Stopped for safety: {turned} of {batch} accounts in one batch failed at once, most with {reason}. Check the \
                 key ring, the client secret and the tenant before starting again; whom this stop spared was not marked"
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stop {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Safety { .. } => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl<T> Report<T> {
    pub(crate) fn new() -> Self {
        Self { acted: Vec::new(), waiting: Vec::new(), counts: Counts::default(), stop: None }
    }

    /// Those your function returned a value for.
    pub fn succeeded(&self) -> impl Iterator<Item = (&Acted<T>, &T)> {
        self.acted.iter().filter_map(|acted| Some((acted, acted.result.as_ref().ok()?)))
    }

    /// Those that failed now.
    pub fn failed(&self) -> impl Iterator<Item = (&Acted<T>, &Failure)> {
        self.acted.iter().filter_map(|acted| Some((acted, acted.result.as_ref().err()?)))
    }
}
