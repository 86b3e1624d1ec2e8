//! Sending the browser to Entra.

use absentia::{Error, SignInOptions};
use absentia_core::encoding::{base64url, from_base64url};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
};

use super::{SignIn, failed};
use crate::{
    cookies::Cookie,
    local_path,
    origin::Origin,
    state::{LIFE, SignInState},
};

/// One sign-in to be begun.
#[derive(Debug)]
pub(crate) struct Begin<'a> {
    pub(crate) origin: &'a Origin,
    /// The browser's binding, if it has one: all its tabs share it.
    pub(crate) binding: Option<&'a str>,
    pub(crate) return_url: &'a str,
    /// What is asked for besides the app's own scopes.
    pub(crate) scopes: &'a str,
    pub(crate) claims: Option<&'a str>,
    pub(crate) login_hint: Option<&'a str>,
}

/// `GET /sign-in?return_url=…`
pub(crate) async fn begin(State(sign_in): State<SignIn>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let origin = match sign_in.origin(&headers) {
        Ok(origin) => origin,
        Err(notice) => return notice.respond(Some(sign_in.render())),
    };
    let query = query.unwrap_or_default();
    let return_url = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return_url");
    let return_url = return_url.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let begin = Begin {
        origin: &origin,
        binding: binding(&headers, &origin),
        return_url: &return_url,
        scopes: "",
        claims: None,
        login_hint: None,
    };
    sign_in.begin(&begin).unwrap_or_else(|error| failed(&sign_in, &error, "beginning a sign-in"))
}

impl SignIn {
    /// The answer that sends the browser to Entra: 303, and the binding for an hour from now.
    pub(crate) fn begin(&self, begin: &Begin<'_>) -> Result<Response, Error> {
        let (inner, cache) = (&*self.0, self.cache());
        let binding = match begin.binding {
            Some(binding) => binding.to_owned(),
            None => {
                let mut bytes = [0; 16];
                cache.random().fill(&mut bytes)?;
                base64url(&bytes)
            }
        };
        let pending = inner.client.begin_sign_in()?;
        let state = SignInState::new(pending, local_path(begin.return_url), begin.scopes, cache.now(), &binding);
        // In a POST the code is in no address, log or history. Over http the cookie that binds it would not come along.
        let response_mode = if begin.origin.is_secure() { "form_post" } else { "query" };
        let options = SignInOptions {
            response_mode: Some(response_mode),
            claims: begin.claims,
            login_hint: begin.login_hint,
            ..SignInOptions::default()
        };
        let url = inner.client.sign_in_url(
            &state.pending,
            &begin.origin.join(&inner.callback_path),
            &self.scopes_with(begin.scopes),
            &state.seal(&inner.ring, cache)?,
            &options,
        );
        Ok(see_other(&url, [Cookie::Binding.set(begin.origin, &binding, LIFE)]))
    }

    /// The app's scopes and `more`.
    pub(crate) fn scopes_with(&self, more: &str) -> String {
        format!("{} {more}", self.0.scopes)
    }
}

/// The binding this browser sent, if it looks like one.
pub(crate) fn binding<'a>(headers: &'a HeaderMap, origin: &Origin) -> Option<&'a str> {
    Cookie::Binding
        .read(headers, origin)
        .find(|text| text.len() == 22 && from_base64url(text).is_some_and(|bytes| bytes.len() == 16))
}

/// A redirect that is followed with GET, never cached, with cookies.
pub(crate) fn see_other<const N: usize>(url: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(url).unwrap_or_else(|_| HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(cookies.into_iter().flatten().map(|cookie| (SET_COOKIE, cookie)));
    response
}
