//! The algorithms of a key, by .NET's names, and the context header that binds derived keys to them.

use std::fmt;

use aws_lc_rs::{
    aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{self, AES_128, AES_192, AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
    error::Unspecified,
    hmac::{self, HMAC_SHA256, HMAC_SHA512},
    iv::FixedLength,
};
use zeroize::Zeroizing;

use crate::kdf;

/// The block length of AES, and the length of a CBC initialization vector, in bytes.
pub(crate) const BLOCK: usize = 16;

/// What a key encrypts and authenticates with. The default is .NET's: AES-256-CBC with HMAC-SHA256.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// AES-CBC, then HMAC over what it made.
    Cbc(KeySize, Hash),
    /// AES-GCM.
    Gcm(KeySize),
}

/// The length of an AES key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeySize {
    /// 128 bits.
    Aes128,
    /// 192 bits.
    Aes192,
    /// 256 bits.
    Aes256,
}

/// The hash below an HMAC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Cbc(KeySize::Aes256, Hash::Sha256)
    }
}

impl Algorithm {
    /// By the names in a key's descriptor. `validation` counts only beside a CBC cipher.
    pub(crate) fn named(encryption: &str, validation: Option<&str>) -> Option<Self> {
        let (size, mode) = encryption.strip_prefix("AES_")?.split_once('_')?;
        let size = match size {
            "128" => KeySize::Aes128,
            "192" => KeySize::Aes192,
            "256" => KeySize::Aes256,
            _ => return None,
        };
        match (mode, validation) {
            ("GCM", _) => Some(Self::Gcm(size)),
            ("CBC", Some("HMACSHA256")) => Some(Self::Cbc(size, Hash::Sha256)),
            ("CBC", Some("HMACSHA512")) => Some(Self::Cbc(size, Hash::Sha512)),
            _ => None,
        }
    }

    /// The names in a key's descriptor: `encryption`, and `validation` beside a CBC cipher.
    pub(crate) fn names(self) -> (String, Option<&'static str>) {
        match self {
            Self::Cbc(size, Hash::Sha256) => (format!("AES_{}_CBC", size.bytes() * 8), Some("HMACSHA256")),
            Self::Cbc(size, Hash::Sha512) => (format!("AES_{}_CBC", size.bytes() * 8), Some("HMACSHA512")),
            Self::Gcm(size) => (format!("AES_{}_GCM", size.bytes() * 8), None),
        }
    }

    /// What names the algorithms and their sizes inside every derivation (`context-headers.md`): sizes, then what they make
    /// of nothing under keys derived from nothing.
    pub(crate) fn context_header(self) -> Result<Vec<u8>, Unspecified> {
        let nothing = hmac::Key::new(HMAC_SHA512, &[]);
        let mut keys = Zeroizing::new([0; 96]);
        match self {
            Self::Cbc(size, hash) => {
                let keys = &mut keys[..size.bytes() + hash.bytes()];
                kdf::derive(&nothing, &[], &[], keys);
                let (encrypt, mac) = keys.split_at(size.bytes());
                let mut header = header(0, [size.bytes(), BLOCK, hash.bytes(), hash.bytes()]);
                let mut block = Vec::new();
                size.encrypting(encrypt)?
                    .less_safe_encrypt(&mut block, EncryptionContext::Iv128(FixedLength::from([0; BLOCK])))?;
                header.extend_from_slice(&block);
                header.extend_from_slice(hmac::sign(&hash.key(mac), &[]).as_ref());
                Ok(header)
            }
            Self::Gcm(size) => {
                let key = &mut keys[..size.bytes()];
                kdf::derive(&nothing, &[], &[], key);
                let mut header = header(1, [size.bytes(), aead::NONCE_LEN, BLOCK, 16]);
                let nonce = Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
                let tag = size.sealing(key)?.seal_in_place_separate_tag(nonce, Aad::empty(), &mut [])?;
                header.extend_from_slice(tag.as_ref());
                Ok(header)
            }
        }
    }
}

fn header(kind: u16, sizes: [usize; 4]) -> Vec<u8> {
    let mut header = kind.to_be_bytes().to_vec();
    for size in sizes {
        header.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    }
    header
}

impl KeySize {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    pub(crate) fn cipher(self) -> &'static cipher::Algorithm {
        match self {
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
        }
    }

    pub(crate) fn encrypting(self, key: &[u8]) -> Result<PaddedBlockEncryptingKey, Unspecified> {
        PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.cipher(), key)?)
    }

    pub(crate) fn sealing(self, key: &[u8]) -> Result<LessSafeKey, Unspecified> {
        let algorithm = match self {
            Self::Aes128 => &AES_128_GCM,
            Self::Aes192 => &AES_192_GCM,
            Self::Aes256 => &AES_256_GCM,
        };
        Ok(LessSafeKey::new(UnboundKey::new(algorithm, key)?))
    }
}

impl Hash {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(crate) fn key(self, key: &[u8]) -> hmac::Key {
        match self {
            Self::Sha256 => hmac::Key::new(HMAC_SHA256, key),
            Self::Sha512 => hmac::Key::new(HMAC_SHA512, key),
        }
    }
}

/// As a descriptor names it: `AES_256_CBC + HMACSHA256`.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names() {
            (encryption, Some(validation)) => write!(f, "{encryption} + {validation}"),
            (encryption, None) => f.write_str(&encryption),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The GCM ones and AES-192-CBC with HMACSHA256 are published (`context-headers.md`, AesGcmAuthenticatedEncryptor.cs);
    /// AES-256-CBC with HMACSHA256 and AES-128-CBC with HMACSHA512 stand in what .NET protects (tests/rings.rs).
    #[test]
    fn context_headers_are_dotnets() {
        for (encryption, validation, expected) in [
            (
                "AES_192_CBC",
                Some("HMACSHA256"),
                "000000000018000000100000002000000020f474b1872b3b53e4721de19c0841db6fd4791184b996092ee1202f36e8608fa8fbd98abdff5402f264b1d7211536220c",
            ),
            (
                "AES_256_CBC",
                Some("HMACSHA256"),
                "000000000020000000100000002000000020ea10387ac9273b7fd5321177776f1530f946d3c71d60dd7b287366d81cb03fe5e5a701fa16f1554f1581fddd576ce844",
            ),
            ("AES_128_GCM", None, "0001000000100000000c0000001000000010957c50ff692e388b9ad5c7689e4b9e2b"),
            ("AES_192_GCM", None, "0001000000180000000c00000010000000100daa013a950ada2b798f5ff272fad363"),
            ("AES_256_GCM", None, "0001000000200000000c0000001000000010e7dcce66df855a323a6bb7bd7a59be45"),
        ] {
            let header = Algorithm::named(encryption, validation).unwrap().context_header().unwrap();
            let header: String = header.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(header, expected, "{encryption}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for size in [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256] {
            for algorithm in
                [Algorithm::Gcm(size), Algorithm::Cbc(size, Hash::Sha256), Algorithm::Cbc(size, Hash::Sha512)]
            {
                let (encryption, validation) = algorithm.names();
                assert_eq!(Algorithm::named(&encryption, validation), Some(algorithm));
            }
        }
        for (encryption, validation) in
            [("AES_256_CBC", None), ("AES_256_CBC", Some("HMACSHA1")), ("AES_64_GCM", None), ("DES", None), ("", None)]
        {
            assert_eq!(Algorithm::named(encryption, validation), None, "{encryption}");
        }
    }
}
