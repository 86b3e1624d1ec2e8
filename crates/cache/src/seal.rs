//! Sealing: AES-256-GCM, bound to the name of what is sealed.
//!
//! `"ab" 1 | key id (8) | nonce (12) | ciphertext | tag (16)`. Each name has a key of its own, derived by HKDF-SHA256 from the
//! ring's key: random nonces then never come near their limit, and an entry copied to another name does not open.

use absentia_core::Error;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk},
};
use zeroize::Zeroizing;

use crate::random::Random;

const MAGIC: [u8; 3] = *b"ab\x01";
const HEADER: usize = MAGIC.len() + 8;

/// The number of bytes sealing adds.
#[cfg(test)]
pub(crate) const OVERHEAD: usize = HEADER + NONCE_LEN + 16;

/// A key of the ring, ready to derive from.
pub(crate) struct SealingKey {
    id: [u8; 8],
    prk: Prk,
}

/// Why bytes did not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotOpened {
    /// No sealed bytes, damaged, or sealed for another name.
    Damaged,
    /// Sealed under a key the ring does not have.
    UnknownKey,
}

impl SealingKey {
    pub(crate) fn new(id: [u8; 8], key: &[u8; 32]) -> Self {
        Self { id, prk: Prk::new_less_safe(HKDF_SHA256, key) }
    }

    pub(crate) fn id(&self) -> [u8; 8] {
        self.id
    }

    fn derive(&self, name: &[&[u8]]) -> Option<LessSafeKey> {
        let okm = self.prk.expand(name, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// Seals `plain` for `name`.
    pub(crate) fn seal(&self, name: &[&[u8]], plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        let broken = || Error::unavailable("Sealing failed");
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(HEADER + NONCE_LEN + plain.len() + 16);
        sealed.extend_from_slice(&MAGIC);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let key = self.derive(name).ok_or_else(broken)?;
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad(name)), &mut sealed[start..])
            .map_err(|_| broken())?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }
}

/// The id of the key that sealed bytes name. `None` when they are no sealed bytes.
pub(crate) fn sealed_under(sealed: &[u8]) -> Option<[u8; 8]> {
    sealed.strip_prefix(&MAGIC)?.first_chunk().copied()
}

/// Opens what was sealed for `name` under one of `keys`.
pub(crate) fn open<'a>(
    keys: impl IntoIterator<Item = &'a SealingKey>,
    name: &[&[u8]],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let id = sealed_under(sealed).ok_or(NotOpened::Damaged)?;
    let (nonce, ciphertext) =
        sealed.get(HEADER..).and_then(|rest| rest.split_at_checked(NONCE_LEN)).ok_or(NotOpened::Damaged)?;
    let key = keys.into_iter().find(|key| key.id == id).ok_or(NotOpened::UnknownKey)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened::Damaged)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = key
        .derive(name)
        .ok_or(NotOpened::Damaged)?
        .open_in_place(nonce, Aad::from(aad(name)), &mut plain)
        .map_err(|_| NotOpened::Damaged)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

/// The name as associated data, so that the binding does not rest on the derivation alone.
fn aad(name: &[&[u8]]) -> Vec<u8> {
    name.join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn sealed_bytes_open_only_under_their_name_and_key() {
        let keys = [SealingKey::new(*b"00000001", &[7; 32])];
        let sealed = keys[0].seal(&[b"entry", b"cid/o.t"], b"plain text", &OsRandom).unwrap();
        assert_eq!(sealed.len(), b"plain text".len() + OVERHEAD);
        assert_eq!(&open(&keys, &[b"entry", b"cid/o.t"], &sealed).unwrap()[..], b"plain text");
        assert_eq!(open(&keys, &[b"entry", b"cid/o.x"], &sealed), Err(NotOpened::Damaged));
        assert_eq!(open(&keys, &[b"cookie", b"cid/o.t"], &sealed), Err(NotOpened::Damaged));
        let other = [SealingKey::new(*b"00000002", &[7; 32])];
        assert_eq!(open(&other, &[b"entry", b"cid/o.t"], &sealed), Err(NotOpened::UnknownKey));
        let wrong = [SealingKey::new(*b"00000001", &[8; 32])];
        assert_eq!(open(&wrong, &[b"entry", b"cid/o.t"], &sealed), Err(NotOpened::Damaged));
    }

    #[test]
    fn no_bit_can_be_changed_and_no_prefix_opens() {
        let keys = [SealingKey::new(*b"00000001", &[7; 32])];
        let sealed = keys[0].seal(&[b"n"], b"x", &OsRandom).unwrap();
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(open(&keys, &[b"n"], &changed).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(open(&keys, &[b"n"], &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn two_seals_of_the_same_differ() {
        let key = SealingKey::new(*b"00000001", &[7; 32]);
        assert_ne!(key.seal(&[b"n"], b"x", &OsRandom).unwrap(), key.seal(&[b"n"], b"x", &OsRandom).unwrap());
    }
}
