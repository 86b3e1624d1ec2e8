//! What becomes of an answer of Entra's: stored, remembered, handed out.

use std::{sync::Arc, time::Duration};

use absentia_cache::{
    Base, Change, ChangeKind, Committed, Counter, Entity, Identity, Loaded, Partition, Subject, TokenInner,
};
use absentia_core::{AccountId, Error, Secret, TokenResponse, jwt::IdTokenClaims};
use absentia_store::Activity;

use super::{Attempt, Flight, exchange::Exchanged};
use crate::{
    entities::{self, Context},
    flights::Landed,
    metadata::{CacheLevel, CacheRefreshReason},
    want::Material,
};

impl Flight<'_> {
    pub(super) async fn commit(
        &mut self,
        loaded: Loaded,
        begun: u64,
        reason: CacheRefreshReason,
        exchanged: Exchanged,
        generation: Option<(AccountId, u64)>,
    ) -> Result<Attempt, Error> {
        let (client, want) = (self.client, self.want);
        let Exchanged { response, home, refreshed } = &exchanged;
        let cache = want.cache(client);
        let from = match &loaded {
            Loaded::Found { partition, .. } => partition.refresh_token(&want.identity).cloned(),
            _ => None,
        };
        // A start, or a process that had to be started again, is a sign-in: it wins over what it finds.
        let starts = self.starts(&exchanged);
        let change = self.change(&exchanged, from.as_ref(), &client.new_id()?);
        if change.access_token.is_none() && change.refresh_token.is_none() {
            return Ok(Attempt::Landed(self.landed_unstored(&exchanged, reason)));
        }
        let generation = match (home, generation) {
            _ if *refreshed => None,
            (Some(home), Some((account, generation))) if account == *home => Some(generation),
            // A guest: who she is at home was not known before.
            (Some(home), _) => match cache.generation(&client.client_id, home.as_str()).await {
                Ok(generation) => Some(generation),
                Err(error) if starts => return Err(error),
                // Plain on-behalf-of: what cannot be stored safely is not stored.
                Err(error) => {
                    self.not_stored(&error, begun, &change);
                    return Ok(Attempt::Landed(self.landed_unstored(&exchanged, reason)));
                }
            },
            (None, _) => None,
        };
        let mut activity = self.activity(home.as_ref(), self.realm(home.as_ref()), response, generation);
        if let (Some(activity), Subject::Assertion { .. }) = (&mut activity, &want.identity.subject) {
            // Its entry ends with its last token, and so does its row: nothing else would ever delete it.
            let before = match &loaded {
                Loaded::Found { partition, .. } => partition.last_expiry(),
                _ => 0,
            };
            let ends = before.max(cache.now() + response.expires_in);
            activity.expires_at = Some(std::time::UNIX_EPOCH + Duration::from_secs(ends));
        }
        let began = client.clock().monotonic();
        let committed = cache.commit(&want.identity, Base::from(loaded), &change, activity.as_ref()).await;
        self.in_cache += client.clock().monotonic().saturating_sub(began);
        match committed {
            Ok(Committed::Stored { partition, version }) => {
                cache.remember_written(want.slot, begun, &want.identity, &partition, &version);
            }
            Ok(Committed::NotStored) => cache.remember_unstored(want.slot, begun, &want.identity, &change),
            Ok(Committed::StartAgain) => return Ok(Attempt::Again(Some(self.landed_unstored(&exchanged, reason)))),
            Ok(Committed::Gone) => match want.identity.subject {
                Subject::Account(_) | Subject::LongRunning(_) => {
                    return Err(Error::interaction_required("The user signed out meanwhile")
                        .advise("The user must sign in again"));
                }
                Subject::Assertion { .. } | Subject::App { .. } => {}
            },
            Err(error) if starts => return Err(error),
            Err(error) => self.not_stored(&error, begun, &change),
        }
        Ok(Attempt::Landed(self.landed_unstored(&exchanged, reason)))
    }

    /// The token is served all the same, and kept in memory, or Entra would be asked for each call while the disk is full.
    pub(super) fn not_stored(&self, error: &Error, begun: u64, change: &Change) {
        let want = self.want;
        let cache = want.cache(self.client);
        cache.counters().count(Counter::CommitFailed);
        tracing::warn!(%error, "a token was not stored; it is served all the same");
        cache.remember_unstored(want.slot, begun, &want.identity, change);
    }

    pub(super) fn starts(&self, exchanged: &Exchanged) -> bool {
        matches!(self.want.material, Material::Start(_) | Material::StoredOr(_)) && !exchanged.refreshed
    }

    /// What Entra's answer adds to the partition. `from` is the refresh token that is stored.
    pub(super) fn change(&self, exchanged: &Exchanged, from: Option<&Entity>, sign_in: &str) -> Change {
        let want = self.want;
        let home = exchanged.home.as_ref();
        let from = from.filter(|_| exchanged.refreshed);
        let context = Context {
            identity: &want.identity,
            home,
            realm: self.realm(home),
            asked: &want.scopes,
            assertion_key: match (&want.identity.subject, from) {
                (_, Some(from)) => from.text("user_assertion_hash"),
                (Subject::Assertion { hash }, _) => hash,
                (Subject::LongRunning(key), _) => key.text().unwrap_or_default(),
                _ => "",
            },
            from,
            sign_in,
            now: want.cache(self.client).now(),
        };
        let kind = if self.starts(exchanged) { ChangeKind::SignIn } else { ChangeKind::Refresh };
        entities::change(&exchanged.response, kind, &context)
    }

    pub(super) fn realm<'a>(&'a self, home: Option<&'a AccountId>) -> &'a str {
        let authority = &self.want.identity.authority;
        match home {
            Some(home) if authority.is_multi_tenant() => home.home_tenant(),
            _ => authority.tenant(),
        }
    }

    /// What the account store is to know of it. The worker's own refreshes leave a user as idle as she is.
    pub(super) fn activity(
        &self,
        home: Option<&AccountId>,
        realm: &str,
        response: &TokenResponse,
        generation: Option<u64>,
    ) -> Option<Activity> {
        let want = self.want;
        let kind = want.identity.subject.grant_kind()?;
        if !self.client.records_activity && generation.is_none() {
            return None;
        }
        let claims = response.id_token.as_ref().and_then(|token| IdTokenClaims::unverified(token.expose()).ok());
        Some(Activity {
            client_id: self.client.client_id.to_string(),
            account_id: home?.to_string(),
            tenant: realm.to_owned(),
            username: claims.map(|claims| claims.username().to_owned()).filter(|name| !name.is_empty()),
            key: want.identity.key(),
            kind,
            at: self.client.clock().now(),
            sign_in: generation,
            expires_at: None,
        })
    }

    /// The answer as Entra gave it, stored or not.
    pub(super) fn landed_unstored(&self, exchanged: &Exchanged, reason: CacheRefreshReason) -> Landed {
        let (response, home) = (&exchanged.response, exchanged.home.as_ref());
        let now = self.want.cache(self.client).now();
        let claims = response.id_token.as_ref().and_then(|token| IdTokenClaims::unverified(token.expose()).ok());
        let realm = self.realm(home);
        let token = TokenInner {
            secret: response.access_token.clone(),
            target: response.scope.as_deref().unwrap_or(&self.want.scopes).into(),
            expires_on: now + response.expires_in,
            realm: realm.into(),
            account: home.map(|home| {
                Arc::new(absentia_core::UserAccount {
                    id: home.clone(),
                    local_id: claims.as_ref().and_then(IdTokenClaims::account_here),
                    tenant: realm.to_owned(),
                    username: claims.as_ref().map(|claims| claims.username().to_owned()).unwrap_or_default(),
                    name: claims.and_then(|claims| claims.name),
                })
            }),
        };
        Landed {
            token: Arc::new(token),
            level: CacheLevel::None,
            reason,
            in_cache: self.in_cache,
            in_http: self.in_http,
        }
    }
}

/// A stored access token as an answer.
pub(crate) fn token_of(entity: &Entity, identity: &Identity, partition: &Partition) -> Arc<TokenInner> {
    Arc::new(TokenInner {
        secret: Secret::new(entity.text("secret")),
        target: entity.text("target").into(),
        expires_on: entity.seconds("expires_on"),
        realm: entity.text("realm").into(),
        account: partition.user(identity).map(Arc::new),
    })
}
