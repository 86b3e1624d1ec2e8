//! Adoption: rows for entries that Microsoft.Identity.Web wrote, which keeps none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use absentia_core::{AccountId, Authority, Error};
use absentia_store::{Account, AccountStore, Activity, GrantKind, GrantState, Key, Recorded};

use crate::{
    cache::TokenCache,
    identity::{Identity, LongRunningKey, Subject},
    layout::Layout,
    partition::{Partition, Section},
    record::Entity,
};

/// How many entries are looked at together.
const BATCH: usize = 200;

/// What an adoption found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Adopted {
    /// Entries looked at.
    pub entries: usize,
    /// Of those, grants of this client that got a row, or whose row was healed because .NET signed the user in again.
    pub adopted: usize,
    /// Entries that could not be read.
    pub unreadable: usize,
}

impl TokenCache {
    /// Gives a row to each entry of this client that has none: what .NET wrote. A grant that waits for a sign-in, and an
    /// account that signed out, are taken up again when the entry was written since. Does nothing in the native layout.
    /// Cancel safe: what was done is done.
    ///
    /// # Errors
    /// When a store did not answer.
    pub async fn adopt(&self, client_id: &str, authority: &Authority) -> Result<Adopted, Error> {
        let mut done = Adopted::default();
        let (Layout::DotNet, Some(scan), Some(accounts)) =
            (self.layout(), &self.0.backend.scan, &self.0.backend.accounts)
        else {
            return Ok(done);
        };
        let mut after: Option<Key> = None;
        loop {
            let keys = scan.scan(after.as_ref(), BATCH).await.map_err(|error| self.store_error(error))?;
            let Some(last) = keys.last() else { return Ok(done) };
            after = Some(last.clone());
            let entries = self.0.backend.entries.get_many(&keys).await.map_err(|error| self.store_error(error))?;
            for (key, entry) in keys.iter().zip(entries) {
                let Some(entry) = entry.filter(|_| !is_session(key)) else { continue };
                done.entries += 1;
                match self.decode(key, &entry.value) {
                    Ok(Some(partition)) => {
                        if let Some(found) = Found::of(key, client_id, authority, &partition) {
                            done.adopted += usize::from(self.adopt_one(&**accounts, found).await?);
                        }
                    }
                    Ok(None) | Err(_) => done.unreadable += 1,
                }
            }
        }
    }

    async fn adopt_one(&self, accounts: &dyn AccountStore, mut found: Found) -> Result<bool, Error> {
        let Activity { client_id, account_id, .. } = &found.activity;
        let there = accounts.account(client_id, account_id).await.map_err(|error| self.store_error(error))?;
        match there.as_ref().map_or(Row::None, |account| Row::of(account, &found)) {
            Row::UpToDate => return Ok(false),
            Row::None => {}
            Row::SignedInSince(generation) => found.activity.sign_in = Some(generation),
        }
        let recorded = accounts.record(&found.activity).await.map_err(|error| self.store_error(error))?;
        Ok(recorded == Recorded::Done)
    }
}

/// Whether a web app of ours keeps here which sessions at Entra go on (`{client id}/session/{SHA-256 in base64url}`): no partition.
fn is_session(key: &Key) -> bool {
    key.as_str().split_once("/session/").is_some_and(|(client, sid)| client.len() == 36 && sid.len() == 43)
}

/// What is known of a grant before its entry is adopted.
enum Row {
    /// Nothing.
    None,
    /// There is nothing to do.
    UpToDate,
    /// She was to sign in, and did. Her account's generation.
    SignedInSince(u64),
}

impl Row {
    fn of(account: &Account, found: &Found) -> Self {
        if let Some(revoked) = account.revoked_at {
            return if found.newest > revoked { Self::SignedInSince(account.generation) } else { Self::UpToDate };
        }
        match account.grants.iter().find(|grant| grant.key == found.activity.key).map(|grant| &grant.state) {
            None => Self::None,
            Some(GrantState::NeedsSignIn { since, .. }) if found.newest > *since => {
                Self::SignedInSince(account.generation)
            }
            Some(_) => Self::UpToDate,
        }
    }
}

/// A grant as its entry shows it.
struct Found {
    activity: Activity,
    /// When its newest token was cached.
    newest: SystemTime,
}

impl Found {
    /// `None` when the entry has no token of this client that names its key, or is an app's.
    fn of(key: &Key, client_id: &str, authority: &Authority, partition: &Partition) -> Option<Self> {
        let identity = |subject| Identity {
            client_id: client_id.into(),
            authority: authority.clone(),
            subject,
            layout: Layout::DotNet,
        };
        let tokens = |identity: &Identity, section| {
            let found = |entity: &&Entity| identity.is_ours(entity) && identity.is_named_by(entity);
            partition.section(section).iter().filter(found).cloned().collect::<Vec<_>>()
        };
        let (mut of, mut acting) = (identity(Subject::Assertion { hash: key.as_str().into() }), Vec::new());
        if let Some(id) = AccountId::parse(key.as_str()) {
            let account = identity(Subject::Account(id));
            acting = tokens(&account, Section::RefreshToken);
            if !acting.is_empty() || !tokens(&account, Section::AccessToken).is_empty() {
                of = account;
            }
        }
        if !matches!(of.subject, Subject::Account(_))
            && let Ok(session) = LongRunningKey::new(key.as_str())
        {
            let long_running = identity(Subject::LongRunning(session));
            acting = tokens(&long_running, Section::RefreshToken);
            if !acting.is_empty() {
                of = long_running;
            }
        }
        let access = tokens(&of, Section::AccessToken);
        let home = acting.first().or(access.first())?.text("home_account_id");
        let id = AccountId::parse(home)?;
        let kind = of.subject.grant_kind()?;
        let user = partition.user(&of);
        let newest = access.iter().map(|entity| entity.seconds("cached_at")).max().unwrap_or(0);
        let ends = access.iter().map(|entity| entity.seconds("expires_on")).max().unwrap_or(0);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let activity = Activity {
            client_id: client_id.to_owned(),
            account_id: id.to_string(),
            tenant: user.as_ref().map_or_else(|| id.home_tenant().to_owned(), |user| user.tenant.clone()),
            username: user.map(|user| user.username).filter(|name| !name.is_empty()),
            key: key.clone(),
            kind,
            at: at(newest),
            sign_in: None,
            expires_at: (kind == GrantKind::Assertion).then(|| at(ends)),
        };
        Some(Self { activity, newest: at(newest) })
    }
}
