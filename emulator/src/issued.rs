//! A register of every secret the emulator ever gave out: tests look for these in logs, stores and pages.

use std::sync::Mutex;

use serde::Serialize;

use crate::lock;

/// What a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecretKind {
    /// An authorization code.
    AuthorizationCode,
    /// An access token for any resource.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// The value of a browser session's cookie.
    SessionCookie,
    /// A secret of an app registration.
    ClientSecret,
    /// A user's password.
    Password,
}

/// One secret that was given out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct IssuedSecret {
    /// What it is.
    pub kind: SecretKind,
    /// The secret itself.
    pub value: String,
}

impl std::fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedSecret").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Remembers secrets when it was told to.
#[derive(Default)]
pub(crate) struct Register {
    kept: Option<Mutex<Vec<IssuedSecret>>>,
}

impl Register {
    pub(crate) fn new(remember: bool) -> Register {
        Register { kept: remember.then(Mutex::default) }
    }

    pub(crate) fn record(&self, kind: SecretKind, value: &str) {
        if let Some(kept) = &self.kept {
            lock(kept).push(IssuedSecret { kind, value: value.to_owned() });
        }
    }

    /// Everything given out so far, or `None` when nothing is remembered.
    pub(crate) fn all(&self) -> Option<Vec<IssuedSecret>> {
        self.kept.as_ref().map(|kept| lock(kept).clone())
    }
}
