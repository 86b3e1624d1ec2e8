//! Proof key for code exchange (RFC 7636), method S256.

use crate::{
    Secret,
    encoding::{base64url, sha256_base64url},
};

/// A verifier made of 32 random bytes: 43 characters.
pub fn verifier(random: &[u8; 32]) -> Secret {
    Secret::new(base64url(random))
}

/// The S256 challenge of a verifier.
pub fn challenge(verifier: &Secret) -> String {
    sha256_base64url(verifier.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
