//! The file of a key ring: how it is written down, and how it is replaced without ever being half there.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use absentia_core::{
    Error,
    encoding::{base64url, from_base64url},
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{key_info::KeyId, random::Random};

/// Longest file that is looked at, in bytes.
const MAX_LENGTH: u64 = 64 * 1024;
/// The most keys a rotation leaves: far below what fits the file, and years of rotations.
pub(crate) const MAX_KEYS: usize = 64;

/// What the file says, oldest key first.
pub(crate) struct KeyFile {
    pub(crate) keys: Vec<FileKey>,
}

/// One key. Times are unix seconds.
#[derive(Deserialize, Serialize)]
pub(crate) struct FileKey {
    pub(crate) id: String,
    /// 32 bytes, base64url.
    key: String,
    /// Unknown of keys from the first form of the file.
    pub(crate) created: Option<u64>,
    /// From then on it seals, until a later key does.
    pub(crate) active_from: u64,
}

impl Drop for FileKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The form that is written.
#[derive(Deserialize, Serialize)]
struct Second {
    absentia_key_ring: u32,
    keys: Vec<FileKey>,
}

/// The form before keys had times: `active` names the one that seals.
#[derive(Deserialize)]
struct First {
    active: String,
    keys: Vec<FirstKey>,
}

#[derive(Deserialize)]
struct FirstKey {
    id: String,
    key: String,
}

impl Drop for FirstKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

#[derive(Deserialize)]
struct Form {
    absentia_key_ring: u32,
}

/// What is said of a file that is no key ring.
pub(crate) fn damaged(path: &Path) -> Error {
    Error::config(format!("The key ring {} is damaged", path.display()))
        .advise("Restore it from a copy; a new ring cannot open what this one sealed")
}

impl FileKey {
    pub(crate) fn new(random: &dyn Random, created: u64, active_from: u64) -> Result<Self, Error> {
        let (mut id, mut key) = ([0; 8], Zeroizing::new([0; 32]));
        random.fill(&mut id)?;
        random.fill(&mut *key)?;
        Ok(Self { id: KeyId(id).to_string(), key: base64url(&*key), created: Some(created), active_from })
    }

    pub(crate) fn secret(&self) -> Option<Zeroizing<[u8; 32]>> {
        let bytes = Zeroizing::new(from_base64url(&self.key)?);
        Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
    }
}

impl First {
    /// The key that seals comes last; of times nothing is known.
    fn upgrade(mut self) -> Option<Vec<FileKey>> {
        let active = self.keys.iter().position(|key| key.id == self.active)?;
        let active = self.keys.remove(active);
        self.keys.push(active);
        let upgraded = self.keys.iter_mut().map(|key| {
            let id = KeyId(from_base64url(&key.id)?.try_into().ok()?).to_string();
            Some(FileKey { id, key: std::mem::take(&mut key.key), created: None, active_from: 0 })
        });
        upgraded.collect()
    }
}

impl KeyFile {
    /// Reads the file.
    ///
    /// # Errors
    /// See [`KeyRing::load`](crate::KeyRing::load).
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
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
        let malformed = || damaged(path);
        if !about.is_file() || about.len() > MAX_LENGTH {
            return Err(malformed());
        }
        refuse_if_shared(path, &about)?;
        let mut json = Zeroizing::new(String::new());
        io::Read::read_to_string(&mut io::Read::take(&file, MAX_LENGTH), &mut json).map_err(|error| {
            match error.kind() {
                io::ErrorKind::InvalidData => malformed(),
                _ => unreadable(error),
            }
        })?;
        Self::parse(&json).ok_or_else(malformed)
    }

    fn parse(json: &str) -> Option<Self> {
        let form: Form = serde_json::from_str(json).ok()?;
        let keys = match form.absentia_key_ring {
            1 => serde_json::from_str::<First>(json).ok()?.upgrade()?,
            2 => serde_json::from_str::<Second>(json).ok()?.keys,
            _ => return None,
        };
        Some(Self { keys })
    }

    fn json(self) -> Result<Zeroizing<String>, Error> {
        let document = Second { absentia_key_ring: 2, keys: self.keys };
        let json = serde_json::to_string_pretty(&document);
        json.map(Zeroizing::new).map_err(|_| Error::unavailable("The key ring could not be written down"))
    }

    /// Writes a file that is not there yet.
    ///
    /// # Errors
    /// See [`KeyRing::create`](crate::KeyRing::create).
    pub(crate) fn create(self, path: &Path, random: &dyn Random) -> Result<(), Error> {
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
        let (folder, temporary) = temporary(path, random)?;
        let json = self.json()?;
        let written = write_private(&temporary, json.as_bytes(), None).map_err(failed).and_then(|()| {
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

    /// Puts `change` of the file in its place, at once or not at all, and keeps its owner. One process at a time: others wait.
    /// `change` gives `Err` to leave the file as it is.
    ///
    /// # Errors
    /// `Config` when the file cannot be read, as [`read`](Self::read), or not be replaced.
    pub(crate) fn change<T, U>(
        path: &Path,
        random: &dyn Random,
        change: impl FnOnce(&mut Self) -> Result<Result<T, U>, Error>,
    ) -> Result<Result<T, U>, Error> {
        let shown = path.display();
        let failed = |error: io::Error| {
            Error::config(format!("The key ring {shown} could not be changed and is as it was")).caused_by(error).advise(
                "Run this as the owner of the file, where its folder can be written to, the disk is not full, and the \
                 file is not mounted by itself",
            )
        };
        // Through a link: what is replaced is the file, not the link.
        let path = &fs::canonicalize(path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(path.to_path_buf()), // said better by who reads it
            _ => Err(failed(error)),
        })?;
        Self::read(path)?; // what is wrong with it is said before there is a lock
        let _lock = lock(path).map_err(failed)?;
        let mut file = Self::read(path)?;
        let changed = match change(&mut file)? {
            Ok(changed) => changed,
            Err(kept) => return Ok(Err(kept)),
        };
        let (folder, temporary) = temporary(path, random)?;
        let json = file.json()?;
        let written = fs::metadata(path)
            .and_then(|owner| write_private(&temporary, json.as_bytes(), Some(&owner)))
            .and_then(|()| fs::rename(&temporary, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary); // it never had another name, and failing to remove it harms nobody
            return Err(failed(error));
        }
        sync_folder(folder);
        Ok(Ok(changed))
    }
}

/// Held until it is dropped, or its process ends: whoever is killed with it is in nobody's way. It has a file of its own,
/// because that of the ring is replaced.
fn lock(path: &Path) -> io::Result<fs::File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(name)?;
    file.lock()?;
    Ok(file)
}

/// The folder of `path`, and a name in it that nobody has.
fn temporary<'a>(path: &'a Path, random: &dyn Random) -> Result<(&'a Path, PathBuf), Error> {
    let mut suffix = [0; 8];
    random.fill(&mut suffix)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok((folder, folder.join(format!(".key-ring-{}", base64url(&suffix)))))
}

fn write_private(path: &Path, bytes: &[u8], owner: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    #[cfg(unix)]
    if let Some(owner) = owner {
        use std::os::unix::fs::MetadataExt as _;
        let ours = file.metadata()?;
        // An administrator who rotates must not take the ring away from the program that uses it.
        if (ours.uid(), ours.gid()) != (owner.uid(), owner.gid()) {
            std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = owner; // access lists come from the folder there
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
