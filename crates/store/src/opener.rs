use std::sync::Arc;

use async_trait::async_trait;

use crate::{Backend, Clock, Result, Target};

/// How a backend is opened. An app registers the openers of the backends it links, so that it compiles no others.
#[async_trait]
pub trait Opener: Send + Sync + 'static {
    /// The crate, such as `absentia-sqlite`.
    fn backend(&self) -> &'static str;

    /// Whether it opens this kind of target.
    fn accepts(&self, target: &Target) -> bool;

    /// Opens a store that is there. Makes nothing.
    ///
    /// # Errors
    /// When there is no store, its schema is another version's, or it does not answer.
    async fn open(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend>;

    /// Makes the store, or what of it is missing, and opens it. Only `absentia store create` calls this.
    ///
    /// # Errors
    /// When the store cannot be made or does not answer.
    async fn create(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend>;
}
