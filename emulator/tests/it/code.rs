//! The authorization code grant.

use absentia_emulator::Emulator;
use serde_json::json;
use std::time::Duration;

use crate::http::{Browser, get, post};
use crate::world::*;

const CORRELATION: &str = "6f1a3a52-7d6e-4f0a-9a53-2b1f3c4d5e6f";

fn authorize(entra: &Emulator, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/{}/oauth2/v2.0/authorize?{query}", entra.tenant_id())
}

fn asking<'a>(client_id: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", WEB),
        ("scope", "openid profile offline_access User.Read"),
        ("state", "a state & more"),
    ];
    pairs.extend(more);
    pairs
}

#[tokio::test]
async fn a_person_signs_in_consents_and_the_app_gets_tokens() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
    let pkce =
        [("code_challenge", CHALLENGE), ("code_challenge_method", "S256"), ("nonce", "n-1"), ("client_info", "1")];
    let mut browser = Browser::default();
    let page = browser.get(&entra, &authorize(&entra, &asking(app.client_id(), &pkce))).await;
    assert!(page.body.contains("Sign in") && page.body.contains("Contoso App"));

    let wrong = browser.submit(&entra, &page, &[("username", ada.upn()), ("password", "guess")]).await;
    assert!(wrong.body.contains("invalid username or password"), "{}", wrong.body);
    assert!(wrong.body.contains(ada.upn()), "the name is kept");
    assert!(browser.cookie.is_none());

    let page = browser.submit(&entra, &wrong, &[("username", ada.upn()), ("password", ada.password())]).await;
    assert!(page.body.contains("Permissions requested") && page.body.contains("Sign you in and read your profile"));
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(back.status, 302);
    assert!(back.header("location").unwrap().starts_with(&format!("{WEB}?code=")));
    assert!(back.header("location").unwrap().ends_with('#'));
    assert_eq!(back.sent_back("state").as_deref(), Some("a state & more"));
    assert!(back.sent_back("client_info").is_some() && back.sent_back("session_state").is_some());
    let code = back.sent_back("code").unwrap();

    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("client_secret", app.secret()),
        ("code", &code),
        ("redirect_uri", WEB),
        ("code_verifier", VERIFIER),
        ("client_info", "1"),
        ("scope", "User.Read openid profile offline_access"),
    ];
    let answer =
        token(&entra, &form, &[("client-request-id", CORRELATION), ("return-client-request-id", "true")]).await;
    let body = ok(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store, no-cache"));
    assert_eq!(answer.header("client-request-id"), Some(CORRELATION));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "openid profile User.Read", "as the client spells it, without offline_access");
    let life = body["expires_in"].as_i64().unwrap();
    assert!((3600..=5400).contains(&life), "{life}");
    assert!(body["refresh_in"].is_null());

    let id = claims(text(&body, "id_token"));
    assert_eq!(id["aud"], app.client_id());
    assert_eq!(id["iss"], format!("{}/{}/v2.0", entra.url(), entra.tenant_id()));
    assert_eq!((&id["nonce"], &id["ver"]), (&json!("n-1"), &json!("2.0")));
    assert_eq!((id["oid"].as_str(), id["preferred_username"].as_str()), (Some(ada.oid()), Some(ada.upn())));

    let access = claims(text(&body, "access_token"));
    assert_eq!((&access["ver"], &access["aud"]), (&json!("1.0"), &json!("https://graph.microsoft.com")));
    assert_eq!((access["appid"].as_str(), &access["appidacr"]), (Some(app.client_id()), &json!("1")));
    assert_ne!(access["sub"], id["sub"], "pairwise");
    assert_eq!(access["exp"].as_i64().unwrap() - access["nbf"].as_i64().unwrap(), life + 300);
    assert!(body["client_info"].as_str().is_some_and(|c| !c.contains('=')));

    // The session is there: no page, and the consent is remembered.
    let silent = browser.get(&entra, &authorize(&entra, &asking(app.client_id(), &[("prompt", "none")]))).await;
    assert!(silent.sent_back("code").is_some());
    // What the person saw holds no code, no token and no password.
    for secret in entra.issued() {
        assert!(!browser.seen.contains(&secret.value), "{secret:?} is on a page");
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_its_client_at_its_address_with_its_verifier() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
    let code = ada.sign_in(&app, WEB, "openid User.Read").code_challenge(CHALLENGE).await.unwrap();
    let redeem = async |code: &str, redirect: &str, verifier: Option<&str>, secret: &str| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", app.client_id()),
            ("client_secret", secret),
            ("code", code),
            ("redirect_uri", redirect),
        ];
        form.extend(verifier.map(|v| ("code_verifier", v)));
        token(&entra, &form, &[]).await
    };
    let good = Some(VERIFIER);
    let other = Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    // The shape of a code is looked at before the secret.
    refused(&redeem("garbage", WEB, good, "wrong").await, 400, "invalid_request", 9_002_313, None);
    refused(&redeem(&code, WEB, good, "wrong").await, 401, "invalid_client", 7_000_215, None);
    refused(&redeem(&code, "http://localhost:1/else", good, app.secret()).await, 400, "invalid_client", 500_112, None);
    refused(&redeem(&code, WEB, None, app.secret()).await, 400, "invalid_grant", 50148, None);
    refused(&redeem(&code, WEB, other, app.secret()).await, 400, "invalid_grant", 501_481, None);
    let first = redeem(&code, WEB, good, app.secret()).await;
    assert!(ok(&first)["refresh_token"].is_null(), "offline_access was not asked for");
    refused(&redeem(&code, WEB, good, app.secret()).await, 400, "invalid_grant", 54005, None);

    let late = ada.sign_in(&app, WEB, "openid User.Read").code_challenge(CHALLENGE).await.unwrap();
    entra.advance(Duration::from_secs(601));
    refused(&redeem(&late, WEB, good, app.secret()).await, 400, "invalid_grant", 70008, None);
}

#[tokio::test]
async fn a_codes_scope_can_be_narrowed_to_one_api() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
    let id = app.client_id();
    let both = format!("openid offline_access https://graph.microsoft.com/User.Read api://{id}/Profile.Read");
    let code = ada.sign_in(&app, WEB, &both).await.unwrap();
    let redeem = async |scope: Option<&str>| {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", WEB)];
        form.extend(scope.map(|s| ("scope", s)));
        token_as(&entra, &app, &form).await
    };
    refused(&redeem(Some(&both)).await, 400, "invalid_request", 28000, None);
    refused(&redeem(Some("")).await, 400, "invalid_scope", 28003, None);
    refused(&redeem(Some("Mail.Burn")).await, 400, "invalid_scope", 70011, None);
    refused(&redeem(Some("Mail.Read")).await, 400, "invalid_grant", 65001, Some("consent_required"));
    refused(&redeem(Some("api://nothing/x")).await, 400, "invalid_resource", 500_011, None);
    let body = ok(&redeem(Some(&format!("api://{id}/Profile.Read"))).await);
    let access = claims(text(&body, "access_token"));
    assert_eq!((access["aud"].as_str(), access["ver"].as_str()), (Some(id), Some("2.0")));
    assert_eq!(access["scp"], "Profile.Read");
    assert_eq!(body["scope"], format!("openid api://{id}/Profile.Read"));
}

#[tokio::test]
async fn what_cannot_be_trusted_is_answered_with_a_page() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-web");
    let id = app.client_id();
    let page = async |pairs: Vec<(&str, &str)>, code: &str| {
        let answer = get(&entra, &authorize(&entra, &pairs), &[]).await;
        assert_eq!(answer.status, 400);
        assert!(answer.header("location").is_none());
        assert!(answer.body.contains(code), "no {code} in {}", answer.body);
    };
    page(vec![("response_type", "code")], "AADSTS900144").await;
    page(vec![("client_id", "99999999-0000-0000-0000-000000000000")], "AADSTS700016").await;
    page(vec![("client_id", id), ("redirect_uri", "https://evil.example/")], "AADSTS50011").await;
    let elsewhere = get(&entra, &format!("/nobody.example/oauth2/v2.0/authorize?client_id={id}"), &[]).await;
    assert!(elsewhere.body.contains("AADSTS90002"), "{}", elsewhere.body);
    let common = get(&entra, &format!("/common/oauth2/v2.0/authorize?client_id={id}"), &[]).await;
    assert!(common.body.contains("AADSTS50194"), "{}", common.body);
}

#[tokio::test]
async fn other_mistakes_travel_back_to_the_app() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-web");
    let back = async |more: &[(&str, &str)], without: &str, error: &str, code: u32| {
        let pairs: Vec<_> = asking(app.client_id(), &[])
            .into_iter()
            .filter(|(n, _)| *n != without)
            .chain(more.iter().copied())
            .collect();
        let answer = get(&entra, &authorize(&entra, &pairs), &[]).await;
        assert_eq!(answer.status, 302, "{}", answer.body);
        assert_eq!(answer.sent_back("error").as_deref(), Some(error), "{answer:?}");
        assert!(answer.sent_back("error_description").unwrap().starts_with(&format!("AADSTS{code}: ")), "{answer:?}");
        assert!(answer.sent_back("error_uri").unwrap().ends_with(&format!("code={code}")));
        assert_eq!(answer.sent_back("state").as_deref(), Some("a state & more"));
    };
    back(&[("prompt", "none")], "", "login_required", 50058).await;
    back(&[("response_type", "id_token")], "response_type", "unsupported_response_type", 700_054).await;
    back(&[("response_type", "token")], "response_type", "unsupported_response_type", 700_051).await;
    back(&[("response_type", "cheese")], "response_type", "unsupported_response_type", 70005).await;
    back(&[("scope", "Mail.Burn")], "scope", "invalid_client", 650_053).await;
    back(&[("scope", "api://nothing/x")], "scope", "invalid_resource", 500_011).await;
    back(&[("scope", "User.Read https://graph.microsoft.com/.default")], "scope", "invalid_scope", 70011).await;
    back(&[], "scope", "invalid_request", 900_144).await;
    back(&[("resource", "https://graph.microsoft.com")], "", "invalid_request", 901_002).await;
    back(&[("code_challenge", "short")], "", "invalid_request", 50147).await;
}

#[tokio::test]
async fn a_single_page_app_redeems_cross_origin_only() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-spa"));
    let no_pkce = ada.sign_in(&app, SPA, "openid User.Read").await.unwrap_err();
    assert_eq!(no_pkce.aadsts, 9_002_325);
    let code = ada.sign_in(&app, SPA, "openid offline_access User.Read").code_challenge(CHALLENGE).await.unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", SPA),
        ("code_verifier", VERIFIER),
    ];
    let refusal = token(&entra, &form, &[]).await;
    refused(&refusal, 400, "invalid_request", 9_002_327, None);
    // As msal-browser sends it: the correlation id in the query, telemetry in the body.
    let path = format!("/{}/oauth2/v2.0/token?client-request-id={CORRELATION}", entra.tenant_id());
    let form: Vec<_> =
        form.into_iter().chain([("x-client-SKU", "msal.js.browser"), ("x-client-last-telemetry", "")]).collect();
    let answer = post(&entra, &path, &form, &[("origin", SPA_ORIGIN)]).await;
    let body = ok(&answer);
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA_ORIGIN));
    assert_eq!(body["refresh_token_expires_in"], 86400);
    assert_eq!(claims(text(&body, "access_token"))["appidacr"], "0");
    assert_eq!(entra.journal().token_requests().last().unwrap().correlation_id, CORRELATION);

    // A web app's code from a page, and why, readable for the page.
    let web = entra.app("contoso-web");
    let code = ada.sign_in(&web, WEB, "openid").await.unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", web.client_id()),
        ("client_secret", web.secret()),
        ("code", &code),
        ("redirect_uri", WEB),
    ];
    let answer = token(&entra, &form, &[("origin", "http://localhost:5000")]).await;
    refused(&answer, 400, "invalid_request", 9_002_326, None);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5000"));
}

#[tokio::test]
async fn an_installed_app_needs_no_secret_and_may_not_have_one() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-spa"));
    let redirect = "http://localhost:51234";
    let code = ada.sign_in(&app, redirect, "openid offline_access User.Read").code_challenge(CHALLENGE).await.unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", redirect),
        ("code_verifier", VERIFIER),
    ];
    let with_secret: Vec<_> = form.into_iter().chain([("client_secret", "x")]).collect();
    refused(&token(&entra, &with_secret, &[]).await, 401, "invalid_client", 700_025, None);
    let body = ok(&token(&entra, &form, &[]).await);
    assert!(body["refresh_token"].is_string() && body["refresh_token_expires_in"].is_null());
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", app.client_id()),
        ("refresh_token", text(&body, "refresh_token")),
    ];
    ok(&token(&entra, &form, &[]).await);
}

#[tokio::test]
async fn basic_authentication_and_the_missing_secret() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-web");
    let code = entra.user("ada").sign_in(&app, WEB, "openid").await.unwrap();
    let form =
        [("grant_type", "authorization_code"), ("client_id", app.client_id()), ("code", &code), ("redirect_uri", WEB)];
    refused(&token(&entra, &form, &[]).await, 401, "invalid_client", 7_000_218, None);
    let assertion = [("client_assertion", "x"), ("client_assertion_type", "y")];
    let with_assertion: Vec<_> = form.into_iter().chain(assertion).collect();
    refused(&token(&entra, &with_assertion, &[]).await, 401, "invalid_client", 700_027, None);
    use base64::Engine as _;
    let packed = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", app.client_id(), app.secret()));
    let answer = token(&entra, &form, &[("authorization", &format!("Basic {packed}"))]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn malformed_token_requests() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-web");
    let id = ("client_id", app.client_id());
    refused(&token(&entra, &[id], &[]).await, 400, "invalid_request", 900_144, None);
    refused(&token(&entra, &[("grant_type", "refresh_token")], &[]).await, 400, "invalid_request", 900_144, None);
    refused(&token(&entra, &[id, ("grant_type", "cheese")], &[]).await, 400, "unsupported_grant_type", 70003, None);
    refused(&token(&entra, &[id, id, ("grant_type", "x")], &[]).await, 400, "invalid_request", 9_002_313, None);
    let resource = ("resource", "https://graph.microsoft.com");
    refused(&token(&entra, &[id, resource, ("grant_type", "x")], &[]).await, 400, "invalid_request", 901_002, None);
    let stranger = [("client_id", "99999999-0000-0000-0000-000000000000"), ("grant_type", "refresh_token")];
    refused(&token(&entra, &stranger, &[]).await, 400, "unauthorized_client", 700_016, None);
    let form = [id, ("grant_type", "refresh_token")];
    let answer = post(&entra, "/nobody.example/oauth2/v2.0/token", &form, &[]).await;
    refused(&answer, 400, "invalid_request", 90002, None);
    let answer = post(&entra, "/nobody/oauth2/v2.0/token", &form, &[]).await;
    refused(&answer, 400, "invalid_request", 900_023, None);
    let answer = get(&entra, &format!("/{}/oauth2/v2.0/token", entra.tenant_id()), &[]).await;
    refused(&answer, 400, "invalid_request", 900_561, None);
    refused(&get(&entra, "/some/where/else", &[]).await, 404, "invalid_request", 90056, None);
}
