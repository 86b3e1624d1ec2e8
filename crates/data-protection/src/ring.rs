//! The key ring: all keys and revocations that were found.

use std::{
    fmt, fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use absentia_core::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    certificate::Certificate,
    choice, descriptor,
    descriptor::Revocation,
    document::{MAX_LENGTH, parse, shown, without_mark},
    key::Key,
};

/// The most documents of a ring. With .NET's defaults this is a quarter of a millennium.
const MAX_DOCUMENTS: usize = 1024;

/// A ring as it was when it was read. Cheap to clone; immutable, so read again what may have changed.
///
/// Nothing in a ring is authenticated: whoever can write to the folder or the list decides which keys there are.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// In the order of their ids.
    keys: Vec<Key>,
    problems: Vec<Problem>,
}

/// Something in the ring that was left aside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The file, or the name the caller gave.
    pub source: String,
    /// What is wrong with it. Quotes nothing from it.
    pub reason: String,
}

impl KeyRing {
    /// Reads all `*.xml` of a folder, as `PersistKeysToFileSystem` keeps them. Nothing is written. `certificates` open secrets
    /// under `ProtectKeysWithCertificate`.
    ///
    /// A damaged key is skipped and stands in [`problems`](Self::problems).
    ///
    /// # Errors
    /// `Config` when the folder or a file cannot be read; when something that may be a revocation is damaged, because a
    /// revoked key must not come back; when two keys have one id.
    pub fn from_folder(folder: &Path, certificates: &[Certificate]) -> Result<Self, Error> {
        let unreadable = |path: &Path, error: io::Error| {
            Error::config(format!("The key ring {} cannot be read", path.display()))
                .caused_by(error)
                .advise("The folder must be the one of PersistKeysToFileSystem, and readable by this process")
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_none_or(|extension| extension != "xml") {
                continue;
            }
            // Through a link too: Kubernetes mounts secrets so. A link to nowhere may have been a revocation. Opening
            // anything but a file may wait for ever.
            if fs::metadata(&path).map_err(|error| unreadable(&path, error))?.is_file() {
                files.push(path);
            }
        }
        files.sort();
        let mut documents = Vec::new();
        for path in files.iter().take(MAX_DOCUMENTS + 1) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            documents.push((name, read(path).map_err(|error| unreadable(path, error))?));
        }
        Self::from_bytes(documents, certificates)
    }

    /// Reads a list of documents, as `PersistKeysToStackExchangeRedis` keeps them (the list `DataProtection-Keys`). Each comes
    /// with a name for error messages. Otherwise like [`from_folder`](Self::from_folder).
    ///
    /// # Errors
    /// See [`from_folder`](Self::from_folder).
    pub fn from_documents(
        documents: impl IntoIterator<Item = (String, Vec<u8>)>,
        certificates: &[Certificate],
    ) -> Result<Self, Error> {
        Self::from_bytes(documents.into_iter().map(|(name, bytes)| (name, Zeroizing::new(bytes))), certificates)
    }

    fn from_bytes(
        documents: impl IntoIterator<Item = (String, Zeroizing<Vec<u8>>)>,
        certificates: &[Certificate],
    ) -> Result<Self, Error> {
        let mut inner = Inner::default();
        let mut revocations = Vec::new();
        for (at, (source, bytes)) in documents.into_iter().enumerate() {
            if at == MAX_DOCUMENTS {
                return Err(Error::config(format!("The key ring has more than {MAX_DOCUMENTS} documents")));
            }
            inner.read(&source, &bytes, certificates, &mut revocations)?;
        }
        inner.keys.sort_by_key(Key::id);
        if let Some(twice) = inner.keys.windows(2).find(|pair| pair[0].id == pair[1].id) {
            let [first, second] = [twice[0].source(), twice[1].source()];
            return Err(Error::config(format!("The key ring has key {} twice: {first}, {second}", twice[0].id))
                .advise("Remove one of them; .NET refuses such a ring too"));
        }
        for key in &mut inner.keys {
            key.revoked = revocations.iter().any(|revocation| match revocation {
                Revocation::Key(id) => *id == key.id,
                Revocation::Before(date) => key.created < *date,
            });
        }
        Ok(Self(Arc::new(inner)))
    }

    /// The keys, in the order of their ids.
    pub fn keys(&self) -> &[Key] {
        &self.0.keys
    }

    /// What was left aside. Worth a warning each: .NET does not read such a ring, or not that key.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// The key with this id.
    pub fn key(&self, id: Uuid) -> Option<&Key> {
        let keys = &self.0.keys;
        keys.binary_search_by_key(&id, Key::id).ok().and_then(|at| keys.get(at))
    }

    /// The key that protects at `now`: what .NET takes with `AutoGenerateKeys = false`. Without a default key that is the
    /// fallback, which may be expired.
    pub fn protecting_key(&self, now: SystemTime) -> Option<&Key> {
        self.default_key(now).or_else(|| choice::fallback(&self.0.keys, now))
    }

    /// .NET's default key: of the active keys (five minutes of skew allowed) the one activated last, unless it is revoked,
    /// expired or unusable.
    pub fn default_key(&self, now: SystemTime) -> Option<&Key> {
        choice::default(&self.0.keys, now)
    }

    /// Why nothing can be protected.
    pub(crate) fn no_key(&self) -> Error {
        let why = self.0.keys.iter().find_map(|key| Some(format!("; key {}: {}", key.id, key.unusable()?)));
        Error::config(format!("The key ring has no key that may protect{}", why.unwrap_or_default())).advise(
            "Start the .NET application once, which makes a key, or make one with `absentia keys create`; then read the \
             ring again",
        )
    }

    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self(Arc::new(Inner::default()))
    }
}

impl Inner {
    fn read(
        &mut self,
        source: &str,
        bytes: &[u8],
        certificates: &[Certificate],
        revocations: &mut Vec<Revocation>,
    ) -> Result<(), Error> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let parsed = if text.is_empty() { Err("not UTF-8 text".to_owned()) } else { parse(text) };
        let document = match parsed {
            Ok(document) => document,
            Err(what) if surely_a_key(source, text) => {
                self.skip(source, format!("is {what}"));
                return Ok(());
            }
            Err(what) => return Err(fatal(source, &format!("is {what}"))),
        };
        let root = document.root_element();
        match root.tag_name().name() {
            "key" => match descriptor::key(root, source, certificates) {
                Ok(key) => self.keys.push(key),
                Err(what) => self.skip(source, format!("has {what}")),
            },
            "revocation" => {
                revocations.push(descriptor::revocation(root).map_err(|what| fatal(source, &format!("has {what}")))?)
            }
            other => self.skip(source, format!("is neither key nor revocation, but {}", shown(other))),
        }
        Ok(())
    }

    fn skip(&mut self, source: &str, reason: String) {
        self.problems.push(Problem { source: source.to_owned(), reason });
    }
}

/// Whether a text that cannot be parsed is a key and nothing else, by its file's name or its first element.
fn surely_a_key(source: &str, text: &str) -> bool {
    let mut rest = without_mark(text).trim_start();
    if rest.starts_with("<?") {
        rest = rest.split_once("?>").map_or("", |(_, rest)| rest.trim_start());
    }
    source.starts_with("key-") || rest.starts_with("<key ")
}

fn fatal(source: &str, what: &str) -> Error {
    Error::config(format!("In the key ring, {source} {what}, and it may be a revocation")).advise(
        "Restore it, or remove it if it is none; until then nothing is opened, so that no revoked key comes back",
    )
}

/// Reads one byte more than is parsed, so that what is too long is known to be.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = fs::File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(MAX_LENGTH + 1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(MAX_LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.0.keys).field("problems", &self.0.problems).finish()
    }
}
