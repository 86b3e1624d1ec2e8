//! JSON Web Signatures with RS256 (RFC 7515, RFC 7518 3.3).

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use crate::aadsts::Refusal;
use crate::keys::SigningKey;
use crate::random::{self, base64url, from_base64url};

/// A token's parts, with its signature not yet looked at.
pub(crate) struct Decoded {
    header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    payload: String,
    signature: Vec<u8>,
}

/// A signed version 2.0 token.
pub(crate) fn sign_v2(key: &SigningKey, claims: &Map<String, Value>) -> Result<String, Refusal> {
    sign(key, &json!({ "typ": "JWT", "alg": "RS256", "kid": key.kid() }), None, claims)
}

/// A signed version 1.0 token, which names its key twice.
pub(crate) fn sign_v1(key: &SigningKey, claims: &Map<String, Value>) -> Result<String, Refusal> {
    sign(key, &json!({ "typ": "JWT", "alg": "RS256", "x5t": key.kid(), "kid": key.kid() }), None, claims)
}

/// A version 1.0 token for Microsoft Graph: the signature covers a hash of the header's nonce in place of the nonce, so
/// that nobody but Graph can verify it and clients must treat it as opaque.
pub(crate) fn sign_for_graph(key: &SigningKey, claims: &Map<String, Value>) -> Result<String, Refusal> {
    let nonce = random::token::<32>()?;
    let shown = json!({ "typ": "JWT", "nonce": nonce, "alg": "RS256", "x5t": key.kid(), "kid": key.kid() });
    let signed = json!({ "typ": "JWT", "nonce": hashed(&nonce), "alg": "RS256", "x5t": key.kid(), "kid": key.kid() });
    sign(key, &shown, Some(&signed), claims)
}

fn sign(
    key: &SigningKey,
    shown: &Value,
    signed: Option<&Value>,
    claims: &Map<String, Value>,
) -> Result<String, Refusal> {
    let payload = base64url(&serde_json::to_vec(claims).map_err(|_| Refusal::internal())?);
    let header = |value: &Value| base64url(value.to_string().as_bytes());
    let signature = key.sign(format!("{}.{payload}", header(signed.unwrap_or(shown))).as_bytes())?;
    Ok(format!("{}.{payload}.{}", header(shown), base64url(&signature)))
}

fn hashed(nonce: &str) -> String {
    base64url(digest::digest(&digest::SHA256, nonce.as_bytes()).as_ref())
}

/// The parts of a compact token, or `None` if it is none.
pub(crate) fn decode(token: &str) -> Option<Decoded> {
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Decoded {
        header: serde_json::from_slice(&from_base64url(header)?).ok()?,
        claims: serde_json::from_slice(&from_base64url(payload)?).ok()?,
        payload: payload.to_owned(),
        signature: from_base64url(signature)?,
    })
}

impl Decoded {
    /// Whether `key` signed it. Entra writes the header members in one order, and so do we: the hash of a Graph nonce
    /// goes where the nonce was.
    pub(crate) fn is_signed_by(&self, key: &SigningKey) -> bool {
        let mut header = self.header.clone();
        if header.get("alg").and_then(Value::as_str) != Some("RS256")
            || header.get("kid").and_then(Value::as_str) != Some(key.kid())
        {
            return false;
        }
        if let Some(nonce) = header.get_mut("nonce") {
            *nonce = json!(hashed(nonce.as_str().unwrap_or_default()));
        }
        let header = base64url(Value::Object(header).to_string().as_bytes());
        key.verifies(format!("{header}.{}", self.payload).as_bytes(), &self.signature)
    }

    /// A text claim.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// The texts of a claim that is a list.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.claims.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// A number claim.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }
}
