use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Backend, Clock, Error, ErrorKind, Result, Target};

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

    /// A list of documents beside the entries: where ASP.NET Core keeps the keys of its Data Protection. Makes nothing.
    ///
    /// # Errors
    /// `Config` for a backend that has no such lists, which is the default; when it does not answer.
    async fn documents(&self, target: &Target, list: &str) -> Result<Arc<dyn Documents>> {
        Err(Error::new(ErrorKind::Config, format!("{} keeps no list {list:?} of documents", target.engine())))
    }
}

/// A list of documents that other programs add to.
#[async_trait]
pub trait Documents: Send + Sync + 'static {
    /// All of them, in their order; none when there is no list. At most 1,024 are read, and of each at most 64 KiB.
    ///
    /// # Errors
    /// When the store did not answer, or what is there is no list.
    async fn read(&self) -> Result<Vec<Bytes>>;

    /// Adds one at the end.
    ///
    /// # Errors
    /// When the store did not answer, is full or read-only.
    async fn append(&self, document: Bytes) -> Result<()>;
}
