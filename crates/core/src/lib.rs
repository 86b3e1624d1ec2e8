//! Vocabulary and protocol of the Microsoft identity platform (Entra ID), as far as bytes go: no I/O, no async, no clock.
//!
//! What a request to Entra looks like is in [`grant`], one file per grant; what comes back is read by [`response`]. Both
//! are plain functions over text, so that tests need no socket and fuzzers no harness. Who sends, waits and remembers is
//! the `absentia` crate's business.

pub mod account;
pub mod authority;
pub mod challenge;
pub mod claims;
pub mod discovery;
pub mod encoding;
pub mod error;
pub mod grant;
pub mod jwk;
pub mod jwt;
pub mod pkce;
pub mod response;
pub mod scope;
pub mod secret;

pub use account::{AccountId, ClientInfo, UserAccount};
pub use authority::Authority;
pub use error::{Error, ErrorKind};
pub use response::TokenResponse;
pub use scope::Scopes;
pub use secret::Secret;
