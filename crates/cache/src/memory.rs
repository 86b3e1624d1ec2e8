//! Level 1: access tokens in memory, by slot.
//!
//! A slot is the 128-bit keyed hash of an entry's key. Reading is one probe, one comparison of the key, and a walk over that
//! subject's few tokens; it takes no lock of ours and allocates nothing.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use absentia_core::{Scopes, Secret, UserAccount};
use absentia_store::Version;
use quick_cache::{Weighter, sync::Cache};

use crate::fresh::Freshness;

/// Stripes of the sequence that orders forgetting and inserting.
const STRIPES: usize = 256;

/// The name of a subject's place in memory, and which of the tokens there are wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot {
    place: Place,
    view: View,
}

/// The keyed hash of an entry's key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Place(u128);

/// Which tokens of an entry one may see: the keyed hash of app, cloud and tenant. A guest has tokens of several tenants in
/// one entry, and in .NET's layout several apps have theirs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct View(u64);

/// An access token and what is known of it.
#[derive(Debug)]
pub struct TokenInner {
    /// The token.
    pub secret: Secret,
    /// Granted scopes, separated by blanks.
    pub target: Box<str>,
    /// Ends at, unix seconds.
    pub expires_on: u64,
    /// The tenant it is for.
    pub realm: Box<str>,
    /// The user it is for, if it is for one.
    pub account: Option<Arc<UserAccount>>,
}

/// One token in memory.
#[derive(Debug)]
pub struct Cached {
    /// The token.
    pub token: Arc<TokenInner>,
    /// Its lines.
    pub fresh: Freshness,
    /// Before this no refresh-ahead is tried again, unix seconds.
    next_try: AtomicU64,
}

impl Cached {
    /// A token with its lines.
    pub fn new(token: Arc<TokenInner>, fresh: Freshness) -> Self {
        Self { token, fresh, next_try: AtomicU64::new(0) }
    }

    /// Whether a refresh-ahead may be tried at `now`. Answers `true` to one caller and puts the next try off by `pause`
    /// seconds.
    pub fn may_try(&self, now: u64, pause: u64) -> bool {
        let next = self.next_try.load(Ordering::Relaxed);
        now >= next && self.next_try.compare_exchange(next, now + pause, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// One subject's tokens.
#[derive(Debug)]
pub(crate) struct SlotTokens {
    key: Box<str>,
    view: View,
    pub(crate) version: Option<Version>,
    pub(crate) tokens: Vec<Cached>,
    /// When the store was last asked, unix seconds.
    pub(crate) loaded_at: u64,
    revalidate_at: AtomicU64,
    /// Where the sequence of its slot stood when this was asked for or written.
    order: u64,
}

impl SlotTokens {
    pub(crate) fn new(
        key: &str,
        slot: Slot,
        version: Option<Version>,
        tokens: Vec<Cached>,
        loaded_at: u64,
        stale: u64,
    ) -> Self {
        let revalidate_at = AtomicU64::new(loaded_at + stale);
        Self { key: key.into(), view: slot.view, version, tokens, loaded_at, revalidate_at, order: 0 }
    }

    /// The token that grants `scopes`; of several the one that ends last.
    pub(crate) fn find(&self, scopes: Scopes<'_>) -> Option<&Cached> {
        self.tokens
            .iter()
            .filter(|cached| scopes.are_granted_by(&cached.token.target))
            .max_by_key(|cached| cached.token.expires_on)
    }

    /// Whether it is time to look whether the store has something else. Answers `true` to one caller.
    pub(crate) fn may_revalidate(&self, now: u64, pause: u64) -> bool {
        let at = self.revalidate_at.load(Ordering::Relaxed);
        now >= at && self.revalidate_at.compare_exchange(at, now + pause, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The name of a subject as it is probed: `prefix`, a part compared ignoring ASCII case, `suffix`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) middle: &'a str,
    pub(crate) suffix: &'a str,
}

impl Name<'_> {
    fn is(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(self.prefix) else { return false };
        let Some(middle) = rest.strip_suffix(self.suffix) else { return false };
        middle.eq_ignore_ascii_case(self.middle)
    }
}

pub(crate) struct Memory {
    slots: Cache<Place, Arc<SlotTokens>, Weight, BuildHasherDefault<Unchanged>>,
    keys: (RandomState, RandomState),
    stripes: Box<[Mutex<Stripe>]>,
}

/// The sequence of the slots of a stripe: each load, write and forgetting takes the next number.
#[derive(Default)]
struct Stripe {
    last: u64,
    /// The number of the latest forgetting.
    forgotten: u64,
}

impl Stripe {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn forget(&mut self) {
        self.forgotten = self.next();
    }
}

impl Memory {
    /// Memory of at most `limit` bytes, counted by the texts it holds.
    pub(crate) fn new(limit: u64) -> Self {
        let items = usize::try_from(limit / 4096).unwrap_or(usize::MAX).clamp(64, 16_384);
        Self {
            slots: Cache::with(items, limit, Weight, BuildHasherDefault::default(), Default::default()),
            keys: (RandomState::new(), RandomState::new()),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn view(&self, client_id: &str, environment: &str, realm: &str) -> View {
        let mut hasher = self.keys.0.build_hasher();
        for part in [client_id, environment, realm] {
            for byte in part.bytes() {
                hasher.write_u8(byte.to_ascii_lowercase());
            }
            hasher.write_u8(0);
        }
        View(hasher.finish())
    }

    pub(crate) fn slot(&self, view: View, name: Name<'_>) -> Slot {
        Slot { place: self.place(name), view }
    }

    /// The place of a name. The same for a whole key and for its three parts.
    fn place(&self, name: Name<'_>) -> Place {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            hasher.write(name.prefix.as_bytes());
            // Lower-cased piece by piece: a key is looked for without being built.
            let mut piece = [0_u8; 64];
            for bytes in name.middle.as_bytes().chunks(piece.len()) {
                let piece = &mut piece[..bytes.len()];
                piece.copy_from_slice(bytes);
                piece.make_ascii_lowercase();
                hasher.write(piece);
            }
            hasher.write(name.suffix.as_bytes());
            hasher.finish()
        };
        Place(u128::from(half(&self.keys.0)) << 64 | u128::from(half(&self.keys.1)))
    }

    fn place_of(&self, key: &str) -> Place {
        self.place(Name { prefix: key, middle: "", suffix: "" })
    }

    pub(crate) fn get(&self, slot: Slot, name: Name<'_>) -> Option<Arc<SlotTokens>> {
        self.slots.get(&slot.place).filter(|tokens| tokens.view == slot.view && name.is(&tokens.key))
    }

    /// Where the sequence of a slot stands: to be read before loading what will be inserted.
    pub(crate) fn begin(&self, slot: Slot) -> u64 {
        self.stripe(slot.place).next()
    }

    /// Keeps tokens that were loaded after `begun` or, if `written`, written just now, unless the slot was forgotten since,
    /// or something later is held.
    pub(crate) fn insert(&self, slot: Slot, begun: u64, mut tokens: SlotTokens, written: bool) {
        let slot = slot.place;
        let mut stripe = self.stripe(slot);
        if begun <= stripe.forgotten {
            return;
        }
        tokens.order = if written { stripe.next() } else { begun };
        if self.slots.peek(&slot).is_some_and(|held| held.order > tokens.order) {
            return;
        }
        if tokens.tokens.is_empty() {
            self.slots.remove(&slot);
        } else {
            self.slots.insert(slot, Arc::new(tokens));
        }
    }

    /// Forgets what belongs to an entry; an older load cannot bring it back.
    pub(crate) fn forget(&self, key: &str) {
        let place = self.place_of(key);
        let mut stripe = self.stripe(place);
        stripe.forget();
        self.slots.remove(&place);
    }

    /// Forgets what belongs to an entry unless it is of this version.
    pub(crate) fn forget_other_than(&self, key: &str, version: &Version) {
        let held = self.slots.peek(&self.place_of(key)).is_some_and(|tokens| tokens.version.as_ref() == Some(version));
        if !held {
            self.forget(key);
        }
    }

    /// Whether something of an entry is held.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.slots.peek(&self.place_of(key)).is_some()
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        for stripe in &self.stripes {
            stripe.lock().unwrap_or_else(PoisonError::into_inner).forget();
        }
        self.slots.clear();
    }

    /// How many subjects are held, and their bytes.
    pub(crate) fn size(&self) -> (usize, u64) {
        (self.slots.len(), self.slots.weight())
    }

    fn stripe(&self, place: Place) -> std::sync::MutexGuard<'_, Stripe> {
        self.stripes[place.0 as usize % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Arc<SlotTokens>> for Weight {
    fn weight(&self, _: &Place, tokens: &Arc<SlotTokens>) -> u64 {
        let token = |cached: &Cached| cached.token.secret.len() + cached.token.target.len() + 320;
        (tokens.key.len() + 160 + tokens.tokens.iter().map(token).sum::<usize>()) as u64
    }
}

/// Slots are keyed hashes already.
#[derive(Default)]
struct Unchanged(u64);

impl Hasher for Unchanged {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, slot: u128) {
        self.0 = (slot >> 64) as u64 ^ slot as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(memory: &Memory, key: &str, version: u8) -> (Slot, SlotTokens) {
        let token = TokenInner {
            secret: Secret::new("t"),
            target: "User.Read".into(),
            expires_on: 10_000,
            realm: "t".into(),
            account: None,
        };
        let cached = Cached::new(Arc::new(token), Freshness::new(0, 10_000, 0, 0));
        let version = Version::new(vec![version]);
        let slot = memory.slot(View(7), whole(key));
        (slot, SlotTokens::new(key, slot, Some(version), vec![cached], 0, 60))
    }

    fn whole(key: &str) -> Name<'_> {
        Name { prefix: key, middle: "", suffix: "" }
    }

    #[test]
    fn a_key_and_its_parts_are_one_slot() {
        let memory = Memory::new(1 << 20);
        let resource = "https://Graph.Microsoft.com/a-resource-with-a-name-that-is-longer-than-sixty-four-bytes";
        let parts = Name { prefix: "c/c_t_", middle: resource, suffix: "_AppTokenCache" };
        let key = format!("c/c_t_{}_AppTokenCache", resource.to_ascii_lowercase());
        assert_eq!(memory.place(parts), memory.place_of(&key));
        assert!(parts.is(&key) && !parts.is("c/c_t_other_AppTokenCache"));
        assert_ne!(memory.place_of("a"), memory.place_of("b"));
    }

    #[test]
    fn an_older_load_does_not_bring_back_what_was_forgotten() {
        let memory = Memory::new(1 << 20);
        let (slot, loaded) = tokens(&memory, "k", 1);
        let begun = memory.begin(slot);
        memory.forget("k");
        memory.insert(slot, begun, loaded, false);
        assert!(memory.get(slot, whole("k")).is_none());
        let (slot, loaded) = tokens(&memory, "k", 1);
        memory.insert(slot, memory.begin(slot), loaded, false);
        assert!(memory.get(slot, whole("k")).is_some());
        // A slot answers only to its own key.
        assert!(memory.get(slot, whole("other")).is_none());
    }

    #[test]
    fn an_older_load_does_not_replace_what_was_written_since() {
        let memory = Memory::new(1 << 20);
        let (slot, older) = tokens(&memory, "k", 1);
        let begun = memory.begin(slot);
        let (_, written) = tokens(&memory, "k", 2);
        memory.insert(slot, memory.begin(slot), written, true);
        memory.insert(slot, begun, older, false);
        let held = |memory: &Memory| memory.get(slot, whole("k")).unwrap().version.clone();
        assert_eq!(held(&memory), Some(Version::new(vec![2])));
        // Nor does it replace a later load; one that began after that does.
        let (_, later) = tokens(&memory, "k", 3);
        memory.insert(slot, memory.begin(slot), later, false);
        assert_eq!(held(&memory), Some(Version::new(vec![3])));
    }

    #[test]
    fn an_announcement_of_what_is_held_changes_nothing() {
        let memory = Memory::new(1 << 20);
        let (slot, loaded) = tokens(&memory, "k", 1);
        memory.insert(slot, memory.begin(slot), loaded, false);
        memory.forget_other_than("k", &Version::new(vec![1]));
        assert!(memory.get(slot, whole("k")).is_some());
        memory.forget_other_than("k", &Version::new(vec![2]));
        assert!(memory.get(slot, whole("k")).is_none());
    }

    #[test]
    fn memory_is_bounded_in_bytes() {
        let memory = Memory::new(64 * 1024);
        for number in 0..10_000 {
            let (slot, loaded) = tokens(&memory, &format!("key {number}"), 1);
            memory.insert(slot, memory.begin(slot), loaded, false);
        }
        let (held, bytes) = memory.size();
        assert!(held > 0 && bytes <= 64 * 1024, "{held} subjects, {bytes} bytes");
    }

    #[test]
    fn one_of_many_tries_a_refresh_ahead() {
        let memory = Memory::new(1 << 20);
        let (_, loaded) = tokens(&memory, "k", 1);
        let cached = loaded.find("user.read".into()).unwrap();
        assert!(cached.may_try(100, 30));
        assert!(!cached.may_try(100, 30) && !cached.may_try(129, 30));
        assert!(cached.may_try(130, 30));
        assert!(loaded.may_revalidate(60, 60) && !loaded.may_revalidate(60, 60));
    }
}
