use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// The name of an entry: any text without NUL, compared byte for byte. A store never looks inside it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Arc<str>);

impl Key {
    /// A key of this text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which writing of an entry was read. Opaque; equal only for the same writing of the same key: a key that was removed
/// and written again has another version, also when the bytes are the same.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Version(Bytes);

impl Version {
    /// A version made of a backend's own bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The backend's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// When an entry ends: whichever line comes first. Neither set means never.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Expiry {
    /// Ends this long after the last read or write.
    pub sliding: Option<Duration>,
    /// Ends at this instant, however often it is read.
    pub absolute: Option<SystemTime>,
}

/// One stored entry.
#[derive(Clone)]
pub struct Entry {
    /// The bytes, as they were put.
    pub value: Bytes,
    /// Which writing this is.
    pub version: Version,
    /// When it ends.
    pub expiry: Expiry,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be plaintext in a test: only its length is shown.
        f.debug_struct("Entry")
            .field("len", &self.value.len())
            .field("version", &self.version)
            .field("expiry", &self.expiry)
            .finish()
    }
}

/// What must be true for a put to happen.
#[derive(Clone, Debug)]
pub enum When {
    /// There is no (live) entry of that key.
    Absent,
    /// The entry is still this writing.
    Unchanged(Version),
}

/// What a put did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written {
    /// Stored, as this version.
    Done(Version),
    /// The condition did not hold; nothing was changed.
    Conflict,
}

/// What must be true for a removal to happen.
#[derive(Clone, Debug)]
pub enum Removal {
    /// The entry is still this writing.
    IfUnchanged(Version),
    /// Whatever is there, because the user signed out or a job was stopped. The only unconditional removal there is.
    SignOut,
}

/// What a removal did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removed {
    /// There was nothing (live) to remove.
    Absent,
    /// The condition did not hold; nothing was changed.
    Conflict,
    /// Removed.
    Done,
}

/// Sealed cache entries, written conditionally.
///
/// # Contract
///
/// * An expired entry counts as absent in every operation, also before anything swept it away.
/// * [`get`](Self::get) re-arms a sliding expiry, at most once per tenth of the window, so that reads do not become
///   writes. Re-arming changes neither version nor bytes and is never announced.
/// * [`put`](Self::put) and [`remove`](Self::remove) are atomic: of two racing puts that name the same version one is
///   `Done` and the other `Conflict`.
/// * An acknowledged write survives the death of the process; the backend's documentation says what a power cut may take.
/// * An `Err` says nothing about what happened: the write may have landed.
/// * Every call is cancel safe: dropped at any await, it either happened whole or not at all.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one entry.
    ///
    /// # Errors
    /// When the store did not answer. Never because of what is stored.
    async fn get(&self, key: &Key) -> Result<Option<Entry>>;

    /// Reads several, in the order asked: a sweep's read. The default asks one after the other.
    ///
    /// # Errors
    /// As [`get`](Self::get); one error for all.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.get(key).await?);
        }
        Ok(found)
    }

    /// Writes an entry if the condition holds, and announces it.
    ///
    /// # Errors
    /// When the store did not answer, is full or read-only.
    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written>;

    /// Removes an entry if the condition holds, and announces it.
    ///
    /// # Errors
    /// When the store did not answer or is read-only.
    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed>;
}
