//! Sign-out: nothing may act for the user any more.

use absentia_cache::Subject;
use absentia_core::{AccountId, Error};

use crate::client::ConfidentialClient;

/// What a sign-out removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedOut {
    /// The account's generation since: sessions of an earlier one are over.
    pub generation: u64,
    /// How many entries were removed.
    pub entries: usize,
}

impl ConfidentialClient {
    /// Ends everything of this user in this client: her sign-in, her long-running processes (MSAL's `RemoveAsync` leaves
    /// those), tokens for assertions she presented. Tokens already handed out live until they expire. Her session at Entra
    /// is not touched.
    ///
    /// First the account is revoked, so that a sign-in under way does not outlive it; then the entries go, then their rows.
    /// Each step can be repeated: after an error call again. Cancel safe.
    ///
    /// # Errors
    /// The first failure, never swallowed: the caller must know that something may be left.
    #[doc(alias = "RemoveAsync")]
    pub async fn sign_out(&self, account: &AccountId) -> Result<SignedOut, Error> {
        let cache = self.cache();
        let own = self.identity(Subject::Account(account.clone())).key();
        let Some(accounts) = &cache.backend().accounts else {
            let removed = cache.remove_for_sign_out(&own, self.client_id()).await?;
            return Ok(SignedOut { generation: 0, entries: usize::from(removed == absentia_store::Removed::Done) });
        };
        let at = cache.clock().now();
        let revoked =
            accounts.revoke(self.client_id(), account.as_str(), at).await.map_err(|error| cache.store_error(error))?;
        let mut keys: Vec<_> = revoked.grants.into_iter().map(|grant| grant.key).collect();
        if !keys.contains(&own) {
            keys.push(own); // an entry written without its row
        }
        let mut entries = 0;
        for key in keys {
            entries +=
                usize::from(cache.remove_for_sign_out(&key, self.client_id()).await? == absentia_store::Removed::Done);
            accounts.forget_grant(self.client_id(), &key).await.map_err(|error| cache.store_error(error))?;
        }
        tracing::info!(%account, entries, "signed out");
        Ok(SignedOut { generation: revoked.generation, entries })
    }
}
