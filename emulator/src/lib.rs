//! A local Entra ID and a slice of Microsoft Graph, for development and tests.
//!
//! Unmodified client libraries of the Microsoft identity platform accept it, and everything about it can be changed
//! while it runs: sessions revoked, users disabled, token lifetimes, the clock, delays, outages.
//!
//! ```
//! use absentia_emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let entra = Emulator::start().await;
//! let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
//! let code = ada.sign_in(&app, "http://localhost:44321/signin-oidc", "openid offline_access User.Read").await?;
//!
//! // Hand the code to the app under test, which redeems it at `{url}/{tenant id}/oauth2/v2.0/token` …
//! assert!(code.len() > 100);
//! // … and count what it asked.
//! assert_eq!(entra.journal().token_requests().of(&ada).count(), 0);
//!
//! entra.revoke_sessions(&ada);            // from now on its refresh token is refused with AADSTS50173
//! entra.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is emulated, how faithfully, and the switches over HTTP: see the crate's README.

mod aadsts;
mod accounts;
mod authorize;
mod builder;
pub mod cli;
mod clock;
mod consents;
mod contexts;
pub mod directory;
mod emulator;
mod entra;
mod grant;
mod handle;
mod hints;
mod http;
mod issued;
mod journal;
mod keys;
mod pages;
mod random;
mod scopes;
mod seal;
mod sessions;
mod sign_in;
mod tls;
mod token;
mod trust;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use builder::{Builder, StartError};
pub use directory::{Directory, DirectoryError};
pub use emulator::Emulator;
pub use entra::Outage;
pub use handle::{AppHandle, UserHandle};
pub use issued::{IssuedSecret, SecretKind};
pub use journal::{Endpoint, Entry, Journal, JournalUser, Requests};
pub use keys::KeyFileError;
pub use sign_in::{SignIn, SignInError};
pub use tls::TlsError;

/// A lock whose holder panicked holds data that is still whole: each critical section here is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
