//! What one key makes of a plaintext: the part of a payload after its header.
//!
//! CBC: `key modifier (16) ‖ IV (16) ‖ ciphertext ‖ HMAC(IV ‖ ciphertext)`. GCM: `key modifier (16) ‖ nonce (12) ‖
//! ciphertext ‖ tag (16)`. Each payload has keys of its own, derived from the master key, the label (header and purposes)
//! and the key modifier; that binds a payload to its purposes.

use absentia_core::Error;
use aws_lc_rs::{
    aead::{Aad, NONCE_LEN, Nonce},
    cipher::{DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    error::Unspecified,
    hmac::{self, HMAC_SHA512},
    iv::FixedLength,
};
use zeroize::Zeroizing;

use crate::{
    Random,
    algorithm::{Algorithm, BLOCK, Hash, KeySize},
    kdf,
};

const MODIFIER: usize = 16;
/// The longest pair of keys: AES-256 and HMAC-SHA512.
const KEYS: usize = 32 + 64;

/// A master key, ready to derive from. Its memory is wiped by the crypto library when it is dropped.
pub(crate) struct Encryptor {
    algorithm: Algorithm,
    master: hmac::Key,
    context_header: Vec<u8>,
}

impl Encryptor {
    pub(crate) fn new(algorithm: Algorithm, master: &[u8]) -> Option<Self> {
        let context_header = algorithm.context_header().ok()?;
        Some(Self { algorithm, master: hmac::Key::new(HMAC_SHA512, master), context_header })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn derive<'a>(&self, label: &[u8], modifier: &[u8], keys: &'a mut [u8; KEYS]) -> &'a [u8] {
        let length = match self.algorithm {
            Algorithm::Cbc(size, hash) => size.bytes() + hash.bytes(),
            Algorithm::Gcm(size) => size.bytes(),
        };
        let keys = &mut keys[..length];
        kdf::derive(&self.master, label, &[&self.context_header, modifier], keys);
        keys
    }

    /// Appends the protected form of `plain` to `out`.
    pub(crate) fn seal(&self, label: &[u8], plain: &[u8], out: &mut Vec<u8>, random: Random<'_>) -> Result<(), Error> {
        let mut fresh = [0; MODIFIER + BLOCK];
        let fresh = match self.algorithm {
            Algorithm::Cbc(..) => &mut fresh[..],
            Algorithm::Gcm(_) => &mut fresh[..MODIFIER + NONCE_LEN],
        };
        random(fresh)?;
        let (modifier, unique) = fresh.split_at(MODIFIER);
        let mut keys = Zeroizing::new([0; KEYS]);
        let keys = self.derive(label, modifier, &mut keys);
        out.reserve(fresh.len() + plain.len() + BLOCK + 64);
        out.extend_from_slice(fresh);
        match self.algorithm {
            Algorithm::Cbc(size, hash) => seal_cbc(size, hash, keys, unique, plain, out),
            Algorithm::Gcm(size) => seal_gcm(size, keys, unique, plain, out),
        }
        .map_err(|_| Error::unavailable("Encryption failed"))
    }

    /// The plaintext of `body`. `None`, without a reason, for everything that was not made by this key for this label.
    pub(crate) fn open(&self, label: &[u8], body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (modifier, rest) = body.split_at_checked(MODIFIER)?;
        let mut keys = Zeroizing::new([0; KEYS]);
        let keys = self.derive(label, modifier, &mut keys);
        match self.algorithm {
            Algorithm::Cbc(size, hash) => open_cbc(size, hash, keys, rest),
            Algorithm::Gcm(size) => open_gcm(size, keys, rest),
        }
    }
}

fn seal_cbc(
    size: KeySize,
    hash: Hash,
    keys: &[u8],
    iv: &[u8],
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Unspecified> {
    let (encrypt, mac) = keys.split_at(size.bytes());
    // Room for the padding, so that growing leaves no copy of the plaintext behind.
    let mut data = Vec::with_capacity(plain.len() + BLOCK);
    data.extend_from_slice(plain);
    let context = EncryptionContext::Iv128(FixedLength::<BLOCK>::try_from(iv)?);
    size.encrypting(encrypt)?.less_safe_encrypt(&mut data, context)?;
    let authenticated = out.len() - BLOCK;
    out.extend_from_slice(&data);
    let tag = hmac::sign(&hash.key(mac), &out[authenticated..]);
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

fn open_cbc(size: KeySize, hash: Hash, keys: &[u8], rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (encrypt, mac) = keys.split_at(size.bytes());
    let (authenticated, tag) = rest.split_at_checked(rest.len().checked_sub(hash.bytes())?)?;
    let (iv, ciphertext) = authenticated.split_at_checked(BLOCK)?;
    // First of all, and in constant time: what follows would tell an attacker about the padding.
    hmac::verify(&hash.key(mac), authenticated, tag).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(size.cipher(), encrypt).ok()?).ok()?;
    let context = DecryptionContext::Iv128(FixedLength::<BLOCK>::try_from(iv).ok()?);
    let length = key.decrypt(&mut plain, context).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

fn seal_gcm(size: KeySize, key: &[u8], nonce: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), Unspecified> {
    let start = out.len();
    out.extend_from_slice(plain);
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let tag = size.sealing(key)?.seal_in_place_separate_tag(nonce, Aad::empty(), &mut out[start..])?;
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

fn open_gcm(size: KeySize, key: &[u8], rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = size.sealing(key).ok()?.open_in_place(nonce, Aad::empty(), &mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn counting() -> impl Fn(&mut [u8]) -> Result<(), Error> {
        let next = Cell::new(0_u8);
        move |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = next.replace(next.get() + 1);
            }
            Ok(())
        }
    }

    /// dotnet/aspnetcore, ManagedAuthenticatedEncryptorTests.cs and GcmAuthenticatedEncryptorTests.cs: random bytes are
    /// 00 01 02 …
    #[test]
    fn microsofts_known_answers_are_reproduced() {
        for (algorithm, expected) in [
            (
                Algorithm::Cbc(KeySize::Aes256, Hash::Sha256),
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fb7ea3e325893a3060389c6660363084b9d8a85c70fbd98d87f72e7723eb5a6266c3877f76619a2c92cbbaddae7620000",
            ),
            (
                Algorithm::Gcm(KeySize::Aes128),
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b43b6918d0d66d9a1d9442d5d8e41da39609ce8",
            ),
        ] {
            let encryptor = Encryptor::new(algorithm, b"master key").unwrap();
            let mut sealed = Vec::new();
            encryptor.seal(&[6, 5, 4, 3], &[2, 3, 4], &mut sealed, &counting()).unwrap();
            // The published CBC text holds a MAC whose last two bytes are zero; it is compared whole.
            let text: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, expected, "{algorithm}");
            assert_eq!(encryptor.open(&[6, 5, 4, 3], &sealed).unwrap()[..], [2, 3, 4]);
            assert!(encryptor.open(&[6, 5, 4, 4], &sealed).is_none());
        }
    }

    #[test]
    fn every_algorithm_opens_what_it_made_of_every_length() {
        for size in [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256] {
            for algorithm in
                [Algorithm::Gcm(size), Algorithm::Cbc(size, Hash::Sha256), Algorithm::Cbc(size, Hash::Sha512)]
            {
                let encryptor = Encryptor::new(algorithm, &[7; 64]).unwrap();
                for length in [0, 1, 15, 16, 17, 31, 32, 1000] {
                    let plain = vec![0x5a; length];
                    let mut sealed = b"head".to_vec();
                    encryptor.seal(b"label", &plain, &mut sealed, &counting()).unwrap();
                    assert_eq!(encryptor.open(b"label", &sealed[4..]).unwrap()[..], plain, "{algorithm} {length}");
                }
            }
        }
    }
}
