//! Tokens: their form, their claims, and the answers that carry them.

pub(crate) mod answer;
pub(crate) mod claims;
pub(crate) mod grants;
pub(crate) mod jwt;

/// How long a code can be redeemed, in seconds.
pub(crate) const CODE_LIFE: i64 = 600;
/// Tokens are dated back so that a resource with a slow clock accepts them at once, in seconds.
const BACKDATED: i64 = 300;
/// Life of an ID token, in seconds.
const ID_TOKEN_LIFE: i64 = 3600;
