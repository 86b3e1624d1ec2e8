//! The cache: memory over a store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_core::{Error, ErrorKind, Scopes, Secret, secret::Wiped};
use absentia_store::{Backend, Clock, Entry, ErrorKind as StoreErrorKind, Key, SystemClock, Version};
use bytes::Bytes;

use crate::{
    counters::{Counter, Counters},
    events::{Events, Teller},
    failure::StoreFailure,
    fresh::Freshness,
    identity::Identity,
    key_ring::KeyRing,
    layout::{DotNetExpiry, DotNetProtection, Layout, Protected, Unprotected},
    memory::{Cached, Memory, Name, Slot, SlotTokens, TokenInner, View},
    merge::{Change, Merged, merge},
    partition::Partition,
    random::{OsRandom, Random},
    seal::NotOpened,
};

/// What memory may hold by default, as MSAL's distributed cache adapter: 500 MB.
const MEMORY_LIMIT: u64 = 500 * 1024 * 1024;
/// How long a partition with a refresh token stays unread by default: as long as Entra keeps an unused refresh token.
const SLIDING: Duration = Duration::from_secs(90 * 24 * 3600);
/// How old what memory holds may be before the store is asked again.
const STALE: u64 = 60;
/// How old it may be before callers wait for the store.
const TOO_STALE: u64 = 120;
/// How often an unknown key id makes the ring be read again.
const RELOAD_PAUSE: u64 = 60;
/// How long a failed refresh-ahead rests.
const PAUSE: u64 = 30;

/// The two-level token cache. Cheap to clone; clones are one cache.
#[derive(Clone)]
pub struct TokenCache(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) backend: Backend,
    pub(crate) memory: Memory,
    pub(crate) protection: Protection,
    pub(crate) sliding: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) counters: Counters,
    pub(crate) events: Teller,
    pub(crate) store_failure: StoreFailure,
    /// When the ring was last read again, unix seconds.
    reloaded_at: AtomicU64,
}

pub(crate) enum Protection {
    Plain,
    Sealed(KeyRing),
    DotNet { protected: Protected, expiry: DotNetExpiry, ring: Option<KeyRing> },
}

/// What a cache is made of.
pub struct Builder {
    backend: Backend,
    protection: Protection,
    memory_limit: u64,
    sliding: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    store_failure: StoreFailure,
}

/// What the store had for a key.
#[derive(Debug)]
pub enum Loaded {
    /// Nothing.
    Absent,
    /// A partition of that key.
    Found {
        /// Its content.
        partition: Partition,
        /// Which writing.
        version: Version,
        /// How long the entry stays without being read, when that is set.
        sliding: Option<Duration>,
    },
    /// Something that does not open, or is no partition of that key. Counted; left until a sign-in replaces it.
    Unreadable(Version),
    /// Protected by a key this ring does not have, but .NET may: only a sign-in or a start may replace it.
    Locked(Version),
}

/// Bytes are under a key that is not here.
pub(crate) struct UnknownKey;

/// What memory had for a want.
#[derive(Debug)]
pub enum Peeked {
    /// Serve it.
    Fresh(Arc<TokenInner>),
    /// Serve it, and let one flight look for a newer one.
    Ahead(Arc<TokenInner>),
}

impl TokenCache {
    /// A cache over `backend`, sealed under `ring`.
    pub fn sealed(backend: Backend, ring: KeyRing) -> Builder {
        Builder::new(backend, Protection::Sealed(ring))
    }

    /// A cache that stores tokens as they are: whoever reads the store can act as every user in it. For tests, and for
    /// looking at what is stored.
    pub fn plain(backend: Backend) -> Builder {
        Builder::new(backend, Protection::Plain)
    }

    /// A cache that shares its entries with Microsoft.Identity.Web: keys, bytes and expiry are .NET's.
    pub fn dotnet(backend: Backend, protection: DotNetProtection) -> Builder {
        let DotNetProtection(protected) = protection;
        Builder::new(backend, Protection::DotNet { protected, expiry: DotNetExpiry::default(), ring: None })
    }

    /// How its entries are named.
    pub fn layout(&self) -> Layout {
        match self.0.protection {
            Protection::Plain | Protection::Sealed(_) => Layout::Native,
            Protection::DotNet { .. } => Layout::DotNet,
        }
    }

    /// The stores behind it.
    pub fn backend(&self) -> &Backend {
        &self.0.backend
    }

    /// The clock it was given.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The randomness it was given.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }

    /// Hears of failures of the store and of entries that cannot be read, from now on: instead of a callback, which would run in
    /// the middle of somebody's call.
    pub fn events(&self) -> Events {
        self.0.events.listen()
    }

    /// The key ring that seals its entries or, in .NET's layout, what else the app seals.
    pub fn key_ring(&self) -> Option<&KeyRing> {
        match &self.0.protection {
            Protection::Plain => None,
            Protection::Sealed(ring) => Some(ring),
            Protection::DotNet { ring, .. } => ring.as_ref(),
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How many subjects memory holds, and how many bytes that is.
    pub fn memory_size(&self) -> (usize, u64) {
        self.0.memory.size()
    }

    /// The time, unix seconds.
    pub fn now(&self) -> u64 {
        unix(self.0.clock.now())
    }

    /// Which of an entry's tokens an identity may see: those of its app, cloud and tenant.
    pub fn view(&self, identity: &Identity) -> View {
        self.0.memory.view(&identity.client_id, identity.authority.environment(), identity.realm().unwrap_or("*"))
    }

    /// The slot of an entry's key, given in the three parts of [`Identity::name`], as it is seen by one who may see `view`.
    pub fn slot(&self, view: View, prefix: &str, middle: &str, suffix: &str) -> Slot {
        self.0.memory.slot(view, Name { prefix, middle, suffix })
    }

    /// What memory has for `scopes` of a subject at `now`. Never waits, never allocates.
    ///
    /// A token past `usable` is none. What memory has not compared with the store for two minutes is none either.
    pub fn peek(&self, slot: Slot, name: (&str, &str, &str), scopes: Scopes<'_>, now: u64) -> Option<Peeked> {
        let (prefix, middle, suffix) = name;
        let tokens = self.0.memory.get(slot, Name { prefix, middle, suffix })?;
        let cached = tokens.find(scopes)?;
        // Before `loaded_at` the clock went back: then the age is unknown.
        let age = now.checked_sub(tokens.loaded_at)?;
        if !cached.fresh.is_usable(now) || age >= TOO_STALE {
            return None;
        }
        self.0.counters.count(Counter::L1Hit);
        let due = !cached.fresh.is_fresh(now) && cached.may_try(now, PAUSE);
        Some(if due || age >= STALE && tokens.may_revalidate(now, STALE) {
            Peeked::Ahead(cached.token.clone())
        } else {
            Peeked::Fresh(cached.token.clone())
        })
    }

    /// What memory has for `scopes` while the store does not answer: however old, as long as the token lives.
    pub fn peek_stale(&self, slot: Slot, name: (&str, &str, &str), scopes: Scopes<'_>) -> Option<Arc<TokenInner>> {
        let (prefix, middle, suffix) = name;
        let now = self.now();
        let tokens = self.0.memory.get(slot, Name { prefix, middle, suffix })?;
        let cached = tokens.find(scopes).filter(|cached| cached.fresh.is_usable(now))?;
        self.0.counters.count(Counter::L1Hit);
        Some(cached.token.clone())
    }

    /// Where forgetting stands for a slot: to be read before a load whose result will be remembered.
    pub fn begin(&self, slot: Slot) -> u64 {
        self.0.memory.begin(slot)
    }

    /// Remembers the access tokens of a partition that was loaded after `begun`, unless the slot was forgotten or written
    /// since.
    pub fn remember(&self, slot: Slot, begun: u64, identity: &Identity, partition: &Partition, version: &Version) {
        self.keep(slot, begun, identity, partition, Some(version.clone()), false);
    }

    /// Remembers the access tokens of a partition that was just written, unless the slot was forgotten since `begun`. A load
    /// that began earlier does not replace them.
    pub fn remember_written(
        &self,
        slot: Slot,
        begun: u64,
        identity: &Identity,
        partition: &Partition,
        version: &Version,
    ) {
        self.keep(slot, begun, identity, partition, Some(version.clone()), true);
    }

    /// Remembers what could not be stored, or Entra would be asked for each call while the store is out of order. Forgotten
    /// with its slot, and compared with the store, as all that is remembered.
    pub fn remember_unstored(&self, slot: Slot, begun: u64, identity: &Identity, change: &Change) {
        if let Merged::Ready(partition) = merge(None, Partition::default(), change, identity, self.now()) {
            self.keep(slot, begun, identity, &partition, None, true);
        }
    }

    fn keep(
        &self,
        slot: Slot,
        begun: u64,
        identity: &Identity,
        partition: &Partition,
        version: Option<Version>,
        written: bool,
    ) {
        let key = identity.key();
        let account = partition.user(identity).map(Arc::new);
        let mut jitter = [0; 16];
        let _ = self.0.random.fill(&mut jitter); // without jitter a token is refreshed on the minute: harmless
        let tokens = partition.usable_access_tokens(identity).enumerate().map(|(index, entity)| {
            let token = TokenInner {
                secret: Secret::new(entity.text("secret")),
                target: entity.text("target").into(),
                expires_on: entity.seconds("expires_on"),
                realm: entity.text("realm").into(),
                account: account.clone(),
            };
            Cached::new(Arc::new(token), Freshness::of(entity, jitter[index % jitter.len()]))
        });
        let tokens = SlotTokens::new(key.as_str(), slot, version, tokens.collect(), self.now(), STALE);
        self.0.memory.insert(slot, begun, tokens, written);
    }

    /// Forgets a subject in this process.
    pub fn forget(&self, key: &Key) {
        self.0.memory.forget(key.as_str());
    }

    /// Reads what the store has for `identity`: one store read. Cancel safe.
    ///
    /// # Errors
    /// When the store did not answer: that is no miss.
    pub async fn load(&self, identity: &Identity) -> Result<Loaded, Error> {
        let key = identity.key();
        match self.get(&key).await {
            Ok(None) => Ok(Loaded::Absent),
            Ok(Some(entry)) => match self.open(&key, identity, &entry) {
                Loaded::Locked(_) if self.reload_ring().await => Ok(self.open(&key, identity, &entry)),
                opened => Ok(opened),
            },
            Err(error) => Err(self.store_error(error)),
        }
    }

    pub(crate) fn open(&self, key: &Key, identity: &Identity, entry: &Entry) -> Loaded {
        let version = entry.version.clone();
        let partition = match self.decode(key, &entry.value) {
            Ok(partition) => partition.filter(|partition| partition.names_key(identity)),
            Err(UnknownKey) => {
                self.0.counters.count(Counter::UnknownKey);
                self.0.events.unreadable(key);
                warn_once_of_unknown_keys(&self.0.backend.name);
                return match self.layout() {
                    Layout::Native => Loaded::Unreadable(version),
                    Layout::DotNet => Loaded::Locked(version),
                };
            }
        };
        match partition {
            Some(partition) => Loaded::Found { partition, version, sliding: entry.expiry.sliding },
            None => {
                self.0.counters.count(Counter::Unreadable);
                self.0.events.unreadable(key);
                tracing::warn!(%key, store = %self.0.backend.name, "an entry cannot be read; it is left as it is");
                Loaded::Unreadable(version)
            }
        }
    }

    /// What stored bytes say. `None` when they do not open, or are no partition.
    pub(crate) fn decode(&self, key: &Key, value: &[u8]) -> Result<Option<Partition>, UnknownKey> {
        let json = match &self.0.protection {
            Protection::Plain | Protection::DotNet { protected: Protected::Plain, .. } => {
                return Ok(Partition::parse(value));
            }
            Protection::Sealed(ring) => match ring.open_entry(key, value, self.0.clock.now()) {
                Ok(json) => json,
                Err(NotOpened::Damaged) => return Ok(None),
                Err(NotOpened::UnknownKey) => return Err(UnknownKey),
            },
            Protection::DotNet { protected: Protected::DataProtection { protector, plain_until }, .. } => {
                match protector.unprotect(value) {
                    Ok(json) => json,
                    Err(Unprotected::NotProtected) if plain_until.is_some_and(|until| self.0.clock.now() < until) => {
                        return Ok(Partition::parse(value));
                    }
                    Err(Unprotected::NotProtected | Unprotected::Damaged) => return Ok(None),
                    Err(Unprotected::UnknownKey) => return Err(UnknownKey),
                }
            }
        };
        Ok(Wiped::from_utf8(json).and_then(Partition::of))
    }

    /// Seals a partition for its key.
    pub(crate) fn seal(&self, key: &Key, partition: &Partition) -> Result<Bytes, Error> {
        let mut json = partition.to_json();
        let value = match &self.0.protection {
            Protection::Plain | Protection::DotNet { protected: Protected::Plain, .. } => {
                Ok(Bytes::copy_from_slice(&json))
            }
            Protection::DotNet { protected: Protected::DataProtection { protector, .. }, .. } => {
                protector.protect(&json, self.0.clock.now()).map(Bytes::from)
            }
            Protection::Sealed(ring) => {
                ring.seal_entry(key, &json, self.0.clock.now(), &*self.0.random).map(Bytes::from)
            }
        };
        json.clear(); // what is spare is wiped at once, what is in use byte by byte
        value
    }

    /// Reads the ring of Data Protection again, at most once in a while. Says whether it did. Our own ring follows its file by
    /// itself.
    pub(crate) async fn reload_ring(&self) -> bool {
        let Protection::DotNet { protected: Protected::DataProtection { protector, .. }, .. } = &self.0.protection
        else {
            return false;
        };
        let (now, last) = (self.now(), self.0.reloaded_at.load(Ordering::Relaxed));
        // A clock that went back must not stop it for long.
        let rests = last <= now && now - last < RELOAD_PAUSE;
        if rests || self.0.reloaded_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        match protector.reload().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the Data Protection key ring could not be read again");
                false
            }
        }
    }

    /// A store's error as a client's: what is wrong with the set-up is `Config`, all else `Unavailable`.
    pub fn store_error(&self, error: absentia_store::Error) -> Error {
        let name = &self.0.backend.name;
        let kind = error.kind();
        let translated = match kind {
            StoreErrorKind::Config => {
                Error::new(ErrorKind::Config, format!("The token store {name} cannot be used: {error}"))
            }
            _ => Error::unavailable(format!("The token store {name} did not answer: {error}")),
        };
        let advice = match kind {
            StoreErrorKind::Full => "Make room for the store",
            StoreErrorKind::ReadOnly => "Let this user write to the store",
            StoreErrorKind::Config => return translated.caused_by(error),
            _ => "Try again later; nobody needs to sign in for it",
        };
        translated.caused_by(error).advise(advice)
    }
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}

impl Builder {
    fn new(backend: Backend, protection: Protection) -> Self {
        Self {
            backend,
            protection,
            memory_limit: MEMORY_LIMIT,
            sliding: SLIDING,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store_failure: StoreFailure::default(),
        }
    }

    /// What memory may hold, in bytes. 500 MB by default.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How long a partition with a refresh token stays without being read. 90 days by default, as long as Entra keeps an
    /// unused refresh token.
    #[must_use]
    pub fn sliding_expiration(mut self, window: Duration) -> Self {
        self.sliding = window;
        self
    }

    /// In .NET's layout: how long entries are kept. Nothing set is .NET's default.
    #[must_use]
    pub fn dotnet_expiry(mut self, wanted: DotNetExpiry) -> Self {
        if let Protection::DotNet { expiry, .. } = &mut self.protection {
            *expiry = wanted;
        }
        self
    }

    /// In .NET's layout: the ring for what the app itself seals, such as the cookies of its sessions.
    #[must_use]
    pub fn app_ring(mut self, app_ring: KeyRing) -> Self {
        if let Protection::DotNet { ring, .. } = &mut self.protection {
            *ring = Some(app_ring);
        }
        self
    }

    /// What is done when the store does not answer. By default nothing is tried again, and a failure is no miss.
    #[must_use]
    pub fn store_failure(mut self, wanted: StoreFailure) -> Self {
        self.store_failure = wanted;
        self
    }

    /// The clock. The machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The randomness. The system's by default.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The cache. Does nothing else: no task is started and no store asked.
    pub fn build(self) -> TokenCache {
        TokenCache(Arc::new(Inner {
            memory: Memory::new(self.memory_limit),
            backend: self.backend,
            protection: self.protection,
            sliding: self.sliding,
            clock: self.clock,
            random: self.random,
            counters: Counters::default(),
            events: Teller::default(),
            store_failure: self.store_failure,
            reloaded_at: AtomicU64::new(0),
        }))
    }
}

/// Unix seconds.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn warn_once_of_unknown_keys(store: &str) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            store,
            "entries are sealed under a key this ring does not have; their users must sign in again unless the right ring is \
             restored (said once, counted as unknown_key)"
        );
    });
}
