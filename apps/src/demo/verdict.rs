//! What is true, read from Entra's journal and the database.

use absentia::store::{Account, AccountQuery, Backend, GrantState, SystemClock};
use absentia_config::Settings;

use super::{Failure, admin::Entry, say, world::World};
use crate::stores;

/// The checks so far.
#[derive(Default)]
pub(crate) struct Verdict {
    failed: usize,
}

impl Verdict {
    /// Checks one thing, and says so.
    pub(crate) fn that(&mut self, holds: bool, what: impl std::fmt::Display) {
        say::checked(holds, what);
        self.failed += usize::from(!holds);
    }

    /// Whether everything held.
    pub(crate) fn holds(&self) -> bool {
        self.failed == 0
    }

    /// How many did not.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }
}

/// The stores, opened as any program opens them.
pub(crate) async fn stores(world: &World) -> Result<Backend, Failure> {
    let settings = Settings::load(world.settings("background-worker"))?;
    let plan = settings.store_plan()?;
    let openers = stores::openers();
    let opener = absentia_config::pick(&openers, &plan.tokens)?;
    Ok(opener.open(&plan.tokens, std::sync::Arc::new(SystemClock)).await?)
}

/// A user's row and grants.
pub(crate) async fn account(backend: &Backend, world: &World, upn: &str) -> Result<Account, Failure> {
    let accounts = backend.accounts.as_ref().ok_or("the store keeps no accounts")?;
    let query = AccountQuery {
        client_id: Some(world.app_id.clone()),
        username: Some(upn.to_owned()),
        ..AccountQuery::default()
    };
    let mut found = accounts.accounts(&query).await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        many => Err(format!("{upn} has {many} rows, not one").into()),
    }
}

/// Why no grant of a user can act; `None` when one can.
pub(crate) fn waits_for(account: &Account) -> Option<String> {
    let mut reason = None;
    for grant in account.acting_grants() {
        match &grant.state {
            GrantState::Healthy => return None,
            GrantState::NeedsSignIn { reason: why, .. } => reason = Some(why.clone()),
        }
    }
    reason.or_else(|| Some("no grant".to_owned()))
}

/// How many entries of the journal are of this user and satisfy `test`.
pub(crate) fn count(journal: &[Entry], upn: &str, test: impl Fn(&Entry) -> bool) -> usize {
    journal.iter().filter(|entry| entry.is_of(upn) && test(entry)).count()
}

/// Served by Graph.
pub(crate) fn graph(entry: &Entry) -> bool {
    entry.endpoint == "graph" && entry.status == Some(200)
}

/// Asked for a token with a refresh token.
pub(crate) fn refresh(entry: &Entry) -> bool {
    entry.endpoint == "token" && entry.redeems("refresh_token")
}

/// Asked at the token endpoint, for whatever.
pub(crate) fn token(entry: &Entry) -> bool {
    entry.endpoint == "token"
}
