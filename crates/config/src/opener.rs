use std::sync::Arc;

use absentia_store::{Backend, Clock};
use async_trait::async_trait;

use crate::{
    error::{Error, Problem},
    target::Target,
};

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
    async fn open(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend, absentia_store::Error>;

    /// Makes the store, or what of it is missing, and opens it. Only `absentia store create` calls this.
    ///
    /// # Errors
    /// When the store cannot be made or does not answer.
    async fn create(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend, absentia_store::Error>;
}

/// The opener for a target.
///
/// # Errors
/// When none of the linked backends opens it; the message names the crate to link.
pub fn pick<'a>(openers: &'a [Box<dyn Opener>], target: &Target) -> Result<&'a dyn Opener, Error> {
    openers.iter().map(AsRef::as_ref).find(|opener| opener.accepts(target)).ok_or_else(|| {
        let linked = openers.iter().map(|opener| opener.backend()).collect::<Vec<_>>().join(", ");
        let linked = if linked.is_empty() { "none" } else { &linked };
        let (engine, backend) = (target.engine(), target.backend());
        let message = format!(
            "the connection string is for {engine}, which this program does not link: add the crate {backend} and \
             register its opener (linked: {linked})"
        );
        Problem::new(message).into()
    })
}
