//! The pages a person sees. They work without script, by keyboard, in light and dark.

mod consent;
mod layout;
mod login;
mod plain;

pub(crate) use consent::consent;
pub(crate) use login::{login, pick};
pub(crate) use plain::{about_error, error, form_post, home, native_client, signed_out};

/// Content security policy of all pages: no script but the one of `form_post`, by its hash.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='";

/// Where a page's form goes, and the request it belongs to.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) flow: String,
}
