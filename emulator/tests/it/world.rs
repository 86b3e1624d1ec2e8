//! What most tests need: requests to the token endpoint and what is in a token.

use absentia_emulator::{AppHandle, Emulator, UserHandle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::http::{Answer, Headers, post};

pub(crate) const WEB: &str = "http://localhost:44321/signin-oidc";
pub(crate) const SPA: &str = "http://localhost:3000/redirect.html";
pub(crate) const SPA_ORIGIN: &str = "http://localhost:3000";
/// A PKCE pair (RFC 7636 appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A request to the tenant's token endpoint.
pub(crate) async fn token(entra: &Emulator, form: &[(&str, &str)], headers: Headers<'_>) -> Answer {
    post(entra, &format!("/{}/oauth2/v2.0/token", entra.tenant_id()), form, headers).await
}

/// A request with the web app's id and secret.
pub(crate) async fn token_as(entra: &Emulator, app: &AppHandle, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", app.client_id())];
    if !app.secret().is_empty() {
        all.push(("client_secret", app.secret()));
    }
    all.extend(form);
    token(entra, &all, &[]).await
}

/// The body of a success.
#[track_caller]
pub(crate) fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Signs in to the web app and redeems the code.
pub(crate) async fn web_tokens(entra: &Emulator, user: &UserHandle, scope: &str) -> Value {
    let app = entra.app("contoso-web");
    let code = user.sign_in(&app, WEB, scope).await.unwrap();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", WEB)];
    ok(&token_as(entra, &app, &form).await)
}

/// Signs in to the single-page app and redeems the code, cross-origin.
pub(crate) async fn spa_tokens(entra: &Emulator, user: &UserHandle, scope: &str) -> Value {
    let app = entra.app("contoso-spa");
    let code = user.sign_in(&app, SPA, scope).code_challenge(CHALLENGE).await.unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", SPA),
        ("code_verifier", VERIFIER),
    ];
    ok(&token(entra, &form, &[("origin", SPA_ORIGIN)]).await)
}

/// Redeems a refresh token of the web app.
pub(crate) async fn refresh(entra: &Emulator, refresh_token: &str, scope: Option<&str>) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    form.extend(scope.map(|s| ("scope", s)));
    token_as(entra, &entra.app("contoso-web"), &form).await
}

/// Exchanges a token as the API.
pub(crate) async fn on_behalf_of(entra: &Emulator, assertion: &str, scope: &str) -> Answer {
    let form =
        [("grant_type", OBO), ("assertion", assertion), ("requested_token_use", "on_behalf_of"), ("scope", scope)];
    token_as(entra, &entra.app("contoso-api"), &form).await
}

pub(crate) fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"))
}

/// The claims of a token, not verified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Asserts a refusal and that its body has everything an Entra error has.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, error: &str, code: u32, suberror: Option<&str>) {
    let body = answer.json();
    assert_eq!((answer.status, body["error"].as_str()), (status, Some(error)), "{body}");
    assert_eq!(body["error_codes"], serde_json::json!([code]), "{body}");
    assert_eq!(body["suberror"].as_str(), suberror, "{body}");
    let description = text(&body, "error_description");
    let timestamp = text(&body, "timestamp");
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    for part in [
        format!("Trace ID: {}", text(&body, "trace_id")),
        format!("Correlation ID: {}", text(&body, "correlation_id")),
        format!("Timestamp: {timestamp}"),
    ] {
        assert!(description.contains(&part), "{part} is not in {description}");
    }
    assert!(!description.contains("  ") && !description.contains('\n'), "{description}");
    assert_eq!((timestamp.len(), &timestamp[19..]), (20, "Z"));
    assert!(text(&body, "error_uri").ends_with(&format!("/error?code={code}")));
    assert_eq!(answer.header("x-ms-request-id"), body["trace_id"].as_str());
    assert!(answer.header("content-type").unwrap().starts_with("application/json; charset=utf-8"));
}

/// The same token with another signature.
pub(crate) fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(1);
    format!("{signed}.{}{rest}", if first == "A" { "B" } else { "A" })
}
