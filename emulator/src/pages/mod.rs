//! The pages a person sees. They work without script, by keyboard, in light and dark.

mod consent;
mod console;
mod layout;
mod login;
mod plain;

pub(crate) use consent::consent;
pub(crate) use console::{console, live};
pub(crate) use login::{login, pick, pick_sign_out};
pub(crate) use plain::{about_error, error, form_post, native_client, signed_out};

/// Content security policy of all pages: no script but those of `form_post` and `signed_out`, by their hashes.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE=' \
    'sha256-srw/5tKJdslfv9NQMVuh8v6jeKPIfkX/oVsTbIT/13s='";

/// The policy of a page that holds frames from these places.
pub(crate) fn policy_with_frames(origins: &[String]) -> String {
    if origins.is_empty() { POLICY.to_owned() } else { format!("{POLICY}; frame-src {}", origins.join(" ")) }
}

/// Where a page's form goes, and the request it belongs to.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) flow: String,
}
