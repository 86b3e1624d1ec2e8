//! A flight: what happens when memory cannot answer. It outlives its callers, and those who want the same share it.

mod blocked;
mod exchange;
mod failure;
mod landing;

use std::time::Duration;

use absentia_cache::{Counter, Freshness, Layout, Loaded, Partition};
use absentia_core::{AccountId, Error, ErrorKind, Scopes};

pub(crate) use self::landing::token_of;
use crate::{
    acquire::not_hers,
    client::Inner,
    flights::{Landed, Outcome},
    lease::{Turn, take_turn},
    metadata::{CacheLevel, CacheRefreshReason},
    want::{Material, Want},
};

/// Sign-ins that may happen under a flight before it gives up.
const RESTARTS: usize = 2;

/// One flight, from the load to the landing.
pub(crate) struct Flight<'a> {
    client: &'a Inner,
    want: &'a Want,
    /// Nobody waits: a token that is only usable is no answer.
    ahead: bool,
    in_cache: Duration,
    in_http: Duration,
}

/// How one attempt ended.
enum Attempt {
    Landed(Landed),
    /// Another sign-in, or another process, was quicker: look again. With what was got and not stored.
    Again(Option<Landed>),
}

impl<'a> Flight<'a> {
    pub(crate) fn new(client: &'a Inner, want: &'a Want, ahead: bool) -> Self {
        Self { client, want, ahead, in_cache: Duration::ZERO, in_http: Duration::ZERO }
    }

    pub(crate) async fn fly(mut self) -> Outcome {
        let mut last = None;
        for _ in 0..=RESTARTS {
            match self.attempt().await? {
                Attempt::Landed(landed) => return Ok(landed),
                Attempt::Again(got) => last = got.or(last),
            }
        }
        // .NET drops the mark that tells a refresh from a sign-in: to have been overtaken by it each time is no reason to fail.
        if let (Layout::DotNet, Some(landed)) = (self.want.identity.layout, last) {
            self.want.cache(self.client).counters().count(Counter::CommitFailed);
            return Ok(landed);
        }
        Err(Error::unavailable("The user's sign-in changed while a token was fetched").advise("Try again"))
    }

    /// Load, answer from it if it can; else lease, load again, redeem, commit.
    async fn attempt(&mut self) -> Result<Attempt, Error> {
        let cache = self.want.cache(self.client);
        let begun = cache.begin(self.want.slot);
        let first = match self.load().await {
            Ok(loaded) => loaded,
            Err(error) => return self.without_store(error, begun).await.map(Attempt::Landed),
        };
        if let Some(landed) = self.answer_from(&first, begun)? {
            return Ok(Attempt::Landed(landed));
        }
        if let Some(error) = self.remembered(&first) {
            return self.fall_back(&first, error).map(Attempt::Landed);
        }
        // Before the lease: others who want the same may do so in her presence.
        if let Err(error) = self.refuse_blocked(&first).await {
            return self.fall_back(&first, error).map(Attempt::Landed);
        }
        let (held, waited) = match take_turn(self.client, self.want).await? {
            Turn::Mine(held) => (held, false),
            // Who failed may have held no assertion, or another.
            Turn::Failed(error)
                if error.kind() == ErrorKind::InteractionRequired
                    && matches!(self.want.material, Material::StoredOr(_)) =>
            {
                (None, true)
            }
            Turn::Failed(error) => return self.fall_back(&first, error).map(Attempt::Landed),
            Turn::Done => (None, true),
        };
        // Under the lease somebody may just have finished. Where what he got is no answer here (claims, a token that ends
        // at once), waiting for the next would be no better: this flight goes on by itself.
        let (loaded, begun) = if held.is_some() || waited {
            let begun = cache.begin(self.want.slot);
            (self.load().await.unwrap_or(first), begun)
        } else {
            (first, begun)
        };
        match self.answer_from(&loaded, begun) {
            Ok(None) => {}
            answer => {
                if let Some(held) = held {
                    held.release(self.client, answer.as_ref().err()).await;
                }
                return answer.map(|landed| landed.map_or(Attempt::Again(None), Attempt::Landed));
            }
        }
        let client = self.client;
        let work = self.redeem_and_commit(loaded, begun);
        match held {
            None => work.await,
            Some(held) => {
                let done = held.during(client, work).await;
                held.release(client, done.as_ref().err()).await;
                done
            }
        }
    }

    async fn load(&mut self) -> Result<Loaded, Error> {
        let began = self.client.clock().monotonic();
        let loaded = self.want.cache(self.client).load(&self.want.identity).await;
        self.in_cache += self.client.clock().monotonic().saturating_sub(began);
        loaded
    }

    /// The stored token, if it serves.
    fn answer_from(&self, loaded: &Loaded, begun: u64) -> Result<Option<Landed>, Error> {
        let want = self.want;
        let Loaded::Found { partition, version, .. } = loaded else { return Ok(None) };
        self.check_owner(partition)?;
        if !want.reads_cache() {
            return Ok(None);
        }
        let cache = want.cache(self.client);
        let now = cache.now();
        let Some(entity) = partition.access_token(&want.identity, Scopes::from(&want.scopes)) else { return Ok(None) };
        let fresh = Freshness::of(entity, 0);
        let serves = if self.ahead { fresh.is_fresh(now) } else { fresh.is_usable(now) };
        let refused = want.instead_of.as_ref().is_some_and(|token| token.expose() == entity.text("secret"));
        if !serves || refused {
            return Ok(None);
        }
        cache.remember(want.slot, begun, &want.identity, partition, version);
        cache.counters().count(Counter::L2Hit);
        let token = token_of(entity, &want.identity, partition);
        Ok(Some(Landed {
            in_cache: self.in_cache,
            ..Landed::cached(token, CacheLevel::L2, CacheRefreshReason::NotApplicable)
        }))
    }

    fn check_owner(&self, partition: &Partition) -> Result<(), Error> {
        match &self.want.owner {
            Some(owner) => match partition.user(&self.want.identity) {
                Some(user) if !user.is_named(owner) => Err(not_hers()),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// The store did not answer. Memory serves, however old; where the caller holds what is needed, Entra is asked, nothing is
    /// stored and memory keeps it; else nobody can be helped, and nobody must sign in for it.
    async fn without_store(&mut self, error: Error, begun: u64) -> Outcome {
        let want = self.want;
        let cache = want.cache(self.client);
        cache.counters().count(Counter::StoreFailed);
        if error.kind() == ErrorKind::Config {
            return Err(error);
        }
        if want.reads_cache() && want.instead_of.is_none() {
            let (prefix, middle, suffix) = want.identity.name();
            let name = (prefix.as_str(), middle, suffix);
            if let Some(token) = cache.peek_stale(want.slot, name, Scopes::from(&want.scopes)) {
                return Ok(Landed::cached(token, CacheLevel::L1, CacheRefreshReason::NotApplicable));
            }
        }
        if !matches!(want.material, Material::App | Material::Assertion(_)) {
            return Err(error);
        }
        if let Some(error) = self.remembered(&Loaded::Absent) {
            return Err(error);
        }
        tracing::warn!(%error, "asking Entra without a cache");
        let exchanged = match self.exchange(&Loaded::Absent).await {
            Ok(exchanged) => exchanged,
            Err(error) => {
                self.remember_failure(&Loaded::Absent, &error);
                return Err(error);
            }
        };
        let change = self.change(&exchanged, None, "");
        cache.remember_unstored(want.slot, begun, &want.identity, &change);
        let reason = self.reason(&Loaded::Absent);
        Ok(self.landed_unstored(&exchanged, reason))
    }

    async fn redeem_and_commit(&mut self, loaded: Loaded, begun: u64) -> Result<Attempt, Error> {
        let reason = self.reason(&loaded);
        let cache = self.want.cache(self.client);
        let generation = match self.first_write_of() {
            Some(account) => {
                let generation = cache.generation(&self.client.client_id, account.as_str()).await;
                // For plain on-behalf-of nothing needs to be stored; a start must be.
                match generation {
                    Err(error) if !matches!(self.want.material, Material::Assertion(_)) => return Err(error),
                    other => other.ok().map(|generation| (account, generation)),
                }
            }
            None => None,
        };
        let exchanged = match self.exchange(&loaded).await {
            Ok(exchanged) => exchanged,
            Err(error) => {
                self.remember_failure(&loaded, &error);
                return self.fall_back(&loaded, error).map(Attempt::Landed);
            }
        };
        self.commit(loaded, begun, reason, exchanged, generation).await
    }

    /// The account whose sign-out a first write must not outlive, as far as it is known before Entra is asked.
    fn first_write_of(&self) -> Option<AccountId> {
        match &self.want.material {
            Material::Assertion(assertion) | Material::Start(assertion) | Material::StoredOr(assertion) => {
                self.want.owner.clone().or_else(|| assertion.likely_account())
            }
            Material::App | Material::Stored => None,
        }
    }

    /// Why Entra is asked.
    fn reason(&self, loaded: &Loaded) -> CacheRefreshReason {
        if self.ahead {
            return CacheRefreshReason::ProactivelyRefreshed;
        }
        if !self.want.reads_cache() || self.want.instead_of.is_some() {
            return CacheRefreshReason::ForceRefreshOrClaims;
        }
        match loaded {
            Loaded::Found { partition, .. }
                if partition.access_token(&self.want.identity, Scopes::from(&self.want.scopes)).is_some() =>
            {
                CacheRefreshReason::Expired
            }
            _ => CacheRefreshReason::NoCachedAccessToken,
        }
    }
}
