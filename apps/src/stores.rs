//! The store backends these programs link.

use absentia_config::Opener;

/// Their openers, to be handed to the settings.
pub fn openers() -> Vec<Box<dyn Opener>> {
    vec![
        absentia_sqlite::opener(),
        #[cfg(feature = "redis")]
        absentia_redis::opener(),
    ]
}
