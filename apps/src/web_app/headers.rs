//! Headers of every answer: what a page may load, who may frame it, and that nothing of it is kept.

use absentia::Authority;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
};
use tower_http::set_header::SetResponseHeaderLayer;

/// Adds them where a handler has not set its own.
pub(super) fn add(router: Router, authority: &Authority) -> Router {
    // Who may frame a page is in the policy: `X-Frame-Options` cannot name the one site that may frame the front-channel
    // sign-out. Signing out is a form whose answer leads to Entra, which browsers hold against `form-action`.
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {}; frame-ancestors 'none'; \
         base-uri 'none'",
        authority.base()
    );
    let policy = HeaderValue::try_from(policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it browsers say `Origin: null` when a form is sent.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let all = fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
    all.chain([(header::CONTENT_SECURITY_POLICY, policy)])
        .fold(router, |router, (name, value)| router.layer(SetResponseHeaderLayer::if_not_present(name, value)))
}
