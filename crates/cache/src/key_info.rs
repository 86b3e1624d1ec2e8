//! What may be told of the keys of a ring.

use std::{fmt, time::SystemTime};

/// What a key is called: no secret. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub(crate) [u8; 8]);

/// What may be told of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// What it is called.
    pub id: KeyId,
    /// When it was made; unknown of keys from before this was noted.
    pub created: Option<SystemTime>,
    /// From when on it seals.
    pub active_from: SystemTime,
    /// What it is used for at this time.
    pub state: KeyState,
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// It opens, and will seal from its time on.
    Next,
    /// It opens and seals.
    Active,
    /// It opens.
    Old,
}

/// What a rotation did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rotated {
    /// A key was added.
    Added(KeyInfo),
    /// Nothing: this key waits for its time already.
    Waits(KeyInfo),
}

/// Why a key stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// The ring has no such key.
    Unknown,
    /// It is the key that seals.
    Seals,
    /// It is about to seal.
    Next,
    /// Processes whose clocks are behind may still seal under it, until then.
    Until(SystemTime),
    /// Entries under it kept coming while it was retired.
    StillSeals,
}

impl KeyId {
    /// As sealed bytes have it, after `"ab" 0x01`.
    pub fn bytes(self) -> [u8; 8] {
        self.0
    }

    /// From 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_id)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}
