//! absentia for axum: sign-in routes, the extractor of a signed-in user, the extractor of an API's caller.
//!
//! A web app merges [`sign_in::routes`] and asks for [`SignedIn`] in its handlers; `?` on what its methods answer sends the
//! browser to sign in again when Entra asks for it. A web API asks for [`Caller`]; its refusals are what RFC 6750 and
//! Microsoft's own APIs answer. Both are configured once, by a value in the router's state: [`SignIn`] and [`Api`].
//!
//! ```no_run
//! # fn example(client: &absentia::ConfidentialClient) -> Result<(), absentia::Error> {
//! use absentia_axum::{SignIn, SignedIn, SignedInRejection, sign_in};
//! use axum::{Router, routing::get};
//!
//! async fn inbox(user: SignedIn) -> Result<String, SignedInRejection> {
//!     let token = user.token("Mail.Read").await?;
//!     Ok(format!("{} may read mail until {:?}", user.account().username, token.expires_on()))
//! }
//!
//! let sign_in = SignIn::builder(client, "User.Read").build()?;
//! let app: Router = Router::new().route("/inbox", get(inbox)).merge(sign_in::routes(&sign_in)).with_state(sign_in);
//! # let _ = app;
//! # Ok(()) }
//! ```
//!
//! Nothing here logs a code, a state, a token or a cookie, and no session is kept on the server: the session cookie is a
//! sealed handle, checked against the account at each request, so that a sign-out holds everywhere at once.

mod api;
mod at_entra;
mod caller;
mod caller_rejection;
mod cookies;
mod cors;
mod csrf;
mod notice;
mod origin;
mod return_url;
mod session;
pub mod sign_in;
mod signed_in;
mod signed_in_rejection;
mod state;

pub use api::Api;
pub use caller::Caller;
pub use caller_rejection::CallerRejection;
pub use cors::cors;
pub use notice::{Next, Notice};
pub use return_url::local_path;
pub use sign_in::SignIn;
pub use signed_in::SignedIn;
pub use signed_in_rejection::SignedInRejection;
