//! The Microsoft Graph slice.

use std::time::Duration;

use absentia_emulator::Emulator;
use serde_json::json;

use crate::http::{Answer, get, send};
use crate::world::*;

async fn me(entra: &Emulator, path: &str, token: &str) -> Answer {
    get(entra, path, &[("authorization", &format!("Bearer {token}"))]).await
}

#[track_caller]
fn graph_refused(answer: &Answer, status: u16, code: &str, message: &str) {
    let body = answer.json();
    assert_eq!((answer.status, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains(message), "{body}");
    assert_eq!(body["error"]["innerError"]["request-id"].as_str(), answer.header("request-id"));
    assert_eq!(body["error"]["innerError"]["date"].as_str().unwrap().len(), 19);
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.is_some(), status == 401);
    if let Some(challenge) = challenge {
        assert!(challenge.starts_with("Bearer realm=\"\", authorization_uri=\""), "{challenge}");
        assert!(challenge.ends_with("client_id=\"00000003-0000-0000-c000-000000000000\""), "{challenge}");
    }
}

#[tokio::test]
async fn me_in_both_versions() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("grace"), "openid User.Read").await;
    let token = text(&tokens, "access_token");
    let answer = me(&entra, "/v1.0/me", token).await;
    let body = ok(&answer);
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "@odata.context",
            "businessPhones",
            "displayName",
            "givenName",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
            "id"
        ]
    );
    assert_eq!(body["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#users/$entity");
    assert_eq!(
        (body["displayName"].as_str(), body["id"].as_str()),
        (Some("Grace Hopper"), Some(entra.user("grace").oid()))
    );
    assert!(answer.header("content-type").unwrap().contains("odata.metadata=minimal"));
    assert!(answer.header("request-id").is_some());

    let beta = ok(&me(&entra, "/beta/me", token).await);
    assert_eq!((beta["country"].as_str(), beta["employeeId"].as_str()), (Some("United States"), Some("E-1906")));
    assert!(beta["@odata.context"].as_str().unwrap().contains("/beta/"));

    let chosen = ok(&me(&entra, "/v1.0/me?$select=city,displayname,%20department", token).await);
    assert_eq!(
        chosen,
        json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(city,displayName,department)/$entity",
            "city": "Arlington", "displayName": "Grace Hopper", "department": "Languages",
        })
    );
    let wrong = me(&entra, "/v1.0/me?%24select=shoeSize", token).await;
    graph_refused(&wrong, 400, "BadRequest", "Could not find a property named 'shoeSize'");
}

#[tokio::test]
async fn tokens_that_are_refused() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let (web, id) = (entra.app("contoso-web"), entra.app("contoso-web").client_id().to_owned());
    let code = "InvalidAuthenticationToken";
    graph_refused(&get(&entra, "/v1.0/me", &[]).await, 401, code, "Access token is empty.");
    graph_refused(&me(&entra, "/v1.0/me", "cheese").await, 401, code, "IDX14100");
    let own = web_tokens(&entra, &ada, &format!("openid {id}/Profile.Read")).await;
    graph_refused(&me(&entra, "/v1.0/me", text(&own, "access_token")).await, 401, code, "Invalid audience");
    let good = web_tokens(&entra, &ada, "openid User.Read").await;
    let good = text(&good, "access_token");
    graph_refused(&me(&entra, "/v1.0/me", &forged(good)).await, 401, code, "Invalid signature");

    let app_only = [("grant_type", "client_credentials"), ("scope", "https://graph.microsoft.com/.default")];
    let app_only = ok(&token_as(&entra, &web, &app_only).await);
    let answer = me(&entra, "/v1.0/me", text(&app_only, "access_token")).await;
    graph_refused(&answer, 400, "BadRequest", "only valid with delegated authentication flow");
    let mail = web_tokens(&entra, &entra.user("alan"), "openid Mail.Read").await;
    let answer = me(&entra, "/v1.0/me", text(&mail, "access_token")).await;
    graph_refused(&answer, 403, "Authorization_RequestDenied", "Insufficient privileges");

    graph_refused(&me(&entra, "/v1.0/nowhere", good).await, 404, "BadRequest", "segment 'nowhere'");
    let bearer = format!("Bearer {good}");
    let answer = send(&entra, "DELETE", "/v1.0/me", &[("authorization", &bearer)], "").await;
    graph_refused(&answer, 405, "Request_BadRequest", "not supported");

    ok(&me(&entra, "/v1.0/me", good).await);
    let left = claims(good)["exp"].as_i64().unwrap() - entra.now();
    entra.advance(Duration::from_secs(u64::try_from(left).unwrap()));
    graph_refused(&me(&entra, "/v1.0/me", good).await, 401, code, "the token is expired");
}

#[tokio::test]
async fn pages_of_any_origin_may_call() {
    let entra = Emulator::start().await;
    let tokens = spa_tokens(&entra, &entra.user("ada"), "openid User.Read").await;
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    for path in ["/v1.0/me", "/beta/me", "/oidc/userinfo"] {
        let asked = [
            ("origin", "https://anybody.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,client-request-id"),
        ];
        let preflight = send(&entra, "OPTIONS", path, &asked, "").await;
        assert_eq!(preflight.status, 200, "without a token: {path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,client-request-id"));
        assert!(preflight.header("access-control-allow-methods").unwrap().contains("GET"));

        let origin = ("origin", "https://anybody.example");
        for (answer, status) in [
            (get(&entra, path, &[origin, ("authorization", &bearer)]).await, 200),
            (get(&entra, path, &[origin]).await, 401),
        ] {
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            let readable = answer.header("access-control-expose-headers").unwrap();
            assert!(["request-id", "WWW-Authenticate"].iter().all(|name| readable.contains(name)), "{readable}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn user_info_says_what_the_id_token_says() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("grace"), "openid profile email User.Read").await;
    let id_token = claims(text(&tokens, "id_token"));
    let token = text(&tokens, "access_token").to_owned();
    let info = ok(&me(&entra, "/oidc/userinfo", &token).await);
    assert_eq!(
        info,
        json!({
            "sub": id_token["sub"], "name": "Grace Hopper", "family_name": "Hopper", "given_name": "Grace",
            "picture": "https://graph.microsoft.com/v1.0/me/photo/$value", "email": "grace@contoso.example",
        })
    );
    let posted = send(&entra, "POST", "/oidc/userinfo", &[("authorization", &format!("Bearer {token}"))], "").await;
    assert_eq!(ok(&posted), info);
    assert_eq!(entra.journal().graph_requests().of(entra.user("grace")).count(), 2);

    let bare = web_tokens(&entra, &entra.user("alan"), "openid User.Read").await;
    let info = ok(&me(&entra, "/oidc/userinfo", text(&bare, "access_token")).await);
    assert_eq!(info, json!({ "sub": claims(text(&bare, "id_token"))["sub"] }));
    let without = web_tokens(&entra, &entra.user("edsger"), "User.Read").await;
    let answer = me(&entra, "/oidc/userinfo", text(&without, "access_token")).await;
    graph_refused(&answer, 403, "Authorization_RequestDenied", "Insufficient privileges");
    let code = "InvalidAuthenticationToken";
    graph_refused(&me(&entra, "/oidc/userinfo", &forged(&token)).await, 401, code, "Invalid signature");
    graph_refused(&me(&entra, "/oidc/userinfo", text(&tokens, "id_token")).await, 401, code, "Invalid audience");
    let deleted = send(&entra, "DELETE", "/oidc/userinfo", &[("authorization", &format!("Bearer {token}"))], "").await;
    graph_refused(&deleted, 405, "Request_BadRequest", "not supported");
}

#[tokio::test]
async fn revocation_does_not_reach_access_tokens() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let tokens = web_tokens(&entra, &ada, "openid User.Read").await;
    entra.revoke_sessions(&ada);
    entra.disable_user(&ada);
    ok(&me(&entra, "/v1.0/me", text(&tokens, "access_token")).await);
    let disabled = ok(&me(&entra, "/beta/me?$select=accountEnabled", text(&tokens, "access_token")).await);
    assert_eq!(disabled["accountEnabled"], false);
}

#[tokio::test]
async fn mail_needs_its_own_permission() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let tokens = web_tokens(&entra, &ada, "openid User.Read").await;
    let path = "/v1.0/me/messages?$select=subject,from&$top=1";
    let refused = me(&entra, path, text(&tokens, "access_token")).await;
    graph_refused(&refused, 403, "ErrorAccessDenied", "Access is denied");
    let tokens = web_tokens(&entra, &ada, "openid Mail.Read").await;
    let token = text(&tokens, "access_token");
    let body = ok(&me(&entra, path, token).await);
    let list = body["value"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{body}");
    assert_eq!(list[0]["subject"], "A moth in relay 70", "the latest first");
    assert_eq!(list[0]["from"]["emailAddress"]["address"], "grace@contoso.example");
    assert!(list[0]["id"].is_string() && list[0].get("receivedDateTime").is_none());
    let expected = format!("https://graph.microsoft.com/v1.0/$metadata#users('{}')/messages(subject,from)", ada.oid());
    assert_eq!(body["@odata.context"], expected);
    assert_eq!(ok(&me(&entra, "/beta/me/messages", token).await)["value"].as_array().unwrap().len(), 2);
    for (query, said) in [("$top=0", "$top"), ("$top=x", "$top"), ("$select=secret", "'secret'")] {
        let refused = me(&entra, &format!("/v1.0/me/messages?{query}"), token).await;
        graph_refused(&refused, 400, "BadRequest", said);
    }
    graph_refused(&me(&entra, "/v1.0/me/events", token).await, 404, "BadRequest", "'events'");
}
