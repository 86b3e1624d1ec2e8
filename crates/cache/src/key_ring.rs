//! The key ring of the native layout: sealing keys, of which one seals.
//!
//! A key becomes the one that seals at a time its file names, minutes after it was added; and nobody seals or opens by what
//! the file said more than a minute ago. So whoever meets a new key has it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, TryLockError},
    time::SystemTime,
};

use absentia_core::Error;
use absentia_store::Key;
use zeroize::Zeroizing;

use crate::{
    cache::unix,
    key_file::{FileKey, KeyFile, MAX_KEYS, damaged},
    key_info::{Kept, KeyId, KeyInfo, KeyState, Rotated},
    keys::{Keys, SETTLE},
    random::Random,
    seal::{NotOpened, open, sealed_under},
};

/// How old what was read may be before the file is read again, in seconds.
const REREAD: u64 = 60;
/// How long the file rests after it was read because of an unknown key id, in seconds: anybody can send one in a cookie.
const PAUSE: u64 = 1;
/// The sealing keys of a cache: one that seals, and others that still open. Cheap to clone; clones are one ring.
///
/// A ring from a file follows the file: it is read again when it is used and a minute has passed, and when a key id is
/// unknown. The file is a few hundred bytes on a local disk, so that reading it holds nobody up. A file that cannot be read any more is
/// logged, and the keys that are known stay.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    keys: RwLock<Arc<Keys>>,
    /// Held by who reads the file.
    reading: Mutex<()>,
}

impl KeyRing {
    /// A ring of one new key that is written nowhere: what it seals is lost with it. For tests and caches in memory.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn ephemeral(random: &dyn Random) -> Result<Self, Error> {
        let file = KeyFile { keys: vec![FileKey::new(random, 0, 0)?] };
        let keys = Keys::of(&file, 0).ok_or_else(|| Error::unavailable("Sealing keys could not be made"))?;
        Ok(Self::new(None, keys))
    }

    /// Creates the file with one new key, readable by its owner alone. It appears whole or not at all, and of two processes
    /// that create it at once one wins.
    ///
    /// Only `absentia store create` does this, never an app: two apps that start together on an empty store must not make
    /// two rings.
    ///
    /// # Errors
    /// `Config` when the file exists or the folder cannot be written to.
    pub fn create(path: &Path, now: SystemTime, random: &dyn Random) -> Result<(), Error> {
        let now = unix(now);
        KeyFile { keys: vec![FileKey::new(random, now, now)?] }.create(path, random)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// `Config`, with what to do, when it is missing, unreadable, readable by others, or malformed: without its keys
    /// nothing may be written.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(Some(path.to_owned()), Keys::read(path, 0)?))
    }

    fn new(file: Option<PathBuf>, keys: Keys) -> Self {
        Self(Arc::new(Inner { file, keys: RwLock::new(Arc::new(keys)), reading: Mutex::new(()) }))
    }

    /// Its keys, oldest first, as the file has them at `now`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn keys(&self, now: SystemTime) -> Result<Vec<KeyInfo>, Error> {
        let now = unix(now);
        Ok(match &self.0.file {
            Some(path) => Keys::read(path, now)?.infos(now),
            None => self.known(now).infos(now),
        })
    }

    /// Adds a key that seals ten minutes from `now` on: by then every process that uses the ring has it. One that waits
    /// already is enough. Replaces the file at once or not at all; waits for whoever else is about to.
    ///
    /// # Errors
    /// `Config` when the file cannot be read or replaced (it is as it was), when it has 64 keys, or for a ring without a file.
    pub fn rotate(&self, now: SystemTime, random: &dyn Random) -> Result<Rotated, Error> {
        let (path, now) = (self.path()?, unix(now));
        let changed = KeyFile::change(path, random, |file| {
            let keys = Keys::of(file, now).ok_or_else(|| damaged(path))?;
            if let Some(waits) = keys.infos(now).into_iter().find(|key| key.state == KeyState::Next) {
                return Ok(Err(waits));
            }
            if file.keys.len() >= MAX_KEYS {
                return Err(Error::config(format!("The key ring {} has {MAX_KEYS} keys", path.display()))
                    .advise("Retire old ones first: `absentia keys retire`"));
            }
            file.keys.push(FileKey::new(random, now, now + SETTLE)?);
            let added = Keys::of(file, now).and_then(|keys| keys.infos(now).pop());
            Ok(Ok(added.ok_or_else(|| damaged(path))?))
        })?;
        Ok(match changed {
            Ok(added) => Rotated::Added(added),
            Err(waits) => Rotated::Waits(waits),
        })
    }

    /// Why a key may not go, if it may not.
    pub(crate) fn kept(&self, id: KeyId, now: SystemTime) -> Result<Option<Kept>, Error> {
        let now = unix(now);
        Ok(Keys::read(self.path()?, now)?.kept(id, now))
    }

    /// Takes a key out of the file. What is sealed under it opens no more.
    pub(crate) fn remove(&self, id: KeyId, now: SystemTime, random: &dyn Random) -> Result<Option<Kept>, Error> {
        let (path, now) = (self.path()?, unix(now));
        let changed = KeyFile::change(path, random, |file| {
            if let Some(kept) = Keys::of(file, now).ok_or_else(|| damaged(path))?.kept(id, now) {
                return Ok(Err(kept));
            }
            let id = id.to_string();
            file.keys.retain(|key| key.id != id);
            Ok(Ok(()))
        })?;
        Ok(changed.err())
    }

    fn path(&self) -> Result<&Path, Error> {
        self.0.file.as_deref().ok_or_else(|| Error::config("A key ring without a file has one key for ever"))
    }

    /// Seals a small value that is no entry (a cookie) for `purpose`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, purpose: &str, plain: &[u8], now: SystemTime, random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.seal_named(&[b"value", purpose.as_bytes()], plain, now, random)
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose, as long as its key is in the ring. `None` for anything
    /// else.
    pub fn open(&self, purpose: &str, sealed: &[u8], now: SystemTime) -> Option<Zeroizing<Vec<u8>>> {
        self.open_named(&[b"value", purpose.as_bytes()], sealed, now).ok()
    }

    /// Seals an entry of the store: what an app keeps there beside the cache's own, so that it follows when keys are retired.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal_entry(&self, key: &Key, plain: &[u8], now: SystemTime, random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.seal_named(&[b"entry", key.as_str().as_bytes()], plain, now, random)
    }

    /// Opens what [`seal_entry`](Self::seal_entry) made for the same key.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open_entry(&self, key: &Key, sealed: &[u8], now: SystemTime) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        self.open_named(&[b"entry", key.as_str().as_bytes()], sealed, now)
    }

    /// The key that sealed bytes name. `None` when they are no sealed bytes.
    pub(crate) fn sealed_under(sealed: &[u8]) -> Option<KeyId> {
        sealed_under(sealed).map(KeyId)
    }

    fn seal_named(&self, name: &[&[u8]], plain: &[u8], now: SystemTime, random: &dyn Random) -> Result<Vec<u8>, Error> {
        let now = unix(now);
        self.known(now).sealing(now).seal(name, plain, random)
    }

    fn open_named(&self, name: &[&[u8]], sealed: &[u8], now: SystemTime) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let now = unix(now);
        let known = self.known(now);
        match open(known.opening(), name, sealed) {
            Err(NotOpened::UnknownKey) => match self.newer_than(&known, now) {
                Some(newer) => open(newer.opening(), name, sealed),
                None => Err(NotOpened::UnknownKey),
            },
            done => done,
        }
    }

    /// What was read a minute ago at most.
    fn known(&self, now: u64) -> Arc<Keys> {
        let known = self.last_read();
        let Some(path) = self.0.file.as_deref().filter(|_| known.is_older(now, REREAD)) else { return known };
        let _reading = match self.0.reading.try_lock() {
            Ok(reading) => reading,
            Err(TryLockError::Poisoned(reading)) => reading.into_inner(),
            Err(TryLockError::WouldBlock) => return known,
        };
        self.read_again(path, now)
    }

    /// What was read since `known`, by another or now; unless that was only just tried.
    fn newer_than(&self, known: &Arc<Keys>, now: u64) -> Option<Arc<Keys>> {
        let path = self.0.file.as_deref()?;
        let _reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.last_read();
        if !Arc::ptr_eq(&last, known) {
            return Some(last);
        }
        last.is_older(now, PAUSE).then(|| self.read_again(path, now))
    }

    fn last_read(&self) -> Arc<Keys> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read_again(&self, path: &Path, now: u64) -> Arc<Keys> {
        let before = self.last_read();
        let keys = match Keys::read(path, now) {
            Ok(keys) => keys.after(&before),
            Err(error) => {
                tracing::warn!(%error, "the key ring cannot be read again; its keys are used as they were");
                let mut keys = (*before).clone();
                keys.read_at = now;
                keys
            }
        };
        let keys = Arc::new(keys);
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        keys
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("file", &self.0.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use absentia_core::ErrorKind;

    use std::{
        fs,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;
    use crate::random::OsRandom;

    const NOW: SystemTime = UNIX_EPOCH;

    fn advice(error: &Error) -> String {
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn a_ring_is_created_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db.keys");
        assert!(advice(&KeyRing::load(&path).unwrap_err()).contains("absentia store create"));
        KeyRing::create(&path, NOW, &OsRandom).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(advice(&KeyRing::create(&path, NOW, &OsRandom).unwrap_err()).contains("exists already"));
        assert_eq!(fs::read(&path).unwrap(), before);
        let ring = KeyRing::load(&path).unwrap();
        let sealed = ring.seal("cookie", b"x", NOW, &OsRandom).unwrap();
        assert_eq!(&KeyRing::load(&path).unwrap().open("cookie", &sealed, NOW).unwrap()[..], b"x");
        assert!(ring.open("other", &sealed, NOW).is_none());
        // The temporary file is gone.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// A ring in a folder of its own, and what another process has of it.
    fn two() -> (tempfile::TempDir, KeyRing, KeyRing) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        KeyRing::create(&path, NOW, &OsRandom).unwrap();
        (folder, KeyRing::load(&path).unwrap(), KeyRing::load(&path).unwrap())
    }

    fn after(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    fn added(ring: &KeyRing, now: SystemTime) -> KeyInfo {
        match ring.rotate(now, &OsRandom).unwrap() {
            Rotated::Added(key) => key,
            Rotated::Waits(key) => panic!("{key:?} waits"),
        }
    }

    fn sealing(ring: &KeyRing, now: SystemTime) -> KeyId {
        KeyRing::sealed_under(&ring.seal("x", b"x", now, &OsRandom).unwrap()).unwrap()
    }

    #[test]
    fn a_new_key_seals_when_its_time_has_come_and_not_before() {
        let (_folder, ring, other) = two();
        let first = sealing(&ring, NOW);
        assert_eq!(sealing(&other, NOW), first);
        let next = added(&ring, NOW);
        assert_eq!((next.active_from, next.state), (after(600), KeyState::Next));
        assert_eq!(ring.rotate(after(599), &OsRandom).unwrap(), Rotated::Waits(next.clone()));
        for (seconds, id) in [(0, first), (599, first), (600, next.id), (9_999, next.id)] {
            assert_eq!(sealing(&ring, after(seconds)), id, "{seconds}");
            assert_eq!(sealing(&other, after(seconds)), id, "{seconds}");
        }
        let states: Vec<_> = ring.keys(after(600)).unwrap().iter().map(|key| (key.id, key.state)).collect();
        assert_eq!(states, [(first, KeyState::Old), (next.id, KeyState::Active)]);
        // The ones of a clock that is behind them all are still the same.
        assert_eq!(sealing(&ring, NOW - Duration::from_secs(1)), first);
    }

    #[test]
    fn what_another_sealed_under_a_key_not_read_yet_opens() {
        let (_folder, ring, other) = two();
        assert!(other.open("x", &ring.seal("x", b"1", NOW, &OsRandom).unwrap(), NOW).is_some());
        added(&ring, NOW);
        // By a clock far ahead.
        let sealed = ring.seal("x", b"2", after(600), &OsRandom).unwrap();
        assert!(other.open("x", &sealed, NOW).is_none(), "the file rests for a second");
        assert_eq!(&other.open("x", &sealed, after(1)).unwrap()[..], b"2");
    }

    #[test]
    fn unknown_keys_do_not_make_the_file_be_read_all_the_time() {
        let (folder, ring, _) = two();
        let mut foreign = ring.seal("x", b"1", NOW, &OsRandom).unwrap();
        foreign[5] ^= 1;
        assert!(ring.open("x", &foreign, after(1)).is_none());
        added(&ring, after(1));
        let sealed =
            KeyRing::load(&folder.path().join("ring")).unwrap().seal("x", b"1", after(601), &OsRandom).unwrap();
        assert!(ring.open("x", &foreign, after(1)).is_none());
        assert!(ring.open("x", &sealed, after(1)).is_none(), "it was read again within the second");
        assert!(ring.open("x", &sealed, after(2)).is_some());
    }

    #[test]
    fn a_key_goes_only_when_others_have_sealed_for_a_while_and_opens_what_is_under_way() {
        let (_folder, ring, other) = two();
        let (first, sealed) = (sealing(&ring, NOW), ring.seal("x", b"1", NOW, &OsRandom).unwrap());
        assert!(other.open("x", &sealed, NOW).is_some());
        let kept = |id, now| ring.kept(id, now).unwrap();
        assert_eq!(kept(first, NOW), Some(Kept::Seals));
        let next = added(&ring, NOW).id;
        assert_eq!((kept(first, NOW), kept(next, NOW)), (Some(Kept::Seals), Some(Kept::Next)));
        assert_eq!(kept(first, after(600)), Some(Kept::Until(after(1200))));
        assert_eq!(kept(first, after(1199)), Some(Kept::Until(after(1200))));
        assert_eq!((kept(first, after(1200)), kept(next, after(1200))), (None, Some(Kept::Seals)));
        assert_eq!(kept(KeyId([7; 8]), NOW), Some(Kept::Unknown));
        assert_eq!(ring.remove(next, after(1200), &OsRandom).unwrap(), Some(Kept::Seals));
        assert_eq!(ring.remove(first, after(1200), &OsRandom).unwrap(), None);
        // What was read before the key left the file may be under way for one more reading.
        for (seconds, opens) in [(1200, true), (1259, true), (1260, false)] {
            assert_eq!(other.open("x", &sealed, after(seconds)).is_some(), opens, "{seconds}");
        }
        assert_eq!(ring.keys(after(1200)).unwrap().len(), 1);
    }

    #[test]
    fn a_key_of_a_clock_far_ahead_can_be_taken_back() {
        let (_folder, ring, _) = two();
        let lost = added(&ring, after(1_000_000)).id;
        assert_eq!(ring.rotate(NOW, &OsRandom).unwrap(), Rotated::Waits(ring.keys(NOW).unwrap().remove(1)));
        assert_eq!(ring.remove(lost, NOW, &OsRandom).unwrap(), None);
        added(&ring, NOW);
    }

    #[test]
    fn a_file_that_cannot_be_read_again_takes_no_key_away() {
        let (folder, ring, _) = two();
        let sealed = ring.seal("x", b"1", NOW, &OsRandom).unwrap();
        let path = folder.path().join("ring");
        fs::write(&path, "nonsense").unwrap();
        assert!(ring.open("x", &sealed, after(61)).is_some());
        assert!(advice(&ring.rotate(after(61), &OsRandom).unwrap_err()).contains("is damaged"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "nonsense");
        fs::remove_file(&path).unwrap();
        assert!(ring.open("x", &sealed, after(122)).is_some());
        assert!(advice(&ring.rotate(after(122), &OsRandom).unwrap_err()).contains("absentia store create"));
        assert!(!path.exists());
    }

    #[test]
    fn those_who_rotate_at_once_add_one_key() {
        let (folder, ring, _) = two();
        std::thread::scope(|scope| {
            let rotate = || KeyRing::load(&folder.path().join("ring")).unwrap().rotate(NOW, &OsRandom).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(rotate)).collect();
            let rotated: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(rotated.iter().filter(|one| matches!(one, Rotated::Added(_))).count(), 1, "{rotated:?}");
        });
        assert_eq!(ring.keys(NOW).unwrap().len(), 2);
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ring", "ring.lock"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_changed_file_stays_private_and_where_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, ring, _) = two();
        let (path, link) = (folder.path().join("ring"), folder.path().join("link"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        added(&KeyRing::load(&link).unwrap(), NOW);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(ring.keys(NOW).unwrap().len(), 2);
        for name in ["ring", "ring.lock"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_ring_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        KeyRing::create(&path, NOW, &OsRandom).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(advice(&KeyRing::load(&path).unwrap_err()).contains("chmod 600"));
    }

    #[test]
    fn a_damaged_ring_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        KeyRing::create(&path, NOW, &OsRandom).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let cut = &whole[..whole.len() / 2];
        let three = whole.replace("\"absentia_key_ring\": 2", "\"absentia_key_ring\": 3");
        for bad in ["", "{}", "nonsense", cut, three.as_str()] {
            fs::write(&path, bad).unwrap();
            let error = advice(&KeyRing::load(&path).unwrap_err());
            assert!(error.contains("is damaged") && error.contains("Restore"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
        let folder_error = KeyRing::load(folder.path()).unwrap_err();
        assert_eq!(folder_error.kind(), ErrorKind::Config);
    }
}
