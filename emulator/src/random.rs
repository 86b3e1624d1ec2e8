//! Randomness and the identifiers made from it.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::{Builder, Uuid};

use crate::aadsts::Refusal;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut out = [0_u8; N];
    rand::fill(&mut out).map_err(|_| Refusal::internal())?;
    Ok(out)
}

/// A random identifier in base64url without padding.
pub(crate) fn token<const N: usize>() -> Result<String, Refusal> {
    Ok(base64url(&bytes::<N>()?))
}

/// A random (version 4) GUID. All zeroes if the system has no randomness: it is only a correlation aid.
pub(crate) fn guid() -> Uuid {
    bytes::<16>().map_or(Uuid::nil(), |b| Builder::from_random_bytes(b).into_uuid())
}

/// A whole number in `low..=high`.
pub(crate) fn between(low: i64, high: i64) -> Result<i64, Refusal> {
    let span = high.saturating_sub(low).saturating_add(1).max(1);
    let drawn = i64::from(u32::from_le_bytes(bytes::<4>()?));
    Ok(low + drawn % span)
}

/// A GUID that is always the same for the same parts: object ids of service principals.
pub(crate) fn derived_guid(parts: &[&str]) -> Uuid {
    let mut sixteen = [0_u8; 16];
    sixteen.iter_mut().zip(sha256_of(parts)).for_each(|(to, from)| *to = from);
    Builder::from_random_bytes(sixteen).into_uuid()
}

/// SHA-256 over the parts, each preceded by its length so that no two lists collide.
pub(crate) fn sha256_of(parts: &[&str]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// Base64url without padding.
pub(crate) fn base64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

/// The bytes of base64url text without padding.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
