//! One key of a ring.

use std::{fmt, time::SystemTime};

use uuid::Uuid;

use crate::{algorithm::Algorithm, encryptor::Encryptor};

/// How a key's secret is kept in its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// In the clear: whoever reads the file can open everything.
    None,
    /// Encrypted to an X.509 certificate (`ProtectKeysWithCertificate`).
    Certificate,
    /// By something only .NET can undo here: DPAPI, Azure Key Vault, a decryptor of the application's own.
    Other,
}

/// A key of a ring, as its file describes it.
pub struct Key {
    pub(crate) id: Uuid,
    pub(crate) created: SystemTime,
    pub(crate) activates: SystemTime,
    pub(crate) expires: SystemTime,
    pub(crate) revoked: bool,
    pub(crate) source: String,
    pub(crate) protection: Protection,
    pub(crate) secret: Result<Encryptor, String>,
}

impl Key {
    /// Its id. Payloads name it; the name of the file is only a hint.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When it was made.
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// From when on it may protect.
    pub fn activates(&self) -> SystemTime {
        self.activates
    }

    /// Until when it may protect. It opens what it protected for ever.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Whether it was revoked: it neither protects nor opens any more.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Where it was read: a file, or the name the caller gave.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How its secret is kept.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Its algorithms, if its secret could be read.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.encryptor().map(Encryptor::algorithm)
    }

    /// Why its secret could not be read, and what to do about it. The key still counts when one is chosen, as in .NET.
    pub fn unusable(&self) -> Option<&str> {
        self.secret.as_ref().err().map(String::as_str)
    }

    pub(crate) fn encryptor(&self) -> Option<&Encryptor> {
        self.secret.as_ref().ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("revoked", &self.revoked).finish_non_exhaustive()
    }
}
