//! What is inside authorization codes and refresh tokens.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::aadsts::Refusal;
use crate::directory::Platform;
use crate::entra::Entra;
use crate::issued::SecretKind;
use crate::random;

const CODE: &str = "authorization code";
const REFRESH: &str = "refresh token";
/// Entra's opaque values begin like this; some tools recognise them by it.
const CODE_PREFIX: &str = "1.";
const REFRESH_PREFIX: &str = "1.AX";

/// Who signed in, with which client, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) client_id: String,
    pub(crate) platform: Platform,
    pub(crate) home_tenant: String,
    pub(crate) home_id: String,
    /// Scopes as they were asked for.
    pub(crate) scope: String,
    /// Browser session of the sign-in.
    pub(crate) sid: Option<String>,
    /// When the password was given, milliseconds.
    pub(crate) authenticated_millis: i64,
    /// When this very code or token was issued, milliseconds.
    pub(crate) issued_millis: i64,
    /// When the first refresh token of this sign-in was issued, seconds: a single-page app's end 24 h later.
    pub(crate) first_issued: i64,
    /// Whether the client declared that it handles claims challenges.
    pub(crate) cp1: bool,
    /// The authentication contexts the sign-in satisfied.
    #[serde(default)]
    pub(crate) contexts: BTreeSet<String>,
    /// Whether the client asked for the claim `login_hint`.
    #[serde(default)]
    pub(crate) login_hint: bool,
}

/// An authorization code's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) id: String,
    pub(crate) granted: Granted,
    pub(crate) tenant: String,
    pub(crate) redirect_uri: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
}

/// A PKCE challenge (RFC 7636).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    pub(crate) s256: bool,
}

impl Entra {
    /// A new authorization code.
    pub(crate) fn issue_code(&self, code: &Code) -> Result<String, Refusal> {
        let text = CODE_PREFIX.to_owned() + &self.vault.seal(CODE, code)?;
        self.issued.record(SecretKind::AuthorizationCode, &text);
        Ok(text)
    }

    /// A code's content, if this emulator (or one with the same key) issued it.
    pub(crate) fn read_code(&self, text: &str) -> Option<Code> {
        self.vault.open(CODE, text.strip_prefix(CODE_PREFIX)?)
    }

    /// A new refresh token; old ones stay valid.
    pub(crate) fn issue_refresh_token(&self, granted: &Granted) -> Result<String, Refusal> {
        let text = REFRESH_PREFIX.to_owned() + &self.vault.seal(REFRESH, granted)?;
        self.issued.record(SecretKind::RefreshToken, &text);
        Ok(text)
    }

    /// A refresh token's content.
    pub(crate) fn read_refresh_token(&self, text: &str) -> Option<Granted> {
        self.vault.open(REFRESH, text.strip_prefix(REFRESH_PREFIX)?)
    }
}

/// An identifier for something that happens once.
pub(crate) fn once() -> Result<String, Refusal> {
    random::token::<16>()
}
