//! The answer.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_cache::TokenInner;
use absentia_core::{Secret, UserAccount};

use crate::metadata::Metadata;

/// An access token and how it was come by. Cheap to clone. `Debug` does not show the token.
#[derive(Clone)]
#[doc(alias = "AuthenticationResult")]
pub struct AccessToken {
    inner: Arc<TokenInner>,
    metadata: Metadata,
}

impl AccessToken {
    pub(crate) fn new(inner: Arc<TokenInner>, metadata: Metadata) -> Self {
        Self { inner, metadata }
    }

    /// The token, for an `Authorization: Bearer` header.
    pub fn secret(&self) -> &Secret {
        &self.inner.secret
    }

    /// When it ends.
    pub fn expires_on(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.inner.expires_on)
    }

    /// The granted scopes, which may be more than were asked for.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.inner.target.split_ascii_whitespace()
    }

    /// The tenant it is for.
    pub fn tenant(&self) -> &str {
        &self.inner.realm
    }

    /// The user it is for. `None` for an app's own token.
    pub fn account(&self) -> Option<&UserAccount> {
        self.inner.account.as_deref()
    }

    /// How it was come by.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether this is the very same token, however it was come by.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.inner.secret == other.inner.secret
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("scopes", &self.inner.target)
            .field("expires_on", &self.inner.expires_on)
            .field("account", &self.inner.account)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
