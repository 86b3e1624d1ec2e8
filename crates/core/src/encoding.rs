//! base64url and SHA-256, as the protocol uses them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// base64url without padding (RFC 4648 section 5).
pub fn base64url(bytes: &[u8]) -> String {
    URL.encode(bytes)
}

/// Decodes base64url with or without padding. `None` for anything else.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL.decode(text).ok()
}

/// Decodes either alphabet, with or without padding: what services put into a claims challenge.
pub fn from_any_base64(text: &str) -> Option<Vec<u8>> {
    URL.decode(text).or_else(|_| PLAIN.decode(text)).ok()
}

/// SHA-256 of `bytes`, 32 bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// base64url of SHA-256 of `text`, 43 characters: MSAL's hash of an assertion.
pub fn sha256_base64url(text: &str) -> String {
    base64url(&sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_assertion_is_msals() {
        // Measured with MSAL.NET: the six ASCII bytes `assert`.
        assert_eq!(sha256_base64url("assert"), "JUUGib3UTQFAILI4AhsxNDHLH3qG8k4pzsvR5ELtrgo");
    }

    #[test]
    fn both_alphabets_and_paddings_are_read() {
        assert_eq!(from_base64url("Pz8-Pg").as_deref(), Some(&b"??>>"[..]));
        assert_eq!(from_base64url("Pz8-Pg==").as_deref(), Some(&b"??>>"[..]));
        assert_eq!(from_base64url("Pz8+Pg"), None);
        assert_eq!(from_any_base64("Pz8+Pg==").as_deref(), Some(&b"??>>"[..]));
    }
}
