use async_trait::async_trait;

use crate::{Key, Result};

/// A walk over everything stored, and the removal of what expired.
#[async_trait]
pub trait ScanStore: Send + Sync + 'static {
    /// Up to `limit` keys of live entries, in ascending byte order, after `after`. An empty answer ends the walk. Entries
    /// that come or go during a walk may or may not be seen; those that stay are seen once.
    ///
    /// # Errors
    /// When the store did not answer.
    async fn scan(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>>;

    /// Deletes up to `limit` expired entries and says how many it deleted. Live entries are never touched, and nothing
    /// is announced: what expired counts as absent already.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn sweep(&self, limit: usize) -> Result<usize>;
}
