//! Keys that verify tokens (RFC 7517), parsed once.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use serde::Deserialize;

use crate::{Error, encoding::from_base64url, jwt::Jwt};

/// Most keys of a set that are looked at, as Entra does for federated issuers.
const MAX_KEYS: usize = 100;

/// The signing keys of an authority. Keys of a kind we cannot use are skipped.
#[derive(Debug, Default)]
pub struct KeySet(Vec<VerificationKey>);

/// One RSA key, parsed.
pub struct VerificationKey {
    kid: String,
    issuer: Option<String>,
    key: ParsedPublicKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
}

impl KeySet {
    /// Reads a JWKS document.
    ///
    /// # Errors
    /// `Unavailable` when it is no JWKS at all: what answered was not the authority.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let document: Document = serde_json::from_slice(body)
            .map_err(|_| Error::unavailable("The authority's signing keys are not a JSON Web Key Set"))?;
        Ok(Self(document.keys.into_iter().take(MAX_KEYS).filter_map(VerificationKey::read).collect()))
    }

    /// The key of this id.
    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl VerificationKey {
    fn read(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if jwk.kty != "RSA" || jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let der = rsa_public_key(&from_base64url(&jwk.n)?, &from_base64url(&jwk.e)?)?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()?;
        Some(Self { kid: jwk.kid, issuer: jwk.issuer, key })
    }

    /// The issuer this key may sign for, if the set says: a text that may hold `{tenantid}`.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether the token was signed with this key by RS256.
    pub fn verifies(&self, jwt: &Jwt<'_>) -> bool {
        jwt.header.alg == "RS256" && self.key.verify_sig(jwt.signed.as_bytes(), &jwt.signature).is_ok()
    }
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey").field("kid", &self.kid).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// `RSAPublicKey` of RFC 8017 appendix A.1.1 in DER: a sequence of two integers.
fn rsa_public_key(n: &[u8], e: &[u8]) -> Option<Vec<u8>> {
    if n.len() > 1024 || e.len() > 8 || n.is_empty() || e.is_empty() {
        return None;
    }
    let mut body = integer(n);
    body.extend(integer(e));
    Some(tagged(0x30, &body))
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let mut content = Vec::with_capacity(bytes.len() + 1);
    if bytes[first] & 0x80 != 0 {
        content.push(0); // DER integers are signed
    }
    content.extend_from_slice(&bytes[first..]);
    tagged(0x02, &content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        short @ 0..=127 => der.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(0)..];
            der.push(0x80 | bytes.len() as u8);
            der.extend_from_slice(bytes);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_kinds_are_skipped_and_nonsense_is_refused() {
        let set = KeySet::parse(br#"{"keys":[{"kty":"EC","kid":"a"},{"kty":"RSA","kid":"b","n":"AA","e":"AQAB"},7]}"#);
        assert!(set.unwrap().is_empty());
        assert!(KeySet::parse(b"<html>").is_err());
    }

    #[test]
    fn long_lengths_are_der() {
        let der = rsa_public_key(&[0xff; 256], &[1, 0, 1]).unwrap();
        assert_eq!(&der[..9], &[0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
        assert_eq!(&der[der.len() - 5..], &[0x02, 0x03, 1, 0, 1]);
    }
}
