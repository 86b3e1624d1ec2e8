//! PKCS #12 files (RFC 7292) whose parts are encrypted with PBES2 (RFC 8018): what OpenSSL 3, .NET and Windows write today.
//!
//! The container's checksum is not looked at: a key that was tampered with is no RSA key, or opens nothing.

use std::num::NonZeroU32;

use absentia_core::Error;
use aws_lc_rs::{
    cipher::{DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    iv::FixedLength,
    pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512},
};
use zeroize::Zeroizing;

use crate::{
    algorithm::{BLOCK, KeySize},
    der::{Der, OCTETS, OID, SEQUENCE, TAG_0, TAG_0_PRIMITIVE},
};

/// The longest file, in bytes.
const MAX_LENGTH: usize = 1024 * 1024;
/// The most rounds of PBKDF2. Writers use two thousand to a million.
const MAX_ROUNDS: u32 = 10_000_000;

// Object identifiers, DER without tag and length.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01];
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// What the file holds.
pub(crate) struct Contents {
    /// The private key, as PKCS #8.
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Bad {
    Malformed,
    Password,
    /// Encrypted by something else than PBES2 with AES.
    Old,
}

/// Opens `pfx`. Takes the first private key.
pub(crate) fn open(pfx: &[u8], password: &str) -> Result<Contents, Error> {
    read(pfx, password).map_err(|bad| match bad {
        Bad::Malformed => Error::config("The PFX file is damaged or holds no private key")
            .advise("Export certificate and private key again, as PFX (PKCS #12) or as PEM"),
        Bad::Password => Error::config("The PFX file does not open: the password is wrong or the file is damaged"),
        Bad::Old => Error::config("The PFX file is encrypted with an algorithm from before AES (RC2, Triple DES)").advise(
            "Convert it: `openssl pkcs12 -legacy -in old.pfx -nodes -out key.pem`, then `openssl pkcs12 -export -in \
             key.pem -out new.pfx`; or use key.pem itself",
        ),
    })
}

fn read(pfx: &[u8], password: &str) -> Result<Contents, Bad> {
    if pfx.len() > MAX_LENGTH {
        return Err(Bad::Malformed);
    }
    let safe = content(Der(pfx).enter(SEQUENCE).and_then(|mut pfx| {
        pfx.integer().filter(|version| *version == 3)?;
        pfx.enter(SEQUENCE)
    }))
    .and_then(|(kind, mut content)| content.enter(OCTETS).filter(|_| kind == DATA));
    let mut parts = safe.and_then(|mut safe| safe.enter(SEQUENCE)).ok_or(Bad::Malformed)?;
    let (mut key, mut certificates, mut skipped) = (None, Vec::new(), None);
    while !parts.is_empty() {
        let (kind, mut content) = content(parts.enter(SEQUENCE)).ok_or(Bad::Malformed)?;
        let bags = match kind {
            DATA => Zeroizing::new(content.next(OCTETS).ok_or(Bad::Malformed)?.to_vec()),
            ENCRYPTED_DATA => match encrypted_part(content, password) {
                Ok(bags) => bags,
                // Often the certificates alone are under RC2; the key decides.
                Err(Bad::Old) => {
                    skipped = Some(Bad::Old);
                    continue;
                }
                Err(bad) => return Err(bad),
            },
            _ => continue,
        };
        let mut bags = Der(&bags).enter(SEQUENCE).ok_or(Bad::Malformed)?;
        while !bags.is_empty() {
            let mut bag = bags.enter(SEQUENCE).ok_or(Bad::Malformed)?;
            let kind = bag.next(OID).ok_or(Bad::Malformed)?;
            let mut value = bag.enter(TAG_0).ok_or(Bad::Malformed)?;
            match kind {
                KEY_BAG if key.is_none() => key = Some(Zeroizing::new(value.0.to_vec())),
                SHROUDED_KEY_BAG if key.is_none() => {
                    let mut shrouded = value.enter(SEQUENCE).ok_or(Bad::Malformed)?;
                    let algorithm = shrouded.enter(SEQUENCE).ok_or(Bad::Malformed)?;
                    key = Some(decrypt(algorithm, shrouded.next(OCTETS).ok_or(Bad::Malformed)?, password)?);
                }
                CERTIFICATE_BAG => certificates.extend(certificate(value)),
                _ => {}
            }
        }
    }
    match key {
        Some(key) => Ok(Contents { key, certificates }),
        None => Err(skipped.unwrap_or(Bad::Malformed)),
    }
}

/// `ContentInfo`: its type, and a walk inside its content.
fn content(info: Option<Der<'_>>) -> Option<(&[u8], Der<'_>)> {
    let mut info = info?;
    Some((info.next(OID)?, info.enter(TAG_0)?))
}

fn certificate(mut value: Der<'_>) -> Option<Vec<u8>> {
    let mut bag = value.enter(SEQUENCE)?;
    bag.next(OID)?; // an SDSI certificate would not be recognized by its public key later
    Some(bag.enter(TAG_0)?.next(OCTETS)?.to_vec())
}

fn encrypted_part(mut content: Der<'_>, password: &str) -> Result<Zeroizing<Vec<u8>>, Bad> {
    let mut walk = || {
        let mut data = content.enter(SEQUENCE)?;
        data.integer()?;
        let mut info = data.enter(SEQUENCE)?;
        info.next(OID)?;
        Some((info.enter(SEQUENCE)?, info.next(TAG_0_PRIMITIVE)?))
    };
    let (algorithm, ciphertext) = walk().ok_or(Bad::Malformed)?;
    decrypt(algorithm, ciphertext, password)
}

fn decrypt(algorithm: Der<'_>, ciphertext: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, Bad> {
    let scheme = Scheme::read(algorithm)?;
    let mut key = Zeroizing::new([0; 32]);
    let key = &mut key[..scheme.size.bytes()];
    pbkdf2::derive(scheme.prf, scheme.rounds, scheme.salt, password.as_bytes(), key);
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = UnboundCipherKey::new(scheme.size.cipher(), key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .and_then(|key| Ok(key.decrypt(&mut plain, DecryptionContext::Iv128(scheme.iv))?.len()))
        .map_err(|_| Bad::Password)?;
    plain.truncate(length);
    // A wrong password sometimes leaves a valid padding.
    Der(&plain).enter(SEQUENCE).ok_or(Bad::Password)?;
    Ok(plain)
}

struct Scheme<'a> {
    prf: pbkdf2::Algorithm,
    salt: &'a [u8],
    rounds: NonZeroU32,
    size: KeySize,
    iv: FixedLength<BLOCK>,
}

impl<'a> Scheme<'a> {
    fn read(mut algorithm: Der<'a>) -> Result<Self, Bad> {
        if algorithm.next(OID) != Some(PBES2) {
            return Err(Bad::Old);
        }
        let mut walk = || {
            let mut parameters = algorithm.enter(SEQUENCE)?;
            let mut derivation = parameters.enter(SEQUENCE)?;
            derivation.next(OID).filter(|id| *id == PBKDF2)?;
            let mut derivation = derivation.enter(SEQUENCE)?;
            let salt = derivation.next(OCTETS)?;
            let rounds = derivation.integer().filter(|rounds| *rounds <= MAX_ROUNDS).and_then(NonZeroU32::new)?;
            let mut optional = derivation;
            if optional.integer().is_some() {
                derivation = optional; // the key length, which the cipher says too
            }
            let prf = if derivation.is_empty() { None } else { Some(derivation.enter(SEQUENCE)?.next(OID)?) };
            let mut cipher = parameters.enter(SEQUENCE)?;
            Some((salt, rounds, prf, cipher.next(OID)?, cipher.next(OCTETS)?))
        };
        let (salt, rounds, prf, cipher, iv) = walk().ok_or(Bad::Malformed)?;
        let prf = match prf.map(|prf| prf.strip_prefix(HMAC)) {
            None | Some(Some([7])) => PBKDF2_HMAC_SHA1,
            Some(Some([9])) => PBKDF2_HMAC_SHA256,
            Some(Some([10])) => PBKDF2_HMAC_SHA384,
            Some(Some([11])) => PBKDF2_HMAC_SHA512,
            _ => return Err(Bad::Old),
        };
        let size = match cipher.strip_prefix(AES) {
            Some([2]) => KeySize::Aes128,
            Some([22]) => KeySize::Aes192,
            Some([42]) => KeySize::Aes256,
            _ => return Err(Bad::Old),
        };
        Ok(Self { prf, salt, rounds, size, iv: FixedLength::try_from(iv).map_err(|_| Bad::Malformed)? })
    }
}
