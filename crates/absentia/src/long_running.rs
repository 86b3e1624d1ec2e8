//! Long-running on-behalf-of: a caller's request ends, the work for her goes on.

use absentia_cache::{LongRunningKey, Subject};
use absentia_core::{AccountId, Error, Scopes};
use absentia_store::Removed;

use crate::{
    acquirer::TokenAcquirer, assertion::UserAssertion, client::ConfidentialClient, token::AccessToken, want::Material,
};

/// A process about to be started.
#[must_use = "nothing is started before token(..) is awaited"]
pub struct Start<'a> {
    client: &'a ConfidentialClient,
    assertion: &'a UserAssertion,
    key: Option<LongRunningKey>,
    owner: Option<AccountId>,
}

/// A process that was started.
#[derive(Debug)]
pub struct Started {
    /// Its handle: with it, other requests and other processes go on.
    pub key: LongRunningKey,
    /// Its first token.
    pub token: AccessToken,
}

impl ConfidentialClient {
    /// Starts a long-running process for the caller who presented `assertion`. Always asks Entra, as MSAL; the refresh token
    /// is kept under a random key, or one of your choice. An earlier process under the same key is replaced.
    #[doc(alias = "InitiateLongRunningProcessInWebApi")]
    pub fn start_long_running<'a>(&'a self, assertion: &'a UserAssertion) -> Start<'a> {
        Start { client: self, assertion, key: None, owner: None }
    }

    /// Ends a long-running process: its entry is removed. Says whether there was one. Repeatable, cancel safe.
    ///
    /// # Errors
    /// When the store did not answer: the caller must know that the process may go on.
    #[doc(alias = "StopLongRunningProcessInWebApiAsync")]
    pub async fn stop_long_running(&self, key: &LongRunningKey) -> Result<bool, Error> {
        let cache = self.cache();
        let entry = self.identity(Subject::LongRunning(key.clone())).key();
        let removed = cache.remove_for_sign_out(&entry, self.client_id()).await?;
        if let Some(accounts) = &cache.backend().accounts {
            accounts.forget_grant(self.client_id(), &entry).await.map_err(|error| cache.store_error(error))?;
        }
        Ok(removed == Removed::Done)
    }
}

impl Start<'_> {
    /// Starts under this key instead of a random one.
    pub fn key(mut self, key: LongRunningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Refuses if the assertion turns out to be of another user.
    pub fn owned_by(mut self, account: &AccountId) -> Self {
        self.owner = Some(account.clone());
        self
    }

    /// Starts, with a token that grants `scopes`. Cancel safe: a request that was sent goes on and is cached.
    ///
    /// # Errors
    /// As [`TokenAcquirer::token`]; `Unavailable` also when the token could not be stored, because then nothing could go on.
    pub async fn token(self, scopes: impl Into<Scopes<'_>>) -> Result<Started, Error> {
        let key = match self.key {
            Some(key) => key,
            None => LongRunningKey::new(self.client.0.new_id()?)?,
        };
        let material = Material::Start(self.assertion.clone());
        let mut acquirer: TokenAcquirer = self.client.acquirer(Subject::LongRunning(key.clone()), material);
        if let Some(owner) = self.owner {
            acquirer = acquirer.owned_by(owner);
        }
        let scopes = scopes.into();
        let token = acquirer.token(scopes).await?;
        Ok(Started { key, token })
    }
}
