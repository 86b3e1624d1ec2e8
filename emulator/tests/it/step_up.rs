//! Graph asks for an authentication context: what the token endpoint and the authorization endpoint make of it.

use absentia_emulator::{Emulator, UserHandle};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Answer, Browser, get, send};
use crate::world::*;

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

async fn me(entra: &Emulator, token: &str) -> Answer {
    get(entra, "/v1.0/me", &[("authorization", &format!("Bearer {token}"))]).await
}

async fn tokens(entra: &Emulator, user: &UserHandle, claims: Option<&str>) -> Value {
    let app = entra.app("contoso-web");
    let sign_in = user.sign_in(&app, WEB, "openid offline_access User.Read");
    let code = match claims {
        Some(claims) => sign_in.with("claims", claims).await.unwrap(),
        None => sign_in.await.unwrap(),
    };
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", WEB)];
    ok(&token_as(entra, &app, &form).await)
}

async fn refresh(entra: &Emulator, tokens: &Value, claims: Option<&str>) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token"))];
    form.extend(claims.map(|claims| ("claims", claims)));
    token_as(entra, &entra.app("contoso-web"), &form).await
}

#[tokio::test]
async fn graph_challenges_and_only_a_sign_in_satisfies_it() {
    let entra = Emulator::start().await;
    let (ada, grace) = (entra.user("ada"), entra.user("grace"));
    let before = tokens(&entra, &ada, None).await;
    entra.require_context(&ada, Some("c1"));

    let challenged = me(&entra, text(&before, "access_token")).await;
    assert_eq!(
        (challenged.status, challenged.json()["error"]["code"].clone()),
        (401, json!("InvalidAuthenticationToken"))
    );
    let header = challenged.header("www-authenticate").unwrap();
    assert!(header.starts_with("Bearer realm=\"\", authorization_uri=\""), "{header}");
    let claims = header.split_once("error=\"insufficient_claims\", claims=\"").unwrap().1.split('"').next().unwrap();
    let claims = String::from_utf8(STANDARD.decode(claims).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&claims).unwrap(), serde_json::from_str::<Value>(CLAIMS).unwrap());

    let refused = refresh(&entra, &before, Some(&claims)).await;
    let body = refused.json();
    assert_eq!((refused.status, &body["error"], &body["error_codes"]), (400, &json!("invalid_grant"), &json!([50076])));
    assert_eq!((&body["suberror"], &body["claims"]), (&json!("basic_action"), &json!(claims)));
    let without = ok(&refresh(&entra, &before, None).await);
    assert_eq!(me(&entra, text(&without, "access_token")).await.status, 401, "a token without the claim is as before");

    let after = tokens(&entra, &ada, Some(&claims)).await;
    assert_eq!(me(&entra, text(&after, "access_token")).await.status, 200);
    let refreshed = ok(&refresh(&entra, &after, Some(&claims)).await);
    assert_eq!(me(&entra, text(&refreshed, "access_token")).await.status, 200, "the grant remembers it");
    // It is a state of one user, and lasts until it is taken back.
    let hers = tokens(&entra, &grace, None).await;
    assert_eq!(me(&entra, text(&hers, "access_token")).await.status, 200);
    entra.require_context(&ada, None);
    assert_eq!(me(&entra, text(&before, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_session_without_it_is_asked_for_the_password_anew() {
    let entra = Emulator::start().await;
    let (ada, mut browser) = (entra.user("ada"), Browser::default());
    let claims: String = url::form_urlencoded::byte_serialize(CLAIMS.as_bytes()).collect();
    let (tenant, app) = (entra.tenant_id(), entra.app("contoso-web").client_id().to_owned());
    let authorize = |more: &str| {
        format!(
            "/{tenant}/oauth2/v2.0/authorize?client_id={app}&response_type=code&redirect_uri={WEB}&scope=User.Read{more}"
        )
    };
    let give = [("username", ada.upn()), ("password", ada.password())];
    let page = browser.get(&entra, &authorize("")).await;
    let page = browser.submit(&entra, &page, &give).await;
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert!(back.sent_back("code").is_some());

    let silent = browser.get(&entra, &authorize(&format!("&prompt=none&claims={claims}"))).await;
    assert_eq!(silent.sent_back("error").as_deref(), Some("interaction_required"));
    assert!(silent.sent_back("error_description").unwrap().starts_with("AADSTS50076"));
    let page = browser.get(&entra, &authorize(&format!("&claims={claims}"))).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let back = browser.submit(&entra, &page, &give).await;
    assert!(back.sent_back("code").is_some());
    let silent = browser.get(&entra, &authorize(&format!("&prompt=none&claims={claims}"))).await;
    assert!(silent.sent_back("code").is_some(), "the session remembers it");
}

#[tokio::test]
async fn the_switch_is_served_over_http_too() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let path = "/_admin/users/ada/authentication-context";
    let put = async |body: Value| send(&entra, "PUT", path, &[], &body.to_string()).await;
    assert_eq!(ok(&put(json!({ "context": "c1" })).await)["authentication_context"], "c1");
    let before = tokens(&entra, &ada, None).await;
    assert_eq!(me(&entra, text(&before, "access_token")).await.status, 401);
    for bad in [json!({ "context": "" }), json!({ "context": "a\"b" }), json!({ "x": 1 })] {
        assert_eq!(put(bad).await.status, 400);
    }
    ok(&put(json!({ "context": null })).await);
    assert_eq!(me(&entra, text(&before, "access_token")).await.status, 200);
}

/// What is asked of a user reaches her through an API that acts for her.
#[tokio::test]
async fn on_behalf_of_asks_the_caller() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let app = entra.app("contoso-api");
    let scope = format!("api://{}/Profile.Read", app.client_id());
    let exchange = async |claims: Option<&str>| {
        let sign_in = ada.sign_in(&entra.app("contoso-spa"), SPA, &scope).code_challenge(CHALLENGE);
        let code = match claims {
            Some(claims) => sign_in.with("claims", claims).await.unwrap(),
            None => sign_in.await.unwrap(),
        };
        let form = [
            ("client_id", entra.app("contoso-spa").client_id()),
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", SPA),
            ("code_verifier", VERIFIER),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let callers = ok(&token(&entra, &form, &[("origin", SPA_ORIGIN)]).await);
        let form = [
            ("grant_type", OBO),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", text(&callers, "access_token")),
            ("scope", "User.Read"),
            ("claims", CLAIMS),
        ];
        token_as(&entra, &app, &form).await
    };
    entra.consent(&ada, &app, "User.Read");
    let refused = exchange(None).await.json();
    assert_eq!((&refused["error"], &refused["error_codes"]), (&json!("interaction_required"), &json!([50076])));
    assert_eq!(refused["claims"], CLAIMS);
    assert!(ok(&exchange(Some(CLAIMS)).await)["access_token"].is_string());
}
