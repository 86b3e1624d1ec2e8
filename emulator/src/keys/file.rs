//! The signing key of a data folder.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SigningKey;

const NAME: &str = "signing-key.pem";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Why a data folder's signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file or its folder cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read`, `create` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is there and is not an RSA private key in PKCS#8 PEM.
    #[error(
        "{} is not an RSA private key (PKCS#8, PEM, 2048 bits or more). Restore it from a backup, or remove it: a new \
         key is made at the next start, and tokens signed with the old one are then refused",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// No key could be generated.
    #[error("the system's cryptography could not generate an RSA key")]
    Generate,
}

/// The key of the folder; made there, readable by its owner alone, when there is none yet.
pub(crate) fn read_or_create(folder: &Path) -> Result<SigningKey, KeyFileError> {
    let path = folder.join(NAME);
    match std::fs::read_to_string(&path) {
        Ok(text) => decode_pem(&text).and_then(SigningKey::from_pkcs8).ok_or(KeyFileError::Malformed { path }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => create(folder, &path),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData => Err(KeyFileError::Malformed { path }),
        Err(source) => Err(KeyFileError::Io { doing: "read", path, source }),
    }
}

fn create(folder: &Path, path: &Path) -> Result<SigningKey, KeyFileError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| KeyFileError::Io { doing, path, source }
    };
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFileError::Generate)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyFileError::Generate)?;
    let mut options = OpenOptions::new();
    // Never over another emulator's key: two that start together must not sign with two keys under one name.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(io("create", path))?;
    file.write_all(encode_pem(der.as_ref()).as_bytes()).map_err(io("write", path))?;
    file.sync_all().map_err(io("write", path))?;
    SigningKey::from_pkcs8(der.as_ref().to_vec()).ok_or(KeyFileError::Generate)
}

/// The DER bytes of a PKCS#8 PEM text.
pub(crate) fn decode_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let packed: String = body.split_whitespace().collect();
    STANDARD.decode(packed).ok()
}

fn encode_pem(der: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    let packed = STANDARD.encode(der);
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text + END + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_survives_a_round_trip() {
        let der: Vec<u8> = (0..=255).collect();
        assert_eq!(decode_pem(&encode_pem(&der)), Some(der));
    }
}
