//! Removing what a sign-out ends.

use absentia_core::Error;
use absentia_store::{Key, Removal, Removed, When, Written};

use crate::{
    cache::TokenCache,
    commit::TRIES,
    layout::Layout,
    partition::{Partition, Section},
};

impl TokenCache {
    /// Removes an entry because its user signed out of this app or its job was stopped, and forgets it here. In .NET's layout
    /// the tokens of other apps stay in it. Cancel safe.
    ///
    /// # Errors
    /// When the store did not answer: the caller must know that the entry may still be there.
    pub async fn remove_for_sign_out(&self, key: &Key, client_id: &str) -> Result<Removed, Error> {
        self.forget(key);
        let removed = match self.layout() {
            Layout::Native => self.remove_whole(key).await,
            Layout::DotNet => self.remove_ours(key, client_id).await,
        };
        // Once more: a load that ran meanwhile may have brought it back.
        self.forget(key);
        removed
    }

    async fn remove_whole(&self, key: &Key) -> Result<Removed, Error> {
        self.remove(key, Removal::SignOut).await.map_err(|error| self.store_error(error))
    }

    async fn remove_ours(&self, key: &Key, client_id: &str) -> Result<Removed, Error> {
        for _ in 0..TRIES {
            let entry = self.0.backend.entries.get(key).await.map_err(|error| self.store_error(error))?;
            let Some(entry) = entry else { return Ok(Removed::Absent) };
            let others = self.decode(key, &entry.value).ok().flatten().and_then(|there| others(there, client_id));
            let done = match others {
                // What cannot be read is nobody's to keep: it may hold her tokens.
                None => {
                    let removed = self.remove(key, Removal::IfUnchanged(entry.version)).await;
                    removed.map_err(|error| self.store_error(error))? != Removed::Conflict
                }
                Some(left) => {
                    let when = When::Unchanged(entry.version);
                    matches!(self.put(key, &left, when, entry.expiry.sliding).await?, Written::Done(_))
                }
            };
            if done {
                return Ok(Removed::Done);
            }
        }
        // Others write without a pause: she signs out all the same.
        self.remove_whole(key).await
    }
}

/// What is left of an entry without this app's tokens, if anything of another app is.
fn others(mut there: Partition, client_id: &str) -> Option<Partition> {
    for section in [Section::AccessToken, Section::RefreshToken, Section::IdToken] {
        there.section_mut(section).retain(|entity| !entity.text("client_id").eq_ignore_ascii_case(client_id));
    }
    let left = [Section::AccessToken, Section::RefreshToken].iter().any(|section| !there.section(*section).is_empty());
    left.then_some(there)
}
