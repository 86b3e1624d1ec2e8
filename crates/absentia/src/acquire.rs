//! The hot path: the one place that decides where a token comes from.

use std::time::Duration;

use absentia_cache::Peeked;
use absentia_core::{Error, ErrorKind, Scopes};

use crate::{
    acquirer::TokenAcquirer,
    flights::{Landed, launch, share},
    metadata::{CacheLevel, CacheRefreshReason, Metadata, TokenSource},
    token::AccessToken,
    want::Want,
};

/// One caller's question.
pub(crate) struct Ask<'a> {
    pub(crate) acquirer: &'a TokenAcquirer,
    pub(crate) scopes: Scopes<'a>,
    pub(crate) claims: Option<&'a str>,
    pub(crate) instead_of: Option<&'a AccessToken>,
}

/// Answers from memory, or says that it cannot. No await, no allocation.
pub(crate) fn from_memory(ask: &Ask<'_>) -> Option<Result<AccessToken, Error>> {
    if ask.claims.is_some() || ask.instead_of.is_some() || ask.acquirer.asks_past_cache() {
        return None;
    }
    let client = &*ask.acquirer.client;
    let (slot, name) = ask.acquirer.name(ask.scopes)?;
    let cache = if ask.acquirer.is_app() { &client.app_cache } else { &client.user_cache };
    let (token, reason) = match cache.peek(slot, name, ask.scopes, cache.now())? {
        Peeked::Fresh(token) => (token, CacheRefreshReason::NotApplicable),
        Peeked::Ahead(token) => {
            launch(&ask.acquirer.client, ask.want());
            (token, CacheRefreshReason::ProactivelyRefreshed)
        }
    };
    // A hit is over in less than two readings of the clock take.
    Some(ask.finish(Landed::cached(token, CacheLevel::L1, reason), Duration::ZERO))
}

/// Answers through a flight: one per want, whoever asks.
pub(crate) async fn join(ask: Ask<'_>) -> Result<AccessToken, Error> {
    let clock = ask.acquirer.client.clock();
    let began = clock.monotonic();
    let want = ask.want();
    want.check()?;
    let landed = share(&ask.acquirer.client, want).await?;
    ask.finish(landed, clock.monotonic().saturating_sub(began))
}

impl Ask<'_> {
    fn want(&self) -> Want {
        let mut want = self.acquirer.want(self.scopes);
        want.claims = self.claims.map(str::to_owned);
        want.instead_of = self.instead_of.map(|token| token.secret().clone());
        want
    }

    fn finish(&self, landed: Landed, duration_total: Duration) -> Result<AccessToken, Error> {
        if let Some(owner) = self.acquirer.owner()
            && landed.token.account.as_ref().is_none_or(|account| !account.is_named(owner))
        {
            return Err(not_hers());
        }
        Ok(AccessToken::new(
            landed.token,
            Metadata {
                token_source: match landed.level {
                    CacheLevel::None => TokenSource::IdentityProvider,
                    CacheLevel::L1 | CacheLevel::L2 => TokenSource::Cache,
                },
                cache_level: landed.level,
                cache_refresh_reason: landed.reason,
                duration_total,
                duration_in_cache: landed.in_cache,
                duration_in_http: landed.in_http,
            },
        ))
    }
}

pub(crate) fn not_hers() -> Error {
    Error::new(ErrorKind::Rejected, "This long-running process belongs to another user")
        .advise("Use a key per user and purpose")
}
