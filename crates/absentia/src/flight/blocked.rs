//! An operator's block: nothing is asked for a user in her absence.

use absentia_cache::Loaded;
use absentia_core::{Error, ErrorKind, error::Entra};

use super::Flight;
use crate::want::Material;

impl Flight<'_> {
    /// Refuses to ask Entra for a blocked user, in a client that acts in her absence. Where she is present, or somebody holds
    /// her assertion, a block says nothing. One read of her row, before a request that takes a hundred times as long.
    pub(super) async fn refuse_blocked(&self, loaded: &Loaded) -> Result<(), Error> {
        let (client, want) = (self.client, self.want);
        let (Loaded::Found { partition, .. }, Material::Stored, false) =
            (loaded, &want.material, client.records_activity)
        else {
            return Ok(());
        };
        let cache = want.cache(client);
        // Without a refresh token Entra is not asked, and the answer is another.
        let (Some(accounts), Some(token)) = (&cache.backend().accounts, partition.refresh_token(&want.identity)) else {
            return Ok(());
        };
        let row = accounts.account(&client.client_id, token.text("home_account_id")).await;
        match row.map_err(|error| cache.store_error(error))? {
            Some(account) if account.blocked_at.is_some() => Err(blocked()),
            _ => Ok(()),
        }
    }
}

fn blocked() -> Error {
    Error::new(ErrorKind::Rejected, "An operator blocked this user: nothing is asked for her in her absence")
        .said(Entra { error: Some("blocked".to_owned()), ..Entra::default() })
        .advise("`absentia accounts unblock` lifts it; a sign-in does not")
}
