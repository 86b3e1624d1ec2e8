//! What every command is told.

use std::{path::PathBuf, sync::Arc};

use absentia::{Error, TokenCache, store::AccountStore};
use absentia_config::{Need, Opener, Settings};

use crate::failure::Failure;

/// The global arguments.
pub(crate) struct Context {
    pub(crate) settings: PathBuf,
    pub(crate) json: bool,
}

impl Context {
    pub(crate) fn settings(&self, needs: &[Need]) -> Result<Settings, Failure> {
        Ok(Settings::load_for(&self.settings, needs)?)
    }
}

/// The backends this command links.
pub(crate) fn openers() -> Vec<Box<dyn Opener>> {
    vec![
        #[cfg(feature = "sqlite")]
        absentia_sqlite::opener(),
        #[cfg(feature = "redis")]
        absentia_redis::opener(),
    ]
}

/// The accounts in the cache's store.
pub(crate) fn accounts(cache: &TokenCache) -> Result<Arc<dyn AccountStore>, Failure> {
    let backend = cache.backend();
    let none = || Error::config(format!("The store {} keeps no accounts", backend.name));
    Ok(backend.accounts.clone().ok_or_else(none)?)
}
