//! Front-channel sign-out (OpenID Connect Front-Channel Logout 1.0): Entra tells, in a frame, that a user signed out there.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, SET_COOKIE},
};

use super::SignIn;
use crate::{
    at_entra::{AtEntra, Ended},
    cookies::Cookie,
};

/// `GET {RemoteSignOutPath}?sid=…&iss=…`: ends the sessions that hang on that session at Entra, in whatever browser and on
/// every node. What acts for the user in her absence goes on: it is ended by `POST /sign-out`, which she sends.
///
/// Nobody reads the answer. It is 200 also for a session that is not known here, so that it tells strangers nothing.
pub(crate) async fn sign_out(State(sign_in): State<SignIn>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let of = |name: &str| {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.into_owned())
    };
    let Some(session) = of("sid").as_deref().and_then(AtEntra::of) else {
        return answer(&sign_in, StatusCode::BAD_REQUEST, None);
    };
    match sign_in.ends(&session, of("iss").as_deref()).await {
        Ok(Ended::Done) => tracing::info!("a user signed out at Entra; her session here is over"),
        Ok(Ended::Unknown) => tracing::debug!("a session that is not known here signed out at Entra"),
        Ok(Ended::OtherIssuer) => {
            tracing::warn!(
                "a front-channel sign-out names another issuer than the session's ID token; nothing was ended"
            );
            return answer(&sign_in, StatusCode::OK, None);
        }
        Err(error) => {
            tracing::error!(%error, "a front-channel sign-out failed; the session goes on");
            return answer(&sign_in, StatusCode::SERVICE_UNAVAILABLE, None);
        }
    }
    // Where the browser sent the session's own cookie, it may forget it.
    let origin = sign_in.origin(&headers).ok();
    let hers = origin.filter(|origin| {
        sign_in.presented(&headers, origin).is_some_and(|presented| presented.at_entra.as_ref() == Some(&session))
    });
    answer(&sign_in, StatusCode::OK, hers.and_then(|origin| Cookie::Session.remove(&origin)))
}

/// An empty answer that Entra's pages may frame, and no others.
fn answer(sign_in: &SignIn, status: StatusCode, cookie: Option<HeaderValue>) -> Response {
    let mut response = status.into_response();
    let policy = format!("default-src 'none'; frame-ancestors {}", sign_in.client().authority().base());
    let policy = HeaderValue::try_from(policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    response
}
