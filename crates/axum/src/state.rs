//! `state`: a sign-in under way, sealed into the URL. Nothing of it is kept here.

use std::time::SystemTime;

use absentia::{Error, KeyRing, PendingSignIn, Secret, TokenCache};
use absentia_core::encoding::{base64url, from_base64url, sha256_base64url};
use serde::{Deserialize, Serialize};

/// What it is sealed for: nothing else opens as a state.
const PURPOSE: &str = "absentia sign-in state";
/// How long a person may take at Entra's pages, seconds; also the life of the binding cookie.
pub(crate) const LIFE: u64 = 3600;
/// The longest that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;
/// How far ahead another node's clock may be, seconds.
const SKEW: u64 = 300;

/// A sign-in under way. `Debug` shows no secret.
#[derive(Debug)]
pub(crate) struct SignInState {
    pub(crate) pending: PendingSignIn,
    pub(crate) return_url: String,
    /// What is asked for besides the app's own scopes.
    pub(crate) scopes: String,
    issued_at: u64,
    /// SHA-256 of the browser's binding.
    binding: String,
}

#[derive(Deserialize, Serialize)]
struct Document<'a> {
    n: &'a str,
    v: &'a str,
    r: &'a str,
    #[serde(default)]
    s: &'a str,
    t: u64,
    b: &'a str,
}

impl SignInState {
    pub(crate) fn new(pending: PendingSignIn, return_url: &str, scopes: &str, now: u64, binding: &str) -> Self {
        Self {
            pending,
            return_url: return_url.to_owned(),
            scopes: scopes.to_owned(),
            issued_at: now,
            binding: sha256_base64url(binding),
        }
    }

    /// The text for the URL.
    pub(crate) fn seal(&self, ring: &KeyRing, cache: &TokenCache) -> Result<String, Error> {
        let document = Document {
            n: self.pending.nonce.expose(),
            v: self.pending.verifier.expose(),
            r: &self.return_url,
            s: &self.scopes,
            t: self.issued_at,
            b: &self.binding,
        };
        let json = Secret::new(
            serde_json::to_string(&document)
                .map_err(|_| Error::unavailable("The sign-in could not be written down"))?,
        );
        Ok(base64url(&ring.seal(PURPOSE, json.expose().as_bytes(), cache.clock().now(), &**cache.random())?))
    }

    /// What this app once sealed, however old.
    pub(crate) fn open(ring: &KeyRing, state: &str, now: SystemTime) -> Option<Self> {
        if state.len() > LONGEST {
            return None;
        }
        let json = ring.open(PURPOSE, &from_base64url(state)?, now)?;
        let document: Document<'_> = serde_json::from_slice(&json).ok()?;
        Some(Self {
            pending: PendingSignIn { nonce: Secret::new(document.n), verifier: Secret::new(document.v) },
            return_url: crate::local_path(document.r).to_owned(),
            scopes: document.s.to_owned(),
            issued_at: document.t,
            binding: document.b.to_owned(),
        })
    }

    /// Whether this browser began it, not too long ago.
    pub(crate) fn is_of(&self, binding: Option<&str>, now: u64) -> bool {
        let young = (now + SKEW).checked_sub(self.issued_at).is_some_and(|age| age < LIFE + SKEW);
        young
            && binding.is_some_and(|binding| {
                Secret::new(sha256_base64url(binding)) == Secret::new(self.binding.as_str()) // in constant time
            })
    }
}
