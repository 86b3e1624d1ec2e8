//! What is refused before anything is served, and what the extractors answer by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

use std::{sync::Arc, time::Duration};

use absentia::{
    Authority, ClientCredential, ConfidentialClient, Entra, Error, ErrorKind, KeyRing, Secret, TokenCache,
    store::{Backend, MemoryStore, SystemClock},
};
use absentia_axum::{Api, CallerRejection, SignIn, SignedIn, SignedInRejection, cors, sign_in};
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{Request, StatusCode};
use tower::ServiceExt as _;

fn backend() -> Backend {
    Backend::of("memory", &Arc::new(MemoryStore::new(Arc::new(SystemClock))))
}

fn client_over(cache: &TokenCache) -> ConfidentialClient {
    let authority =
        Authority::new("https://login.microsoftonline.com", "22222222-dddd-4eee-8fff-000000000002").unwrap();
    let credential = ClientCredential::secret(Secret::new("a secret")).unwrap();
    let id = "33333333-1234-4567-89ab-000000000003";
    ConfidentialClient::builder(authority, id, credential).cache(cache).build().unwrap()
}

fn client() -> ConfidentialClient {
    let plain = TokenCache::plain(backend()).build();
    let ring = KeyRing::ephemeral(&**plain.random()).unwrap();
    client_over(&TokenCache::sealed(backend(), ring).build())
}

fn refused<T>(result: Result<T, Error>) -> String {
    let error = result.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn an_api_without_a_scope_is_refused_and_never_open() {
    for scopes in [&[][..], &[""], &["Profile.Read", ""], &["two words"]] {
        assert!(refused(Api::new(&client(), None, scopes)).contains("no scope"), "{scopes:?}");
    }
    let api = Api::new(&client(), None, &["Profile.Read"]).unwrap();
    assert!(refused(api.with_scopes(&[])).contains("no scope"));
    assert!(api.with_scopes(&["Profile.ReadWrite"]).is_ok());
}

#[test]
fn a_sign_in_that_could_not_work_is_refused() {
    let plain = client_over(&TokenCache::plain(backend()).build());
    assert!(refused(SignIn::builder(&plain, "User.Read").build()).contains("TokenCache:KeyRing"));
    let of = |scopes: &str| SignIn::builder(&client(), scopes);
    assert!(refused(of(" ").build()).contains("scope"));
    for path in ["", "signin", "/", "/{x}", "/a b", "/sign-in", "/sign-out", "/a?b"] {
        assert!(refused(of("User.Read").callback_path(path).build()).contains("AzureAd:CallbackPath"), "{path}");
    }
    assert!(refused(of("User.Read").signed_out_callback_path("/signin-oidc").build()).contains("the same"));
    let same = refused(of("User.Read").remote_sign_out_path("/signout-callback-oidc").build());
    assert!(same.contains("AzureAd:SignedOutCallbackPath and AzureAd:RemoteSignOutPath"), "{same}");
    for url in ["app.example", "ftp://app.example", "https://app.example/path", "https://app.example/?x"] {
        assert!(refused(of("User.Read").public_url(url).build()).contains("PublicUrl"), "{url}");
    }
    assert!(of("User.Read").public_url("https://app.example/").build().is_ok());
}

#[test]
fn origins_that_are_none_are_refused() {
    assert!(refused(cors(&["http://a\nb".to_owned()])).contains("Cors:AllowedOrigins"));
    assert!(cors(&["*".to_owned()]).is_ok());
}

async fn inbox(user: SignedIn) -> Result<String, SignedInRejection> {
    Ok(user.account().username.clone())
}

async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let sign_in = SignIn::builder(&client(), "User.Read").build().unwrap();
    let app = Router::new()
        .route("/inbox", get(inbox))
        .route("/send", post(inbox))
        .merge(sign_in::routes(&sign_in))
        .with_state(sign_in);
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_entra() {
    let answer = ask("GET", "/inbox?page=2", &[("host", "localhost:5000")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(
        to.starts_with("https://login.microsoftonline.com/22222222-dddd-4eee-8fff-000000000002/oauth2/v2.0/authorize?")
    );
    for part in [
        "redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fsignin-oidc",
        "response_mode=query",
        "code_challenge_method=S256",
    ] {
        assert!(to.contains(part), "{to}");
    }
    assert!(!to.contains("inbox"), "the page is inside the sealed state");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("absentia-sign-in=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600")
    );
    // A form cannot be sent there and back.
    assert_eq!(ask("POST", "/send", &[("host", "localhost")]).await.status(), StatusCode::UNAUTHORIZED);
    // A cookie that is none of ours.
    let forged = [("host", "localhost"), ("cookie", "absentia-session=AAAA; absentia-session=é")];
    assert_eq!(ask("GET", "/inbox", &forged).await.status(), StatusCode::SEE_OTHER);
    for host in ["", "a b", "evil.example/x", "a@b"] {
        assert_eq!(ask("GET", "/inbox", &[("host", host)]).await.status(), StatusCode::BAD_REQUEST, "{host:?}");
    }
    assert_eq!(ask("GET", "/sign-in", &[]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_binding_serves_all_tabs() {
    let first = ask("GET", "/sign-in", &[("host", "localhost")]).await;
    let cookie = first.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let second = ask("GET", "/sign-in", &[("host", "localhost"), ("cookie", &format!("a=b; {cookie}; c=d"))]).await;
    assert!(second.headers()["set-cookie"].to_str().unwrap().starts_with(&cookie));
    let planted = ask("GET", "/sign-in", &[("host", "localhost"), ("cookie", "absentia-sign-in=short")]).await;
    assert!(!planted.headers()["set-cookie"].to_str().unwrap().contains("short"));
}

#[test]
fn each_kind_of_error_has_its_answer() {
    let claims = Entra { claims: Some(r#"{"access_token":{}}"#.to_owned()), ..Entra::default() };
    let of = |kind| Error::new(kind, "secret detail");
    let wait = Some(Duration::from_secs(7));
    let cases = [
        (of(ErrorKind::InteractionRequired), 303, 401, ""),
        (of(ErrorKind::InteractionRequired).said(claims), 303, 401, ""),
        (of(ErrorKind::Unavailable), 503, 503, "10"),
        (of(ErrorKind::Throttled).retry_in(wait), 503, 503, "7"),
        (of(ErrorKind::Rejected), 500, 502, ""),
        (of(ErrorKind::Config), 500, 500, ""),
    ];
    for (error, page, api, retry_after) in cases {
        let claims = error.claims().is_some();
        let (kind, browser) = (error.kind(), SignedInRejection::from(error.clone()).into_response());
        let caller = CallerRejection::from(error).into_response();
        assert_eq!((browser.status().as_u16(), caller.status().as_u16()), (page, api), "{kind:?}");
        for answer in [&browser, &caller] {
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()), retry_after);
        }
        let challenge = caller.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
        assert_eq!(
            challenge,
            match (kind, claims) {
                (ErrorKind::InteractionRequired, true) => {
                    Some(r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#)
                }
                (ErrorKind::InteractionRequired, false) => Some(r#"Bearer realm="", error="interaction_required""#),
                _ => None,
            }
        );
    }
}
