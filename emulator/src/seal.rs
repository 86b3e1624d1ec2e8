//! Opaque values: codes, refresh tokens and page state are sealed, not stored.
//!
//! The key is derived from the signing key, so an emulator that is started again with the same key still
//! knows the refresh tokens it issued, as Entra ID would.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aadsts::Refusal;
use crate::random;

/// Seals values under one key; each purpose is bound to the sealed text.
pub(crate) struct Vault {
    key: LessSafeKey,
}

impl Vault {
    /// The vault of a signing key.
    pub(crate) fn derived_from(secret: &[u8]) -> Result<Vault, Refusal> {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, b"absentia-emulator sealed values v1");
        let derived = hmac::sign(&salt, secret);
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref()).map_err(|_| Refusal::internal())?;
        Ok(Vault { key: LessSafeKey::new(key) })
    }

    /// Opaque text for `value`, which only [`open`](Vault::open) with the same purpose reads.
    pub(crate) fn seal(&self, purpose: &'static str, value: &impl Serialize) -> Result<String, Refusal> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut data = serde_json::to_vec(value).map_err(|_| Refusal::internal())?;
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut data)
            .map_err(|_| Refusal::internal())?;
        let mut whole = nonce.to_vec();
        whole.append(&mut data);
        Ok(random::base64url(&whole))
    }

    /// The value in `text`, if this vault sealed it for that purpose.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: &'static str, text: &str) -> Option<T> {
        let mut whole = random::from_base64url(text)?;
        if whole.len() < NONCE_LEN {
            return None;
        }
        let mut data = whole.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&whole).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(purpose), &mut data).ok()?;
        serde_json::from_slice(plain).ok()
    }
}
