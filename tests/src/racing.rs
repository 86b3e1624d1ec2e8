//! A store that writes down what is done to it, and one that forgets to compare.

use std::sync::{Arc, Mutex};

use absentia_cache::{Partition, SIGN_IN, Section};
use absentia_store::{Entry, Expiry, Key, Removal, Removed, Result, Store, Version, When, Written};
use async_trait::async_trait;
use bytes::Bytes;

use crate::history::{Act, Content, Did, Event};

/// How many users the processes race for.
pub const USERS: u64 = 4;
/// How many tasks of each process do.
pub const TASKS: u64 = 4;

/// Home account id of one of them.
pub fn user(number: u64) -> String {
    format!("11111111-aaaa-4bbb-8ccc-{number:012}.22222222-dddd-4eee-8fff-000000000002")
}

/// Nanoseconds of the one clock that all processes of this machine share: histories are put together by it.
#[cfg(unix)]
pub fn shared_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// As above; where only the time of day is shared, nobody may set it meanwhile.
#[cfg(not(unix))]
pub fn shared_time() -> u64 {
    use absentia_store::Clock as _;
    let now = absentia_store::SystemClock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_nanos() as u64
}

/// The history of one process. Clones write into one.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Recorder {
    /// Adds what was done since `began`.
    pub fn add(&self, user: &str, began: u64, act: Act) {
        let ended = shared_time();
        self.0.lock().unwrap().push(Event { user: user.to_owned(), began, ended, act });
    }

    /// All so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// Writes down every call. Entries must be in plain text.
pub struct Recording {
    /// The store.
    pub inner: Arc<dyn Store>,
    /// Where it is written down.
    pub recorder: Recorder,
}

#[async_trait]
impl Store for Recording {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let began = shared_time();
        let entry = self.inner.get(key).await?;
        let found = entry.as_ref().map(|entry| (hex(&entry.version), content(&entry.value)));
        self.recorder.add(key.as_str(), began, Act::Get(found));
        Ok(entry)
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let over = match &when {
            When::Absent => None,
            When::Unchanged(version) => Some(hex(version)),
        };
        let content = content(&value);
        let began = shared_time();
        let written = self.inner.put(key, value, when, expiry).await?;
        let done = match &written {
            Written::Done(version) => Some(hex(version)),
            Written::Conflict => None,
        };
        self.recorder.add(key.as_str(), began, Act::Put { over, content, done });
        Ok(written)
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let only = match &when {
            Removal::IfUnchanged(version) => Some(hex(version)),
            Removal::SignOut => None,
        };
        let began = shared_time();
        let removed = self.inner.remove(key, when).await?;
        let did = match removed {
            Removed::Absent => Did::Nothing,
            Removed::Conflict => Did::Conflict,
            Removed::Done => Did::Removed,
        };
        self.recorder.add(key.as_str(), began, Act::Remove { only, did });
        Ok(removed)
    }
}

/// A store that writes whatever is there, as one without a compare would.
pub struct Blind(pub Arc<dyn Store>);

#[async_trait]
impl Store for Blind {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.0.get(key).await
    }

    async fn put(&self, key: &Key, value: Bytes, _: When, expiry: Expiry) -> Result<Written> {
        loop {
            let when = self.0.get(key).await?.map_or(When::Absent, |there| When::Unchanged(there.version));
            if let done @ Written::Done(_) = self.0.put(key, value.clone(), when, expiry).await? {
                return Ok(done);
            }
        }
    }

    async fn remove(&self, key: &Key, _: Removal) -> Result<Removed> {
        self.0.remove(key, Removal::SignOut).await
    }
}

fn hex(version: &Version) -> String {
    version.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn content(value: &[u8]) -> Content {
    let partition = Partition::parse(value).unwrap();
    let sign_in = partition.section(Section::RefreshToken).first().map_or("", |token| token.text(SIGN_IN)).to_owned();
    let tokens = partition.section(Section::AccessToken).iter();
    let committer = |target: &str| target.strip_suffix(".Read").unwrap().to_owned();
    let numbers =
        tokens.map(|token| (committer(token.text("target")), token.text("secret").parse().unwrap())).collect();
    Content { sign_in, numbers }
}
