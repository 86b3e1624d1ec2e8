//! `IDataProtector`: payloads for one application and one chain of purposes.
//!
//! `09 F0 C9 F0 ‖ key id (16, .NET's order) ‖ what the key made`. The label of the derivation is that header followed by the
//! purposes, so a payload opens only for the purposes it was made for.

use std::{fmt, time::SystemTime};

use absentia_core::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Random, ring::KeyRing};

/// The first 28 bits name Data Protection, the last four are the version of the format: 0.
const MAGIC: [u8; 4] = [0x09, 0xf0, 0xc9, 0xf0];
const HEADER: usize = MAGIC.len() + 16;

/// Protects and unprotects for one application name and one chain of purposes. Immutable: a changed ring is a new protector.
pub struct Protector {
    ring: KeyRing,
    /// The number of purposes and the purposes, as they stand in the label.
    purposes: Vec<u8>,
}

/// Why a payload did not open. Holds nothing of the payload but the id of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unopened {
    /// No payload of Data Protection at all: plaintext, for example.
    NotAPayload,
    /// Made under a key that is not in the ring. Read the ring again once: another process may have made it.
    UnknownKey(Uuid),
    /// Made under a key that was revoked since.
    Revoked(Uuid),
    /// Made under a key of the ring whose secret could not be read; [`Key::unusable`](crate::Key::unusable) says why.
    Unusable(Uuid),
    /// Changed, cut, or made for another application name or other purposes; nobody can tell which.
    Tampered,
}

impl Protector {
    /// The protector of an application for a chain of purposes, outermost first, as `CreateProtector` is given them.
    ///
    /// # Errors
    /// `Config` without an application name.
    pub fn new(ring: KeyRing, application_name: &str, purposes: &[&str]) -> Result<Self, Error> {
        // .NET takes a blank name for none.
        if application_name.trim().is_empty() {
            return Err(Error::config("Data Protection needs the application's name").advise(
                "Set ApplicationName to what the .NET application gives to SetApplicationName(..). If it gives none, .NET \
                 uses the path of its content root, which is another on every machine: let it call SetApplicationName",
            ));
        }
        let chain: Vec<&str> = [application_name].into_iter().chain(purposes.iter().copied()).collect();
        Ok(Self::without_application_name(ring, &chain))
    }

    /// The protector for purposes alone: what `DataProtectionProvider.Create(directory)` of .NET makes. An ASP.NET Core
    /// application always has a name; use [`new`](Self::new) for it.
    pub fn without_application_name(ring: KeyRing, purposes: &[&str]) -> Self {
        let mut label = u32::try_from(purposes.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        for purpose in purposes {
            push_length(purpose.len(), &mut label);
            label.extend_from_slice(purpose.as_bytes());
        }
        Self { ring, purposes: label }
    }

    /// The same protector over another state of the ring.
    #[must_use]
    pub fn with_ring(&self, ring: KeyRing) -> Self {
        Self { ring, purposes: self.purposes.clone() }
    }

    /// The ring.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The payload of `plain`, under the key that .NET would take at `now` (see [`KeyRing::protecting_key`]).
    ///
    /// # Errors
    /// `Config` when the ring has no key that may protect; what `random` says.
    pub fn protect(&self, plain: &[u8], now: SystemTime, random: Random<'_>) -> Result<Vec<u8>, Error> {
        let key = self.ring.protecting_key(now);
        let (key, encryptor) = key.and_then(|key| Some((key, key.encryptor()?))).ok_or_else(|| self.ring.no_key())?;
        let mut payload = header(key.id()).to_vec();
        encryptor.seal(&self.label(key.id()), plain, &mut payload, random)?;
        Ok(payload)
    }

    /// The plaintext of `payload`. An expired key opens; a revoked one does not.
    ///
    /// # Errors
    /// See [`Unopened`].
    pub fn unprotect(&self, payload: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (header, body) = payload.split_first_chunk::<HEADER>().ok_or(Unopened::NotAPayload)?;
        let id = header.strip_prefix(&MAGIC).and_then(|id| id.try_into().ok()).ok_or(Unopened::NotAPayload)?;
        let id = Uuid::from_bytes_le(id);
        let key = self.ring.key(id).ok_or(Unopened::UnknownKey(id))?;
        if key.is_revoked() {
            return Err(Unopened::Revoked(id));
        }
        let encryptor = key.encryptor().ok_or(Unopened::Unusable(id))?;
        encryptor.open(&self.label(id), body).ok_or(Unopened::Tampered)
    }

    fn label(&self, id: Uuid) -> Vec<u8> {
        [&header(id)[..], &self.purposes].concat()
    }
}

fn header(id: Uuid) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    header[MAGIC.len()..].copy_from_slice(&id.to_bytes_le());
    header
}

/// The length prefix of `BinaryWriter.Write(string)`: seven bits a byte, lowest first, the high bit on all but the last.
fn push_length(mut length: usize, out: &mut Vec<u8>) {
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

impl fmt::Debug for Protector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protector").field("ring", &self.ring).finish_non_exhaustive()
    }
}

impl std::error::Error for Unopened {}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPayload => f.write_str("Not protected by Data Protection"),
            Self::UnknownKey(id) => {
                write!(f, "Protected under key {id}, which is not in the key ring: both sides must use the same ring")
            }
            Self::Revoked(id) => write!(f, "Protected under key {id}, which was revoked"),
            Self::Unusable(id) => write!(f, "Protected under key {id}, whose secret cannot be read from the key ring"),
            Self::Tampered => f.write_str(
                "Did not open: changed since, or protected for another application name (ApplicationName must be what the \
                 .NET application gives to SetApplicationName) or another purpose",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    use super::*;

    /// dotnet/aspnetcore, AdditionalAuthenticatedDataTemplateTests.cs.
    #[test]
    fn the_label_is_dotnets() {
        let long = "CfDJ8H5oH_fp1QNBmvs-OWXxsVoV30hrXeI4-PI4p1VZytjsgd0DTstMdtTZbFtm2dKHvsBlDCv7TiEWKztZf8fb48pUgBgUE2SeYV3\
                    eOUXvSfNWU0D8SmHLy5KEnwKKkZKqudDhCnjQSIU7mhDliJJN1e4";
        let purposes = ["my sample string", "\u{a9}\u{ae}\u{b1}\u{b5}\u{b6}", "my other sample string", long, "."];
        let protector = Protector::without_application_name(KeyRing::empty(), &purposes);
        let expected = "CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAFEG15IHNhbXBsZSBzdHJpbmcKwqnCrsKxwrXCthZteSBvdGhlciBzYW1wbGUgc3RyaW5nmw\
                        FDZkRKOEg1b0hfZnAxUU5CbXZzLU9XWHhzVm9WMzBoclhlSTQtUEk0cDFWWnl0anNnZDBEVHN0TWR0VFpiRnRtMmRLSHZzQmxEQ3Y\
                        3VGlFV0t6dFpmOGZiNDhwVWdCZ1VFMlNlWVYzZU9VWHZTZk5XVTBEOFNtSEx5NUtFbndLS2taS3F1ZERoQ25qUVNJVTdtaERsaUpK\
                        TjFlNAEu";
        assert_eq!(BASE64_STANDARD.encode(protector.label(Uuid::nil())), expected);
    }

    #[test]
    fn lengths_are_dotnets() {
        for (length, expected) in
            [(0, &[0][..]), (127, &[0x7f]), (128, &[0x80, 1]), (16383, &[0xff, 0x7f]), (16384, &[0x80, 0x80, 1])]
        {
            let mut out = Vec::new();
            push_length(length, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_blank_application_name_is_refused_with_the_way_out() {
        for name in ["", "  ", "\t"] {
            let error = Protector::new(KeyRing::empty(), name, &["msal_cache"]).unwrap_err().to_string();
            assert!(error.contains("SetApplicationName") && error.contains("content root"), "{error}");
        }
    }
}
