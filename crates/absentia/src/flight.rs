//! A flight: what happens when memory cannot answer. It outlives its callers, and those who want the same share it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use absentia_cache::{
    Base, Change, ChangeKind, Committed, Counter, Entity, Freshness, Identity, Loaded, Partition, Subject, TokenInner,
};
use absentia_core::{
    AccountId, Error, ErrorKind, Scopes, Secret, TokenResponse,
    encoding::sha256_base64url,
    grant::{client_credentials, on_behalf_of, refresh_token},
    jwt::IdTokenClaims,
};
use absentia_store::Activity;
use futures_util::{FutureExt as _, future::Shared};
use tokio::sync::oneshot;

use crate::{
    acquire::not_hers,
    client::Inner,
    entities::{self, Context},
    lease::{Turn, take_turn},
    metadata::{CacheLevel, CacheRefreshReason},
    redeem::{Repeat, redeem},
    want::{Material, Want},
};

/// Sign-ins that may happen under a flight before it gives up.
const RESTARTS: usize = 2;

/// What a flight brings back, for all who wait.
#[derive(Clone)]
pub(crate) struct Landed {
    pub(crate) token: Arc<TokenInner>,
    pub(crate) level: CacheLevel,
    pub(crate) reason: CacheRefreshReason,
    pub(crate) in_cache: Duration,
    pub(crate) in_http: Duration,
}

impl Landed {
    pub(crate) fn cached(token: Arc<TokenInner>, level: CacheLevel, reason: CacheRefreshReason) -> Self {
        Self { token, level, reason, in_cache: Duration::ZERO, in_http: Duration::ZERO }
    }
}

type Outcome = Result<Landed, Error>;
type Waiting = Shared<futures_util::future::BoxFuture<'static, Outcome>>;

/// The flights of a client that have not landed.
pub(crate) struct Flights {
    open: Mutex<HashMap<String, Waiting>>,
    coalesce: bool,
}

impl Flights {
    pub(crate) fn new(coalesce: bool) -> Self {
        Self { open: Mutex::default(), coalesce }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a flight from the list however it ends.
struct Listed(Arc<Inner>, String);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.flights.lock().remove(&self.1);
    }
}

/// Begins a refresh that nobody waits for.
pub(crate) fn launch(client: &Arc<Inner>, want: Want) {
    drop(begin(client, want, true));
}

/// Waits for the flight of this want, which may be under way.
pub(crate) async fn share(client: &Arc<Inner>, want: Want) -> Outcome {
    begin(client, want, false).await
}

fn begin(client: &Arc<Inner>, want: Want, ahead: bool) -> Waiting {
    let name = want.flight_name();
    let mut open = client.flights.lock();
    if client.flights.coalesce
        && let Some(flight) = open.get(&name)
    {
        return flight.clone();
    }
    let (landed, waiting) = oneshot::channel();
    let waiting = waiting
        .map(|landed| {
            landed.unwrap_or_else(|_| Err(Error::unavailable("The request was given up").advise("Try again")))
        })
        .boxed()
        .shared();
    if client.flights.coalesce {
        open.insert(name.clone(), waiting.clone());
    }
    drop(open);
    let client = client.clone();
    // Made here, so that a task that never runs, because its runtime ended, leaves the list too.
    let listed = client.flights.coalesce.then(|| Listed(client.clone(), name));
    tokio::spawn(async move {
        let outcome = Flight { client: &client, want: &want, ahead, in_cache: Duration::ZERO, in_http: Duration::ZERO }
            .fly()
            .await;
        if let (true, Err(error)) = (ahead, &outcome) {
            want.cache(&client).counters().count(Counter::RefreshAheadFailed);
            tracing::info!(%error, "a token was not refreshed ahead; it is served on");
        }
        // Off the list before anybody hears of it: whoever asks after the answer begins a new flight.
        drop(listed);
        let _ = landed.send(outcome); // nobody may wait any more
    });
    waiting
}

struct Flight<'a> {
    client: &'a Inner,
    want: &'a Want,
    /// Nobody waits: a token that is only usable is no answer.
    ahead: bool,
    in_cache: Duration,
    in_http: Duration,
}

/// What Entra gave.
struct Exchanged {
    response: TokenResponse,
    /// Whose it is; `None` for an app.
    home: Option<AccountId>,
    /// Whether the stored refresh token was redeemed for it.
    refreshed: bool,
}

/// How one attempt ended.
enum Attempt {
    Landed(Landed),
    /// Another sign-in, or another process, was quicker: look again.
    Again,
}

impl Flight<'_> {
    async fn fly(mut self) -> Outcome {
        for _ in 0..=RESTARTS {
            match self.attempt().await? {
                Attempt::Landed(landed) => return Ok(landed),
                Attempt::Again => {}
            }
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
                return answer.map(|landed| landed.map_or(Attempt::Again, Attempt::Landed));
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
        let Loaded::Found { partition, version } = loaded else { return Ok(None) };
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

    /// Asks Entra. Also says whose the answer is.
    async fn exchange(&mut self, loaded: &Loaded) -> Result<Exchanged, Error> {
        let client = self.client;
        let want = self.want;
        let cache = want.cache(client);
        let scopes = Scopes::from(&want.scopes);
        let claims = want.claims.as_deref();
        let stored = match loaded {
            Loaded::Found { partition, .. } => partition.refresh_token(&want.identity),
            _ => None,
        };
        let with_assertion = match (&want.material, stored) {
            (Material::App, _) => {
                let form = client_credentials::form(&client.client_id, scopes).claims(claims);
                let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await;
                return Ok(Exchanged { response: response.map_err(refused_to_app)?, home: None, refreshed: false });
            }
            (Material::Assertion(assertion) | Material::Start(assertion), _)
            | (Material::StoredOr(assertion), None) => assertion,
            (Material::Stored, None) => return Err(nothing_stored(loaded)),
            (Material::Stored | Material::StoredOr(_), Some(entity)) => {
                let token = Secret::new(entity.text("secret"));
                let form = refresh_token::form(&client.client_id, &token, scopes).claims(claims);
                let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await;
                match (response, &want.material) {
                    // What is stored is not accepted any more, but the caller is here herself.
                    (Err(error), Material::StoredOr(assertion)) if error.kind() == ErrorKind::InteractionRequired => {
                        assertion
                    }
                    (response, _) => {
                        let response = response?;
                        let home = entity.text("home_account_id");
                        entities::check_same_user(&response, home)?;
                        return Ok(Exchanged { response, home: AccountId::parse(home), refreshed: true });
                    }
                }
            }
        };
        let form = on_behalf_of::form(&client.client_id, with_assertion.secret(), scopes).claims(claims);
        let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await?;
        // A service principal has no ID token and no home.
        let user = match response.id_token {
            Some(_) => Some(entities::home_account(&response)?),
            None => None,
        };
        // A guest is known to an API by what her tokens say in its tenant, not by who she is at home.
        if let (Some(owner), Some((home, claims))) = (&want.owner, &user)
            && owner != home
            && claims.account_here().as_ref() != Some(owner)
        {
            return Err(not_hers());
        }
        let home = user.map(|(home, _)| home);
        Ok(Exchanged { response, home, refreshed: false })
    }

    async fn commit(
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
            Ok(Committed::StartAgain) => return Ok(Attempt::Again),
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
    fn not_stored(&self, error: &Error, begun: u64, change: &Change) {
        let want = self.want;
        let cache = want.cache(self.client);
        cache.counters().count(Counter::CommitFailed);
        tracing::warn!(%error, "a token was not stored; it is served all the same");
        cache.remember_unstored(want.slot, begun, &want.identity, change);
    }

    fn starts(&self, exchanged: &Exchanged) -> bool {
        matches!(self.want.material, Material::Start(_) | Material::StoredOr(_)) && !exchanged.refreshed
    }

    /// What Entra's answer adds to the partition. `from` is the refresh token that is stored.
    fn change(&self, exchanged: &Exchanged, from: Option<&Entity>, sign_in: &str) -> Change {
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

    fn realm<'a>(&'a self, home: Option<&'a AccountId>) -> &'a str {
        let authority = &self.want.identity.authority;
        match home {
            Some(home) if authority.is_multi_tenant() => home.home_tenant(),
            _ => authority.tenant(),
        }
    }

    /// What the account store is to know of it. The worker's own refreshes leave a user as idle as she is.
    fn activity(
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
    fn landed_unstored(&self, exchanged: &Exchanged, reason: CacheRefreshReason) -> Landed {
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

    /// A failure of Entra's, or the last of a token that still lives: only an outage lets an old token serve on, what Entra
    /// decided stands.
    fn fall_back(&self, loaded: &Loaded, error: Error) -> Outcome {
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
    fn failure_names(&self, loaded: &Loaded) -> Option<(String, String)> {
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

    fn remembered(&self, loaded: &Loaded) -> Option<Error> {
        let (waits, refused) = self.failure_names(loaded)?;
        let (remembered, now) = (&self.client.remembered, self.client.clock().monotonic());
        // Under the first name a refusal is that of a caller who held no assertion.
        let waits = || remembered.get(&waits, now).filter(|error| error.kind() != ErrorKind::InteractionRequired);
        remembered.get(&refused, now).or_else(waits)
    }

    fn remember_failure(&self, loaded: &Loaded, error: &Error) {
        if let Some((waits, refused)) = self.failure_names(loaded) {
            let name = if error.kind() == ErrorKind::InteractionRequired { refused } else { waits };
            self.client.remembered.add(name, error, self.client.clock().monotonic());
        }
    }
}

/// For an app nobody can sign in: what Entra wants from a user is a refusal.
fn refused_to_app(error: Error) -> Error {
    if error.kind() != ErrorKind::InteractionRequired {
        return error;
    }
    Error::new(ErrorKind::Rejected, error.message())
        .said(error.entra().clone())
        .advise("Nobody can sign in for an app: an administrator must allow what it asks for")
}

fn nothing_stored(loaded: &Loaded) -> Error {
    let what = match loaded {
        Loaded::Absent => "Nothing is stored for this user",
        Loaded::Found { .. } => "No refresh token is stored for this user",
        Loaded::Unreadable(_) => "What is stored for this user cannot be read",
    };
    Error::interaction_required(what)
        .said(absentia_core::error::Entra {
            error: Some(
                if matches!(loaded, Loaded::Unreadable(_)) { "unreadable" } else { "entry_missing" }.to_owned(),
            ),
            ..Default::default()
        })
        .advise("The user must sign in again")
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
