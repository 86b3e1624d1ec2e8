//! The key ring of the native layout: a file of sealing keys.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use absentia_core::{
    Error,
    encoding::{base64url, from_base64url},
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    random::Random,
    seal::{NotOpened, SealingKey, open},
};

/// Longest file that is looked at, in bytes.
const MAX_LENGTH: u64 = 64 * 1024;

/// The sealing keys of a cache: one that seals, and older ones that still open. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    active: usize,
    keys: Vec<SealingKey>,
}

#[derive(Deserialize, Serialize)]
struct Document {
    absentia_key_ring: u32,
    active: String,
    keys: Vec<Key>,
}

#[derive(Deserialize, Serialize)]
struct Key {
    id: String,
    key: String,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl KeyRing {
    /// A ring of one new key that is written nowhere: what it seals is lost with it. For tests and caches in memory.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn ephemeral(random: &dyn Random) -> Result<Self, Error> {
        let document = Document::new(random)?;
        Self::from_document(&document).ok_or_else(|| Error::unavailable("Sealing keys could not be made"))
    }

    /// Creates the file with one new key, readable by its owner alone. It appears whole or not at all, and of two processes
    /// that create it at once one wins.
    ///
    /// Only `absentia store create` does this, never an app: two apps that start together on an empty store must not make
    /// two rings.
    ///
    /// # Errors
    /// `Config` when the file exists or the folder cannot be written to.
    pub fn create(path: &Path, random: &dyn Random) -> Result<(), Error> {
        let shown = path.display();
        let failed = |error: io::Error| {
            Error::config(format!("The key ring {shown} could not be created")).caused_by(error).advise(
                "Check that its folder exists and can be written to by this user, and that the disk is not full",
            )
        };
        let exists = || {
            Error::config(format!("The key ring {shown} exists already"))
                .advise("Keep it: entries sealed under another ring do not open")
        };
        if path.exists() {
            return Err(exists());
        }
        let mut suffix = [0; 8];
        random.fill(&mut suffix)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let temporary = folder.join(format!(".key-ring-{}", base64url(&suffix)));
        let json = Zeroizing::new(
            serde_json::to_string_pretty(&Document::new(random)?)
                .map_err(|_| Error::unavailable("The key ring could not be written down"))?,
        );
        let written = write_private(&temporary, json.as_bytes()).map_err(failed).and_then(|()| {
            // A link fails if the name exists: whoever comes second learns it here.
            fs::hard_link(&temporary, path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(),
                _ => failed(error),
            })
        });
        let _ = fs::remove_file(&temporary); // it never had another name, and failing to remove it harms nobody
        written?;
        sync_folder(folder);
        Ok(())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// `Config`, with what to do, when it is missing, unreadable, readable by others, or malformed: without its keys
    /// nothing may be written.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let file = fs::File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::config(format!("There is no key ring {shown}"))
                .advise("Create store and key ring once with `absentia store create`"),
            _ => Error::config(format!("The key ring {shown} cannot be read"))
                .caused_by(error)
                .advise("Let the user that runs this process own the file"),
        })?;
        let unreadable =
            |error: io::Error| Error::config(format!("The key ring {shown} cannot be read")).caused_by(error);
        let about = file.metadata().map_err(unreadable)?;
        let malformed = || {
            Error::config(format!("The key ring {shown} is damaged"))
                .advise("Restore it from a copy; a new ring cannot open what this one sealed")
        };
        if !about.is_file() || about.len() > MAX_LENGTH {
            return Err(malformed());
        }
        refuse_if_shared(path, &about)?;
        let mut json = Zeroizing::new(String::new());
        io::Read::read_to_string(&mut &file, &mut json).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => malformed(),
            _ => unreadable(error),
        })?;
        serde_json::from_str::<Document>(&json)
            .ok()
            .and_then(|document| Self::from_document(&document))
            .ok_or_else(malformed)
    }

    /// Seals a small value that is no cache entry (a cookie) for `purpose`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, purpose: &str, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.0.keys[self.0.active].seal(&[b"value", purpose.as_bytes()], plain, random)
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose. `None` for anything else.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.0.keys, &[b"value", purpose.as_bytes()], sealed).ok()
    }

    pub(crate) fn seal_entry(&self, key: &str, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.0.keys[self.0.active].seal(&[b"entry", key.as_bytes()], plain, random)
    }

    pub(crate) fn open_entry(&self, key: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        open(&self.0.keys, &[b"entry", key.as_bytes()], sealed)
    }

    fn from_document(document: &Document) -> Option<Self> {
        if document.absentia_key_ring != 1 {
            return None;
        }
        let mut keys = Vec::with_capacity(document.keys.len());
        for key in &document.keys {
            let bytes = Zeroizing::new(from_base64url(&key.key)?);
            let bytes: &[u8; 32] = bytes.as_slice().try_into().ok()?;
            let id: [u8; 8] = from_base64url(&key.id)?.try_into().ok()?;
            if keys.iter().any(|there: &SealingKey| there.id() == id) {
                return None;
            }
            keys.push(SealingKey::new(id, bytes));
        }
        let active: [u8; 8] = from_base64url(&document.active)?.try_into().ok()?;
        let active = keys.iter().position(|key| key.id() == active)?;
        Some(Self(Arc::new(Inner { active, keys })))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.0.keys.len()).finish_non_exhaustive()
    }
}

impl Document {
    fn new(random: &dyn Random) -> Result<Self, Error> {
        let (mut id, mut key) = ([0; 8], Zeroizing::new([0; 32]));
        random.fill(&mut id)?;
        random.fill(&mut *key)?;
        let id = base64url(&id);
        Ok(Self { absentia_key_ring: 1, active: id.clone(), keys: vec![Key { id, key: base64url(&*key) }] })
    }
}

fn write_private(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the new name durable. Where folders cannot be synced the file is still whole.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(unix)]
fn refuse_if_shared(path: &Path, about: &fs::Metadata) -> Result<(), Error> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions());
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::config(format!("The key ring {shown} can be read by others (mode {:03o})", mode & 0o777))
        .advise(format!("Run `chmod 600 {shown}`, and consider who may have read it")))
}

#[cfg(not(unix))]
fn refuse_if_shared(_: &Path, _: &fs::Metadata) -> Result<(), Error> {
    Ok(()) // access lists are the administrator's there
}

#[cfg(test)]
mod tests {
    use absentia_core::ErrorKind;

    use super::*;
    use crate::random::OsRandom;

    fn advice(error: &Error) -> String {
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn a_ring_is_created_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db.keys");
        assert!(advice(&KeyRing::load(&path).unwrap_err()).contains("absentia store create"));
        KeyRing::create(&path, &OsRandom).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(advice(&KeyRing::create(&path, &OsRandom).unwrap_err()).contains("exists already"));
        assert_eq!(fs::read(&path).unwrap(), before);
        let ring = KeyRing::load(&path).unwrap();
        let sealed = ring.seal("cookie", b"x", &OsRandom).unwrap();
        assert_eq!(&KeyRing::load(&path).unwrap().open("cookie", &sealed).unwrap()[..], b"x");
        assert!(ring.open("other", &sealed).is_none());
        // The temporary file is gone.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_ring_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        KeyRing::create(&path, &OsRandom).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(advice(&KeyRing::load(&path).unwrap_err()).contains("chmod 600"));
    }

    #[test]
    fn a_damaged_ring_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        KeyRing::create(&path, &OsRandom).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let cut = &whole[..whole.len() / 2];
        let two = whole.replace("\"absentia_key_ring\": 1", "\"absentia_key_ring\": 2");
        for bad in ["", "{}", "nonsense", cut, two.as_str()] {
            fs::write(&path, bad).unwrap();
            let error = advice(&KeyRing::load(&path).unwrap_err());
            assert!(error.contains("is damaged") && error.contains("Restore"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
        let folder_error = KeyRing::load(folder.path()).unwrap_err();
        assert_eq!(folder_error.kind(), ErrorKind::Config);
    }
}
