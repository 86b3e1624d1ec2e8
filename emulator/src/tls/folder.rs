//! The authority of a data folder: made at the first start, kept from then on.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::authority::{Authority, TlsError};
use super::certificate;
use crate::clock::UnixSeconds;

const KEY: &str = "ca-key.pem";
const CERTIFICATE: &str = "ca.pem";

/// Where the authority is kept unless told otherwise: with the user's data, as the system has it.
pub(crate) fn default_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| Some(variable("HOME")?.join(".local/share")))?;
    Some(data.join("absentia-emulator"))
}

/// The certificate's file in a folder.
pub(crate) fn named(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// The authority of the folder; made there when there is none yet.
pub(crate) fn in_folder(folder: &Path, now: UnixSeconds) -> Result<Authority, TlsError> {
    let unusable = |what| TlsError::Unusable { folder: folder.to_owned(), what };
    let text = match read(&folder.join(KEY))? {
        Some(text) => text,
        None => make_key(folder)?,
    };
    let key = KeyPair::from_pem(&text).map_err(|_| unusable("ca-key.pem is not a private key"))?;
    let path = named(folder);
    let pem = match read(&path)? {
        Some(pem) => pem,
        // Another one for the same key is as good: what trusts one trusts the other.
        None => {
            let pem = Authority::certify(&key, now)?.pem();
            replace(&path, &pem, 0o644)?;
            pem
        }
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable("ca.pem is not a certificate"))?;
    let facts = certificate::read(&der).ok_or_else(|| unusable("ca.pem is not a certificate"))?;
    if facts.public_key != key.subject_public_key_info() {
        return Err(unusable("ca.pem and ca-key.pem do not belong together"));
    }
    if facts.ends <= now {
        return Err(unusable("ca.pem has ended"));
    }
    Authority::new(key, der, pem)
}

fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match std::fs::read(path) {
        // What is not text is no PEM either.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::Io { doing: "read", path: path.to_owned(), source }),
    }
}

/// Makes the key, or reads the one that another emulator made meanwhile.
fn make_key(folder: &Path) -> Result<String, TlsError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Io { doing, path, source }
    };
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    let pem = KeyPair::generate().map_err(|_| TlsError::Cryptography)?.serialize_pem();
    let path = folder.join(KEY);
    let draft = folder.join(format!("{KEY}.{}", std::process::id()));
    write(&draft, &pem, 0o600)?;
    // A link appears whole or not at all, and never in place of another.
    let linked = std::fs::hard_link(&draft, &path);
    let removed = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => removed.map(|()| pem).map_err(io("write", &draft)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            read(&path)?.ok_or_else(|| io("read", &path)(ErrorKind::NotFound.into()))
        }
        Err(source) => Err(io("create", &path)(source)),
    }
}

/// Writes a server's certificate and its key, in place of what was there; the key is for its owner alone. Answers the two
/// files.
pub(crate) fn keep_server(folder: &Path, certificate: &str, key: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    std::fs::create_dir_all(folder).map_err(|source| TlsError::Io {
        doing: "create",
        path: folder.to_owned(),
        source,
    })?;
    let files = (folder.join("certificate.pem"), folder.join("certificate-key.pem"));
    replace(&files.1, key, 0o600)?;
    replace(&files.0, certificate, 0o644)?;
    Ok(files)
}

fn replace(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let draft = path.with_extension(format!("pem.{}", std::process::id()));
    write(&draft, text, mode)?;
    std::fs::rename(&draft, path).map_err(|source| TlsError::Io { doing: "write", path: path.to_owned(), source })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let io = |doing| move |source| TlsError::Io { doing, path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(io("create"))?;
    file.write_all(text.as_bytes()).map_err(io("write"))?;
    file.sync_all().map_err(io("write"))
}
