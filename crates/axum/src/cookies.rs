//! Cookies: read by name, written with all their attributes.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::origin::Origin;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cookie {
    /// The session: a sealed handle.
    Session,
    /// What binds a sign-in that began to this browser. One for all its tabs.
    Binding,
}

impl Cookie {
    /// Over https the name has the prefix that keeps other hosts of the domain, and http, from planting one: browsers take it
    /// only with `Secure`, with `Path=/` and without `Domain` (RFC 6265bis 4.1.3.2).
    fn name(self, origin: &Origin) -> &'static str {
        match (self, origin.is_secure()) {
            (Self::Session, true) => "__Host-absentia-session",
            (Self::Session, false) => "absentia-session",
            (Self::Binding, true) => "__Host-absentia-sign-in",
            (Self::Binding, false) => "absentia-sign-in",
        }
    }

    /// The values that came under this name.
    pub(crate) fn read<'a>(self, headers: &'a HeaderMap, origin: &Origin) -> impl Iterator<Item = &'a str> {
        let name = self.name(origin);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Sets it for so many seconds. `value` is base64url.
    pub(crate) fn set(self, origin: &Origin, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if origin.is_secure() { "; Secure" } else { "" };
        // Over https Entra's page posts its answer here, which is a request of another site: only `None` is sent along. Over
        // http browsers drop a `None` without `Secure`; there the answer comes by GET, for which `Lax` is enough.
        let same_site = if self == Self::Binding && origin.is_secure() { "None" } else { "Lax" };
        let name = self.name(origin);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}");
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Removes it.
    pub(crate) fn remove(self, origin: &Origin) -> Option<HeaderValue> {
        self.set(origin, "", 0)
    }
}
