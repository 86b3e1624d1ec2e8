//! Tokens for users and apps of Entra ID, with a cache that outlives the request, the process and the user's presence.
//!
//! A [`ConfidentialClient`] is the app. It makes [`TokenAcquirer`]s, each for one subject: the app itself, a signed-in
//! user, the caller of an API, a long-running process. An acquirer answers one question, [`token`](TokenAcquirer::token).
//! Where the answer comes from (memory, the store, Entra) is decided in one place and told in
//! [`metadata`](AccessToken::metadata).
//!
//! ```no_run
//! # async fn example(cache: absentia::TokenCache) -> Result<(), absentia::Error> {
//! use absentia::{AccountId, Authority, ClientCredential, ConfidentialClient, Secret};
//!
//! let authority = Authority::new("https://login.microsoftonline.com", "22222222-dddd-4eee-8fff-000000000002")?;
//! let secret = ClientCredential::secret(Secret::new("…"))?;
//! let client = ConfidentialClient::builder(authority, "33333333-1234-4567-89ab-000000000003", secret)
//!     .cache(&cache)
//!     .build()?;
//!
//! // Hours after Ada signed in to the web app, in another process:
//! let ada = AccountId::parse("11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002").unwrap();
//! let token = client.account(&ada).token("User.Read").await?;
//! println!("valid until {:?}, from {:?}", token.expires_on(), token.metadata().token_source);
//! # Ok(()) }
//! ```

mod acquire;
mod acquirer;
mod assertion;
pub mod bearer;
mod client;
mod credential;
pub mod discovery;
mod entities;
mod flight;
mod flights;
mod lease;
mod long_running;
mod metadata;
mod redeem;
mod remembered;
mod sign_in;
mod sign_out;
mod token;
pub mod transport;
mod want;

pub use absentia_cache::Builder as CacheBuilder;
pub use absentia_cache::{
    Adopted, Answer, Counter, Counters, DataProtector, DotNetExpiry, DotNetProtection, Event, Events, Explanation,
    Heard, Kept, KeyId, KeyInfo, KeyRing, KeyState, Layout, LongRunningKey, OsRandom, Random, Reason, Retired, Rotated,
    StoreFailure, Then, TokenCache, Unprotected,
};
pub use absentia_core::{AccountId, Authority, Error, ErrorKind, Scopes, Secret, UserAccount, challenge, error::Entra};
pub use absentia_store as store;
pub use acquirer::{TokenAcquirer, TokenRequest};
pub use assertion::UserAssertion;
pub use client::{Builder, ConfidentialClient};
pub use credential::ClientCredential;
pub use long_running::{Start, Started};
pub use metadata::{CacheLevel, CacheRefreshReason, Metadata, TokenSource};
pub use sign_in::{PendingSignIn, SignInOptions, SignedIn};
pub use sign_out::SignedOut;
pub use token::AccessToken;
