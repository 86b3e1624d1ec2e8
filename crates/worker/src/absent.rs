//! The user who is not there.

use std::{
    cmp::Reverse,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use absentia::{
    AccessToken, ConfidentialClient, Error, ErrorKind, Scopes,
    store::{Account, Grant, GrantKind, GrantState, Key},
};

/// A user who signed in before and is not there now: what your function gets. Cheap to clone.
#[derive(Clone)]
pub struct AbsentUser {
    pub(crate) client: ConfidentialClient,
    pub(crate) account: Arc<Account>,
    tried: Arc<Mutex<Tried>>,
}

/// What was found out about the user's grants.
#[derive(Default)]
struct Tried {
    failed: Vec<(Key, Error)>,
    /// The grant whose token the function has now.
    last: Option<Key>,
    got: Option<Got>,
    /// The worker does not hold the account any more.
    let_go: bool,
}

/// The last token, and through what it came.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) kind: GrantKind,
    pub(crate) token: AccessToken,
}

impl AbsentUser {
    pub(crate) fn new(client: ConfidentialClient, account: Account) -> Self {
        Self { client, account: Arc::new(account), tried: Arc::default() }
    }

    /// Who it is, with her grants, as she was when the worker claimed her.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// A token that grants `scopes`, through the first of the user's grants that gives one: her own sign-in, then her
    /// long-running processes, latest first. Await it, or tell it more first: [`claims`](AbsentTokenRequest::claims).
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// `InteractionRequired` when none of the grants can act any more; `Rejected` when the account was taken away meanwhile, by
    /// an operator's block, a sign-out or another worker; other kinds as the first grant that could not say met them. Returning the error from your function is enough.
    pub fn token<'a>(&'a self, scopes: impl Into<Scopes<'a>>) -> AbsentTokenRequest<'a> {
        AbsentTokenRequest { absent: self, scopes: scopes.into(), claims: None, instead_of: None }
    }

    /// The grants that may still be tried, in order.
    fn candidates(&self) -> Vec<&Grant> {
        let tried = self.tried();
        let mut grants: Vec<&Grant> = self
            .account
            .acting_grants()
            .filter(|grant| grant.state == GrantState::Healthy)
            .filter(|grant| tried.failed.iter().all(|(key, _)| *key != grant.key))
            .collect();
        grants.sort_by_key(|grant| (grant.kind != GrantKind::Account, Reverse(grant.last_activity)));
        grants
    }

    async fn acquire(&self, request: &AbsentTokenRequest<'_>) -> Result<AccessToken, Error> {
        if self.tried().let_go {
            return Err(let_go());
        }
        for grant in self.candidates() {
            // A row that names nobody is this account's trouble, not everybody's.
            let acquirer = self
                .client
                .grant(&self.account, grant)
                .map_err(|error| Error::new(ErrorKind::Rejected, error.message().to_owned()))?;
            let mut asked = acquirer.token(request.scopes).claims(request.claims);
            if let Some(refused) = request.instead_of {
                asked = asked.instead_of(refused);
            }
            match asked.await {
                Ok(token) => {
                    let mut tried = self.tried();
                    tried.last = Some(grant.key.clone());
                    tried.got = Some(Got { kind: grant.kind, token: token.clone() });
                    drop(tried);
                    return Ok(token);
                }
                Err(error) if error.kind() == ErrorKind::InteractionRequired => self.fail(&grant.key, error),
                Err(error) => return Err(error),
            }
        }
        // The first grant's reason tells most: it is the user's own sign-in.
        Err(self.tried().failed.first().map(|(_, error)| error.clone()).unwrap_or_else(|| {
            Error::interaction_required("No grant of this user can act").advise("The user must sign in again")
        }))
    }

    /// Your function was told that the user must sign in: that is so for the grant that gave the token. Says whether another
    /// grant is left.
    pub(crate) fn refused(&self, error: &Error) -> bool {
        let last = self.tried().last.take();
        if let Some(key) = last {
            self.fail(&key, error.clone());
            return !self.candidates().is_empty();
        }
        false
    }

    fn fail(&self, key: &Key, error: Error) {
        let mut tried = self.tried();
        if tried.failed.iter().all(|(known, _)| known != key) {
            tried.failed.push((key.clone(), error));
        }
    }

    /// The account was taken away: from here on there are no tokens of it.
    pub(crate) fn let_go(&self) {
        self.tried().let_go = true;
    }

    /// Which grants cannot act any more, and why.
    pub(crate) fn failed(&self) -> Vec<(Key, Error)> {
        self.tried().failed.clone()
    }

    pub(crate) fn got(&self) -> Option<Got> {
        self.tried().got.clone()
    }

    /// The kind of the grant that failed first.
    pub(crate) fn first_failed(&self) -> Option<GrantKind> {
        let (key, _) = self.tried().failed.first().cloned()?;
        self.account.grants.iter().find(|grant| grant.key == key).map(|grant| grant.kind)
    }

    fn tried(&self) -> MutexGuard<'_, Tried> {
        // Each change of it is one assignment or push.
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn let_go() -> Error {
    Error::new(ErrorKind::Rejected, "The worker does not hold this account any more").advise(
        "An operator blocked it, the user signed out, or another worker took it over: return, the outcome is discarded",
    )
}

impl fmt::Debug for AbsentUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbsentUser").field("account_id", &self.account.account_id).finish_non_exhaustive()
    }
}

/// One call for a token of an absent user: await it.
#[must_use = "a token request does nothing unless it is awaited"]
#[derive(Debug)]
pub struct AbsentTokenRequest<'a> {
    absent: &'a AbsentUser,
    scopes: Scopes<'a>,
    claims: Option<&'a str>,
    instead_of: Option<&'a AccessToken>,
}

impl<'a> AbsentTokenRequest<'a> {
    /// Asks for these claims (JSON text), which an API's challenge named. No cached token is used.
    pub fn claims(mut self, claims: impl Into<Option<&'a str>>) -> Self {
        self.claims = claims.into();
        self
    }

    /// Asks for another token than this one, which an API refused.
    pub fn instead_of(mut self, refused: &'a AccessToken) -> Self {
        self.instead_of = Some(refused);
        self
    }
}

impl<'a> IntoFuture for AbsentTokenRequest<'a> {
    type Output = Result<AccessToken, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.absent.acquire(&self).await })
    }
}
