//! The signing key and how it is published.

mod file;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::aadsts::Refusal;
use crate::random::base64url;

pub use file::KeyFileError;
pub(crate) use file::{decode_pem, read_or_create};

/// Published with this crate: whoever has the crate can sign with it. Only for emulators.
const BUILT_IN: &str = include_str!("built-in.pem");

/// An RSA key that signs tokens (RS256) and is published in the key documents.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    modulus: String,
    exponent: String,
    pkcs8: Vec<u8>,
}

impl SigningKey {
    /// The key published with this crate.
    pub(crate) fn built_in() -> Result<SigningKey, Refusal> {
        decode_pem(BUILT_IN).and_then(SigningKey::from_pkcs8).ok_or_else(Refusal::internal)
    }

    /// A key from its PKCS#8 bytes, if they are an RSA key that can sign.
    pub(crate) fn from_pkcs8(pkcs8: Vec<u8>) -> Option<SigningKey> {
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).ok()?;
        let public = pair.public_key().as_ref();
        let (modulus, exponent) = modulus_and_exponent(public)?;
        // Entra's kid is the SHA-1 of the certificate, 27 characters; without a certificate, of the public key.
        let kid = base64url(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public).as_ref());
        let (modulus, exponent) = (base64url(modulus), base64url(exponent));
        Some(SigningKey { pair, kid, modulus, exponent, pkcs8 })
    }

    /// The key id, also the `x5t` of the key documents.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// What other secrets of this emulator are derived from.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.pkcs8
    }

    /// RS256 over `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Refusal::internal())?;
        Ok(signature)
    }

    /// Whether `signature` over `message` is this key's.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(message, signature)
            .is_ok()
    }

    /// The entry of a key document; the version 2.0 documents name the key's issuer.
    pub(crate) fn jwk(&self, issuer: Option<&str>) -> Value {
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid,
            "n": self.modulus, "e": self.exponent, "cloud_instance_name": "microsoftonline.com",
        });
        if let (Some(issuer), Some(members)) = (issuer, jwk.as_object_mut()) {
            members.insert("issuer".to_owned(), json!(issuer));
        }
        jwk
    }
}

/// The two integers of a PKCS#1 `RSAPublicKey`, big-endian without leading zero (RFC 8017 A.1.1).
fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}

/// The content of the DER element with this tag at the head of `data`, and what follows it.
fn element(data: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[first, short], rest) = data.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        (digits.iter().fold(0_usize, |sum, &digit| (sum << 8) | usize::from(digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_key_signs_and_is_published_with_its_exponent() {
        let key = SigningKey::built_in().unwrap();
        let signature = key.sign(b"header.payload").unwrap();
        assert!(key.verifies(b"header.payload", &signature));
        assert!(!key.verifies(b"header.other", &signature));
        let jwk = key.jwk(Some("https://issuer"));
        assert_eq!(jwk["e"], "AQAB");
        assert_eq!(jwk["n"].as_str().unwrap().len(), 342);
        assert_eq!(key.kid().len(), 27);
    }
}
