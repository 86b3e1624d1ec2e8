//! A flight: what happens when memory cannot answer. It outlives its callers, and those who want the same share it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use absentia_cache::{
    Base, ChangeKind, Committed, Counter, Freshness, Identity, Loaded, Partition, Subject, TokenInner,
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
    let name = want.name();
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
    tokio::spawn(async move {
        let listed = client.flights.coalesce.then(|| Listed(client.clone(), name));
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
            Err(error) => return self.without_store(error).await.map(Attempt::Landed),
        };
        if let Some(landed) = self.answer_from(&first, begun)? {
            return Ok(Attempt::Landed(landed));
        }
        if let Some(error) = self.remembered(&first) {
            return self.fall_back(&first, error).map(Attempt::Landed);
        }
        let held = match take_turn(self.client, self.want).await? {
            Turn::Mine(held) => held,
            Turn::Failed(error) => return self.fall_back(&first, error).map(Attempt::Landed),
            Turn::Done => return Ok(Attempt::Again),
        };
        // Under the lease somebody may just have finished.
        let loaded = if held.is_some() { self.load().await.unwrap_or(first) } else { first };
        if let Some(landed) = self.answer_from(&loaded, begun)? {
            if let Some(held) = held {
                held.release(self.client, None).await;
            }
            return Ok(Attempt::Landed(landed));
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
                Some(user) if user.id != *owner => Err(not_hers()),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// The store did not answer. Memory serves, however old; where the caller holds what is needed, Entra is asked and
    /// nothing is stored; else nobody can be helped, and nobody must sign in for it.
    async fn without_store(&mut self, error: Error) -> Outcome {
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
        tracing::warn!(%error, "asking Entra without a cache");
        let exchanged = self.exchange(&Loaded::Absent).await?;
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
                let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await?;
                return Ok(Exchanged { response, home: None, refreshed: false });
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
        let home = match response.id_token {
            Some(_) => Some(entities::home_account(&response)?.0),
            None => None,
        };
        if let (Some(owner), Some(home)) = (&want.owner, &home)
            && owner != home
        {
            return Err(not_hers());
        }
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
        let starts = matches!(want.material, Material::Start(_) | Material::StoredOr(_)) && !refreshed;
        let sign_in = client.new_id()?;
        let assertion_key = from.as_ref().map(|from| from.text("user_assertion_hash").to_owned());
        let context = Context {
            identity: &want.identity,
            home: home.as_ref(),
            realm: self.realm(home.as_ref()),
            asked: &want.scopes,
            assertion_key: &match (&want.identity.subject, assertion_key) {
                (_, Some(key)) if *refreshed => key,
                (Subject::Assertion { hash }, _) => hash.to_string(),
                (Subject::LongRunning(key), _) => key.text().unwrap_or_default().to_owned(),
                _ => String::new(),
            },
            from: from.as_ref().filter(|_| *refreshed),
            sign_in: &sign_in,
            now: cache.now(),
        };
        let kind = if starts { ChangeKind::SignIn } else { ChangeKind::Refresh };
        let change = entities::change(response, kind, &context);
        if change.access_token.is_none() {
            return Ok(Attempt::Landed(self.landed_unstored(&exchanged, reason)));
        }
        let generation = match (home, generation) {
            _ if *refreshed => None,
            (Some(home), Some((account, generation))) if account == *home => Some(generation),
            // A guest: who she is at home was not known before.
            (Some(home), _) => Some(cache.generation(&client.client_id, home.as_str()).await?),
            (None, _) => None,
        };
        let mut activity = self.activity(home.as_ref(), context.realm, response, generation);
        if let (Some(activity), Subject::Assertion { .. }) = (&mut activity, &want.identity.subject) {
            // Its entry ends with its last token, and so does its row: nothing else would ever delete it.
            let before = match &loaded {
                Loaded::Found { partition, .. } => partition.last_expiry(),
                _ => 0,
            };
            let ends = before.max(context.now + response.expires_in);
            activity.expires_at = Some(std::time::UNIX_EPOCH + Duration::from_secs(ends));
        }
        let began = client.clock().monotonic();
        let committed = cache.commit(&want.identity, Base::from(loaded), &change, activity.as_ref()).await;
        self.in_cache += client.clock().monotonic().saturating_sub(began);
        match committed {
            Ok(Committed::Stored { partition, version }) => {
                cache.remember(want.slot, begun, &want.identity, &partition, &version);
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
            Err(error) => {
                cache.counters().count(Counter::CommitFailed);
                tracing::warn!(%error, "a token was not stored; it is served all the same");
            }
        }
        Ok(Attempt::Landed(self.landed_unstored(&exchanged, reason)))
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
    /// a new sign-in is asked at once.
    fn failure_name(&self, loaded: &Loaded) -> Option<String> {
        let redeemed = match (&self.want.material, loaded) {
            (Material::App, _) => String::new(),
            (Material::Assertion(assertion) | Material::Start(assertion), _) => assertion.hash().to_string(),
            (Material::Stored | Material::StoredOr(_), Loaded::Found { partition, .. }) => {
                sha256_base64url(partition.refresh_token(&self.want.identity)?.text("secret"))
            }
            _ => return None,
        };
        Some(format!("{}|{redeemed}", self.want.name()))
    }

    fn remembered(&self, loaded: &Loaded) -> Option<Error> {
        if matches!(self.want.material, Material::StoredOr(_)) {
            return None; // the caller is here with an assertion: it may be accepted
        }
        self.client.remembered.get(&self.failure_name(loaded)?, self.client.clock().monotonic())
    }

    fn remember_failure(&self, loaded: &Loaded, error: &Error) {
        if let Some(name) = self.failure_name(loaded) {
            self.client.remembered.add(name, error, self.client.clock().monotonic());
        }
    }
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
pub(crate) fn token_of(entity: &absentia_cache::Entity, identity: &Identity, partition: &Partition) -> Arc<TokenInner> {
    Arc::new(TokenInner {
        secret: Secret::new(entity.text("secret")),
        target: entity.text("target").into(),
        expires_on: entity.seconds("expires_on"),
        realm: entity.text("realm").into(),
        account: partition.user(identity).map(Arc::new),
    })
}
