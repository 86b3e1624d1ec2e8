//! Where a token came from, and how long that took. The words are MSAL's (`AuthenticationResultMetadata`).

use std::time::Duration;

/// Who gave the token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TokenSource {
    /// A cache.
    Cache,
    /// Entra, for this call.
    IdentityProvider,
}

/// Which cache.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CacheLevel {
    /// None: Entra gave the token.
    None,
    /// Memory.
    L1,
    /// The store.
    L2,
}

/// Why Entra was asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CacheRefreshReason {
    /// It was not: the cache answered.
    NotApplicable,
    /// The cached token was too old.
    Expired,
    /// The caller asked past the cache, or with claims.
    ForceRefreshOrClaims,
    /// No token for these scopes was cached.
    NoCachedAccessToken,
    /// The cached token was served, and refreshed ahead in the background.
    ProactivelyRefreshed,
}

impl TokenSource {
    /// The word for tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::IdentityProvider => "identity provider",
        }
    }
}

/// How an answer came about: MSAL's five.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// Who gave the token.
    pub token_source: TokenSource,
    /// Which cache.
    pub cache_level: CacheLevel,
    /// Why Entra was asked, or will be.
    pub cache_refresh_reason: CacheRefreshReason,
    /// From the call to the answer, as this caller saw it. Zero for a hit in memory, which ends before a clock could tell.
    pub duration_total: Duration,
    /// In the store, summed.
    pub duration_in_cache: Duration,
    /// In HTTP, summed.
    pub duration_in_http: Duration,
}
