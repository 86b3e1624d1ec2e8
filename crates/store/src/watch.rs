use async_trait::async_trait;

use crate::{Key, Result, Version};

/// Something that happened to entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Changes may have been missed: whoever remembers entries must forget them all.
    Lost,
    /// An entry was removed.
    Removed(Key),
    /// An entry was written, as this version.
    Written(Key, Version),
    /// Something was done to an entry, perhaps no more than to re-arm its expiry: told by
    /// [`watch_others`](WatchStore::watch_others) alone.
    Touched(Key),
}

/// Announcements of writes and removals by any process. Leases, re-armed expiry, accounts and grants are not announced.
#[async_trait]
pub trait WatchStore: Send + Sync + 'static {
    /// Begins to watch. What changes after this answer will be announced.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn watch(&self) -> Result<Box<dyn Watch>>;

    /// Begins to watch a store to which programs write that announce nothing. Where the backend can see them, it tells their
    /// writes and removals as [`Change::Touched`]; what was announced may be told so once more. By default the same as
    /// [`watch`](Self::watch).
    ///
    /// # Errors
    /// When the store did not answer.
    async fn watch_others(&self) -> Result<Box<dyn Watch>> {
        self.watch().await
    }
}

/// One running watch.
#[async_trait]
pub trait Watch: Send {
    /// Waits for changes and returns at least one, those of one key oldest first. Cancel safe: a change that was not
    /// returned is returned by the next call.
    ///
    /// # Errors
    /// When the store stopped answering. The watch may be asked again and resumes where it was, or says
    /// [`Change::Lost`].
    async fn next(&mut self) -> Result<Vec<Change>>;
}
