use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::{Key, Result};

/// What a grant is made of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum GrantKind {
    /// The user's own sign-in.
    Account,
    /// Tokens for one presented assertion. Cannot act for anybody later; the row exists so that sign-out finds the entry.
    Assertion,
    /// A long-running on-behalf-of process.
    LongRunning,
}

impl GrantKind {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Assertion => "assertion",
            Self::LongRunning => "long-running",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Account, Self::Assertion, Self::LongRunning].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How a grant stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GrantState {
    /// It can act.
    Healthy,
    /// Entra wants to see the user again.
    NeedsSignIn {
        /// What was said: `AADSTS50173`, `invalid_grant`, `entry missing`. Never a secret.
        reason: String,
        /// The claims to ask for at the next sign-in, as Entra sent them.
        claims: Option<String>,
        /// Since when.
        since: SystemTime,
    },
}

/// One stored partition that can act for a user, or must go when she signs out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// The key of the entry.
    pub key: Key,
    /// What it is made of.
    pub kind: GrantKind,
    /// How it stands.
    pub state: GrantState,
    /// Which sign-in made it: raised each time a sign-in or a start writes it, so that an outcome of work begun before
    /// that cannot mark it.
    pub epoch: u64,
    /// When its user was last active through it.
    pub last_activity: SystemTime,
    /// When the entry ends, if known.
    pub expires_at: Option<SystemTime>,
}

/// How an account stands, seen over its grants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AccountState {
    /// At least one grant can act.
    Healthy,
    /// No grant can act until the user signs in.
    NeedsSignIn,
    /// The user signed out.
    Revoked,
    /// An operator blocked it: nothing acts for the user in her absence until it is unblocked, whatever she does.
    Blocked,
}

impl AccountState {
    /// The word that is shown and taken by commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::NeedsSignIn => "needs-sign-in",
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
        }
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Healthy, Self::NeedsSignIn, Self::Revoked, Self::Blocked]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A user that signed in to one client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The client id whose grants these are. Compared ignoring ASCII case.
    pub client_id: String,
    /// Home account id, `oid.tid`.
    pub account_id: String,
    /// The tenant the user signed in to (`realm`), which for a guest is not the `tid` of the home account id.
    pub tenant: String,
    /// User name for people, e.g. `ada@contoso.example`. May change, may be empty.
    pub username: String,
    /// When she was last active, through any grant.
    pub last_activity: SystemTime,
    /// When a worker should act next.
    pub due_at: SystemTime,
    /// Until when a worker holds it, if one does.
    pub leased_until: Option<SystemTime>,
    /// Raised by each claim: an outcome counts only under the latest.
    pub fence: u64,
    /// Raised by each sign-out: a first write begun before it does not count.
    pub generation: u64,
    /// Failed attempts in a row that may be tried again.
    pub attempts: u32,
    /// When she signed out, if she did and has not come back.
    pub revoked_at: Option<SystemTime>,
    /// When an operator blocked it, if it is blocked.
    pub blocked_at: Option<SystemTime>,
    /// Her grants, in ascending order of key.
    pub grants: Vec<Grant>,
}

impl Account {
    /// How the account stands: blocked; else revoked; else healthy while any account or long-running grant is.
    pub fn state(&self) -> AccountState {
        if self.blocked_at.is_some() {
            AccountState::Blocked
        } else if self.revoked_at.is_some() {
            AccountState::Revoked
        } else if self.acting_grants().any(|grant| grant.state == GrantState::Healthy) {
            AccountState::Healthy
        } else {
            AccountState::NeedsSignIn
        }
    }

    /// The grants that can act for her: all but those of single assertions.
    pub fn acting_grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| grant.kind != GrantKind::Assertion)
    }
}

/// What a commit says about a user's activity.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The client id.
    pub client_id: String,
    /// Home account id.
    pub account_id: String,
    /// The tenant signed in to.
    pub tenant: String,
    /// User name, if this commit knows it.
    pub username: Option<String>,
    /// The entry.
    pub key: Key,
    /// What the entry is.
    pub kind: GrantKind,
    /// Now.
    pub at: SystemTime,
    /// `Some(generation)` for a first write (sign-in, start, assertion): counts only while the account's generation is
    /// still this one. It makes the grant healthy, raises its epoch, lifts a tombstone and makes the account due at once
    /// unless a worker holds it. `None` for a later use: it only moves the time of activity, and does nothing for an
    /// account that signed out. A use of a grant that has no row adds the row.
    pub sign_in: Option<u64>,
    /// When the entry ends, if known.
    pub expires_at: Option<SystemTime>,
}

/// What recording an activity did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recorded {
    /// Written.
    Done,
    /// The account signed out meanwhile; nothing was changed.
    SignedOut,
}

/// Which accounts to list. An empty query lists all that have an acting grant, signed out or are blocked.
#[derive(Clone, Debug, Default)]
pub struct AccountQuery {
    /// Only of this client.
    pub client_id: Option<String>,
    /// Only this home account id.
    pub account_id: Option<String>,
    /// Only this user name, ignoring ASCII case.
    pub username: Option<String>,
    /// Only those not active since.
    pub idle_since: Option<SystemTime>,
    /// Only those in this state.
    pub state: Option<AccountState>,
    /// Only those after this `(client id, account id)`, in ascending byte order: the next page.
    pub after: Option<(String, String)>,
    /// At most this many; 0 means 1,000.
    pub limit: usize,
}

/// Which accounts a worker wants to hold.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Its client id.
    pub client_id: String,
    /// Only accounts whose last activity lies before this.
    pub idle_before: SystemTime,
    /// `None`: accounts that are due. `Some(start of the pass)`: whether due or not, each account that nobody holds and
    /// that was not claimed since that instant.
    pub pass: Option<SystemTime>,
    /// Only this user name, ignoring ASCII case.
    pub username: Option<String>,
    /// How long they are held.
    pub lease: Duration,
    /// At most this many.
    pub limit: usize,
}

/// One account held by a worker, as it was when it was claimed; its fence is in [`Account::fence`].
#[derive(Clone, Debug)]
pub struct Claim {
    /// The account and its grants.
    pub account: Account,
}

/// What a worker found out.
#[derive(Clone, Debug)]
pub struct Finish {
    /// When the account is due again.
    pub due_at: SystemTime,
    /// Failed attempts in a row, from now on.
    pub attempts: u32,
    /// New states of grants, with the epoch each was tried under. A grant that was signed in to meanwhile keeps its own.
    pub grants: Vec<(Key, u64, GrantState)>,
}

/// What finishing did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finished {
    /// Written; the account is not held any more.
    Done,
    /// Another worker holds the account by now, it signed out or was blocked: the outcome was discarded.
    Superseded,
}

/// Who can be acted for.
///
/// # Contract
///
/// * Client ids are compared ignoring ASCII case, home account ids and keys byte for byte. Rows of other clients are
///   never touched.
/// * Every method is atomic and cancel safe. Times are the caller's; they are stored to the millisecond at least.
/// * [`claim`](Self::claim): an account is held by at most one caller until its lease ends; taking over needs nothing.
/// * Nothing here is announced by a [`WatchStore`](crate::WatchStore).
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// The account's generation: how often it signed out. 0 for an unknown account.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64>;

    /// Records activity: upserts the account and its grant. Times of activity never go back.
    ///
    /// # Errors
    /// When the store did not answer, is full or read-only.
    async fn record(&self, activity: &Activity) -> Result<Recorded>;

    /// One account with its grants, of whatever kind.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>>;

    /// Accounts, in ascending order of `(client id, account id)`.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>>;

    /// Holds up to `limit` healthy accounts for a worker: moves `due_at` and `leased_until` to `now + lease` and raises the
    /// fence. Accounts that signed out, are blocked or have no healthy acting grant are never claimed. Longest idle first.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>>;

    /// Holds a claimed account for another `lease`. `false` when it is not held under that fence any more.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool>;

    /// Writes an outcome and lets the account go, if it is still held under the claim's fence.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished>;

    /// The first step of a sign-out: raises the generation and leaves a tombstone, also for an account without a row.
    /// Repeatable. Answers the account with the grants whose entries must go.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account>;

    /// Blocks an account, also one without a row. Nobody holds it any more and nobody can claim it; signing in and out and
    /// sweeping leave it blocked. Repeatable: the first time stays. All else about the account goes on as before.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()>;

    /// Lifts a block and makes the account due at `at`. Changes nothing where there is none.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()>;

    /// Forgets a grant whose entry is gone. Repeatable.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()>;

    /// How many accounts of other clients there are, for a worker that skips and counts them.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn foreign_accounts(&self, client_id: &str) -> Result<u64>;

    /// Deletes up to `limit` rows that nobody needs: tombstones from before `revoked_before`, grants whose entry ended
    /// before `now`, accounts without grants that never signed out. The row of a blocked account stays. Says how many.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize>;
}
