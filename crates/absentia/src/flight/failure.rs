//! What a failure means: an old token that serves on, an answer that is remembered, or the end.

use absentia_cache::{Counter, Freshness, Loaded};
use absentia_core::{Error, ErrorKind, Scopes, encoding::sha256_base64url};

use super::{Flight, token_of};
use crate::{
    flights::{Landed, Outcome},
    metadata::{CacheLevel, CacheRefreshReason},
    want::Material,
};

impl Flight<'_> {
    /// A failure of Entra's, or the last of a token that still lives: only an outage lets an old token serve on, what Entra
    /// decided stands.
    pub(super) fn fall_back(&self, loaded: &Loaded, error: Error) -> Outcome {
        let want = self.want;
        let outage = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Throttled);
        // Nobody waited for this, but somebody may have joined: what is usable serves on whatever Entra said.
        if self.ahead
            && let Loaded::Found { partition, .. } = loaded
            && let Some(entity) = partition.access_token(&want.identity, Scopes::from(&want.scopes))
            && Freshness::of(entity, 0).is_usable(want.cache(self.client).now())
        {
            want.cache(self.client).counters().count(Counter::RefreshAheadFailed);
            tracing::info!(%error, "a token was not refreshed ahead; it is served on");
            let token = token_of(entity, &want.identity, partition);
            return Ok(Landed::cached(token, CacheLevel::L2, CacheRefreshReason::ProactivelyRefreshed));
        }
        if let Loaded::Found { partition, .. } = loaded
            && outage
            && want.reads_cache()
            && want.instead_of.is_none()
            && let Some(entity) = partition.access_token(&want.identity, Scopes::from(&want.scopes))
            && Freshness::of(entity, 0).is_last_resort(want.cache(self.client).now())
        {
            tracing::warn!(%error, "Entra is out of order; an old token serves on");
            let token = token_of(entity, &want.identity, partition);
            return Ok(Landed::cached(token, CacheLevel::L2, CacheRefreshReason::Expired));
        }
        Err(error)
    }

    /// What was redeemed and refused is not asked again for a while: the name is of the want and of what was redeemed, so that
    /// a new sign-in is asked at once. The first name is of a wait that Entra asked for, the second of a refusal: another
    /// assertion may be accepted, but it must wait as well.
    pub(super) fn failure_names(&self, loaded: &Loaded) -> Option<(String, String)> {
        let stored = || match loaded {
            Loaded::Found { partition, .. } => {
                Some(sha256_base64url(partition.refresh_token(&self.want.identity)?.text("secret")))
            }
            _ => None,
        };
        let (redeemed, or) = match &self.want.material {
            Material::App => (String::new(), None),
            Material::Assertion(assertion) | Material::Start(assertion) => (assertion.hash().to_string(), None),
            Material::Stored => (stored()?, None),
            Material::StoredOr(assertion) => (stored().unwrap_or_default(), Some(assertion.hash())),
        };
        let waits = format!("{}|{redeemed}", self.want.name());
        let refused = or.map_or_else(|| waits.clone(), |hash| format!("{waits}|{hash}"));
        Some((waits, refused))
    }

    pub(super) fn remembered(&self, loaded: &Loaded) -> Option<Error> {
        let (waits, refused) = self.failure_names(loaded)?;
        let (remembered, now) = (&self.client.remembered, self.client.clock().monotonic());
        // Under the first name a refusal is that of a caller who held no assertion.
        let waits = || remembered.get(&waits, now).filter(|error| error.kind() != ErrorKind::InteractionRequired);
        remembered.get(&refused, now).or_else(waits)
    }

    pub(super) fn remember_failure(&self, loaded: &Loaded, error: &Error) {
        if let Some((waits, refused)) = self.failure_names(loaded) {
            let name = if error.kind() == ErrorKind::InteractionRequired { refused } else { waits };
            self.client.remembered.add(name, error, self.client.clock().monotonic());
        }
    }
}
