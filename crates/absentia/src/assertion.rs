//! What a caller presented to our API.

use std::sync::Arc;

use absentia_core::{AccountId, Secret, encoding::sha256_base64url, jwt::IdTokenClaims};

/// A token that a caller presented to our API, to be exchanged for one of another API. Cheap to clone; `Debug` does not show
/// it.
///
/// [`bearer::ValidToken::assertion`](crate::bearer::ValidToken::assertion) makes one of a token that was verified;
/// [`unverified`](Self::unverified) is named for what it is.
#[derive(Clone, Debug)]
pub struct UserAssertion {
    text: Secret,
    hash: Arc<str>,
}

impl UserAssertion {
    /// An assertion nobody verified here. Entra verifies it when it is exchanged; but a cached answer is given to whoever
    /// presents the same text again.
    pub fn unverified(text: impl Into<String>) -> Self {
        Self::of(Secret::new(text))
    }

    pub(crate) fn of(text: Secret) -> Self {
        let hash = sha256_base64url(text.expose()).into();
        Self { text, hash }
    }

    /// The token.
    pub fn secret(&self) -> &Secret {
        &self.text
    }

    /// base64url of SHA-256 of the text, without padding: what names the entry in MSAL's caches.
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// The home account id of a user at home, as the token's claims say: a guest's cannot be told from them. Unverified;
    /// used only to know early whose generation to look at.
    pub(crate) fn likely_account(&self) -> Option<AccountId> {
        let claims = IdTokenClaims::unverified(self.text.expose()).ok()?;
        AccountId::parse(&format!("{}.{}", claims.oid?, claims.tid?))
    }
}
