//! The web API in front of the emulator, seen by callers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

mod common;
mod tokens;

use std::time::Duration;

use absentia::store::{AccountQuery, GrantKind};
use absentia_emulator::Outage;
use axum::http::StatusCode;
use common::{Node, World, client};
use serde_json::{Value, json};
use tokens::{Forge, access_token};

/// One call. Answers status, `WWW-Authenticate`, body.
async fn call(api: &Node, authorization: Option<&str>) -> (u16, String, String) {
    let mut request = client().get(format!("{}/api/profile", api.url));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate").map_or("", |value| value.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), challenge, answer.text().await.unwrap())
}

async fn bearer(api: &Node, token: &str) -> (u16, String, String) {
    call(api, Some(&format!("Bearer {token}"))).await
}

#[tokio::test]
async fn ten_calls_with_three_assertions_are_one_grant() {
    let world = World::new().await;
    let api = world.web_api("").await;
    let ada = world.entra.user("ada");
    let mut assertions = Vec::new();
    for _ in 0..3 {
        assertions.push(access_token(&world, "ada", "Profile.Read").await);
    }
    assert!(assertions[0] != assertions[1] && assertions[1] != assertions[2]);
    for n in 0..10 {
        let (status, _, body) = bearer(&api, &assertions[n % 3]).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({ "country": "United Kingdom", "city": "London", "employeeId": "E-1815",
                    "displayName": "Ada Lovelace", "givenName": "Ada", "department": "Analytical Engines" })
        );
    }
    assert_eq!(world.entra.journal().token_requests().grant("on_behalf_of").of(&ada).count(), 1);
    let accounts = api.client.accounts(&AccountQuery::default()).await.unwrap();
    let grants: Vec<_> = accounts.iter().flat_map(|account| &account.grants).map(|grant| grant.kind).collect();
    assert_eq!(grants, [GrantKind::LongRunning]);
    assert_eq!(accounts[0].account_id, ada.home_account_id());
    // Another process goes on with the same grant; another user has her own.
    let restarted = world.web_api("").await;
    assert_eq!(bearer(&restarted, &assertions[0]).await.0, 200);
    assert_eq!(world.entra.journal().token_requests().grant("on_behalf_of").count(), 1);
    let grace = access_token(&world, "grace", "Profile.ReadWrite").await;
    assert!(bearer(&api, &grace).await.2.contains("Grace Hopper"));
    assert_eq!(api.client.accounts(&AccountQuery::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn without_a_token_that_is_one() {
    let world = World::new().await;
    let api = world.web_api("").await;
    for none in [None, Some("Basic YTpi"), Some("Bearer"), Some("Bearer  ")] {
        assert_eq!(call(&api, none).await, (401, "Bearer".to_owned(), String::new()), "{none:?}");
    }
    let huge = "A".repeat(64 * 1024);
    let three = format!("{}.{}.{}", "A".repeat(20), "A".repeat(20), "A".repeat(20));
    for garbage in ["x", "a.b", "a.b.c", "..", three.as_str(), huge.as_str()] {
        let (status, challenge, body) = bearer(&api, garbage).await;
        assert_eq!((status, body.as_str()), (401, ""));
        assert!(challenge.starts_with(r#"Bearer error="invalid_token", error_description="The token"#), "{challenge}");
    }
    let good = access_token(&world, "ada", "Profile.Read").await;
    let twice = client().get(format!("{}/api/profile", api.url)).bearer_auth(&good).bearer_auth(&good);
    assert_eq!(twice.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(world.entra.journal().token_requests().grant("on_behalf_of").count(), 0);
    assert_eq!(call(&api, Some(&format!("bearer {good}"))).await.0, 200);
}

/// Checks whether one token opens the API, or is refused with these words. Entra does not exchange every forged token that
/// opens it: what comes after is not looked at.
async fn expect(api: &Node, token: &str, what: Result<(), &str>, of: &str) {
    let (status, challenge, body) = bearer(api, token).await;
    match what {
        Ok(()) => {
            let refused =
                matches!(status, 403 | 500 | 503) || challenge == "Bearer" || challenge.contains("invalid_token");
            assert!(!refused, "{of}: {status} {challenge} {body}");
        }
        Err(words) => {
            assert_eq!((status, body.as_str()), (401, ""), "{of}: {challenge}");
            assert!(
                challenge.starts_with("Bearer error=\"invalid_token\"") && challenge.contains(words),
                "{of}: {challenge}"
            );
        }
    }
}

/// H21
#[tokio::test]
async fn the_audience_as_text_as_list_and_as_nonsense() {
    let world = World::new().await;
    let (api, forge) = (world.web_api("").await, Forge::new(&world).await);
    let id = world.entra.app("contoso-api").client_id().to_owned();
    for good in [json!(id), json!([id]), json!(["other", id])] {
        expect(&api, &forge.v2(json!({ "aud": good })), Ok(()), &good.to_string()).await;
    }
    for bad in [
        json!([]),
        json!(7),
        json!([[id]]),
        json!(format!("{id},other")),
        json!("another"),
        json!(format!("api://{id}")),
    ] {
        expect(&api, &forge.v2(json!({ "aud": bad })), Err("The"), &bad.to_string()).await;
    }
    expect(&api, &forge.v2(json!({ "aud": null })), Err("The"), "missing").await;
}

/// H23
#[tokio::test]
async fn tokens_of_either_version() {
    let world = World::new().await;
    let (api, forge) = (world.web_api("").await, Forge::new(&world).await);
    let (url, tid) = (world.entra.url(), world.entra.tenant_id());
    let id = world.entra.app("contoso-api").client_id().to_owned();
    let v1 =
        |iss: String, aud: String| forge.v2(json!({ "ver": "1.0", "iss": iss, "aud": aud, "azp": null, "appid": id }));
    expect(&api, &forge.v2(json!({})), Ok(()), "v2").await;
    for aud in [format!("api://{id}"), format!("api://{id}/"), id.clone()] {
        expect(&api, &v1(format!("{url}/{tid}/"), aud.clone()), Ok(()), &aud).await;
    }
    expect(&api, &v1(format!("{url}/{tid}"), id.clone()), Err("issuer"), "no slash").await;
    let other = "22222222-dddd-4eee-8fff-000000000009";
    expect(&api, &v1(format!("{url}/{other}/"), id.clone()), Err("issuer"), "another tenant").await;
    expect(&api, &forge.v2(json!({ "iss": format!("{url}/{other}/v2.0"), "tid": other })), Err("issuer"), "tenant")
        .await;
    expect(&api, &forge.v2(json!({ "iss": "https://evil.example/v2.0" })), Err("issuer"), "host").await;
}

/// H27
#[tokio::test]
async fn tokens_that_grant_nothing_or_not_enough() {
    let world = World::new().await;
    let (api, forge) = (world.web_api("").await, Forge::new(&world).await);
    for nothing in [json!({ "scp": null }), json!({ "scp": "" }), json!({ "scp": null, "roles": [] })] {
        expect(&api, &forge.v2(nothing.clone()), Err("Neither scope nor roles"), &nothing.to_string()).await;
    }
    let app_only = forge.v2(json!({ "scp": null, "roles": ["Profile.Read"], "idtyp": "app" }));
    expect(&api, &app_only, Err("acts for an app"), "app-only").await;
    expect(&api, &forge.v2(json!({ "scp": null, "roles": ["Profile.Read"] })), Err("acts for an app"), "roles").await;
    for scp in ["Other.Read", "Profile.Rea", "profile.read.all", "Profile.ReadAll x"] {
        let answer = bearer(&api, &forge.v2(json!({ "scp": scp }))).await;
        assert_eq!(answer, (403, String::new(), String::new()), "{scp}");
    }
    expect(&api, &forge.v2(json!({ "scp": "Other.Read Profile.ReadWrite" })), Ok(()), "one of two").await;
    expect(&api, &forge.v2(json!({ "oid": null })), Err("names no user"), "no oid").await;
}

/// H29
#[tokio::test]
async fn clocks_that_disagree() {
    let world = World::new().await;
    let (api, forge) = (world.web_api("").await, Forge::new(&world).await);
    let now = world.entra.now();
    expect(&api, &forge.v2(json!({ "iat": now + 182, "nbf": now + 182 })), Ok(()), "three minutes ahead").await;
    expect(&api, &forge.v2(json!({ "nbf": now + 330 })), Err("clock"), "five and a half").await;
    expect(&api, &forge.v2(json!({ "exp": now - 270 })), Ok(()), "over since four and a half").await;
    expect(&api, &forge.v2(json!({ "exp": now - 310 })), Err("expired"), "over since more than five").await;
    expect(&api, &forge.v2(json!({ "exp": null })), Err("expiry"), "for ever").await;
}

#[tokio::test]
async fn tokens_for_somebody_else_or_signed_by_nobody() {
    let world = World::new().await;
    let (api, forge) = (world.web_api("").await, Forge::new(&world).await);
    // Real ones: for Graph, an ID token, an app's.
    let tokens = tokens::redeem(&world, "contoso-web", "ada", "openid profile offline_access User.Read").await;
    expect(&api, tokens["access_token"].as_str().unwrap(), Err("The"), "for Graph").await;
    expect(&api, tokens["id_token"].as_str().unwrap(), Err("Neither scope nor roles"), "an ID token").await;
    expect(&api, &tokens::app_only(&world).await, Err("The"), "an app's").await;
    let good = forge.v2(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    expect(&api, &format!("{signed}.{flipped}{}", &signature[1..]), Err("signature is invalid"), "changed").await;
    expect(&api, &format!("{signed}."), Err("The"), "no signature").await;
    expect(
        &api,
        &forge.sign(&json!({ "alg": "none", "kid": forge.kid }), &forge.claims(json!({}))),
        Err("The"),
        "none",
    )
    .await;
    let unknown = forge.sign(&json!({ "alg": "RS256", "kid": "unknown" }), &forge.claims(json!({})));
    expect(&api, &unknown, Err("signature key was not found"), "unknown key").await;
    assert_eq!(world.entra.journal().token_requests().grant("on_behalf_of").count(), 0);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_nobodys_fault() {
    let world = World::new().await;
    let api = world.web_api("").await;
    let token = access_token(&world, "ada", "Profile.Read").await;
    world.entra.set_outage(Some(Outage { status: 503, retry_after: None }));
    let (status, challenge, body) = bearer(&api, &token).await;
    assert_eq!((status, challenge.as_str()), (503, ""), "{body}");
    world.entra.set_outage(None);
    // A failure is shared for ten seconds, so that each caller does not ask again.
    world.advance(Duration::from_secs(10));
    assert_eq!(bearer(&api, &token).await.0, 200);
}

#[tokio::test]
async fn a_store_that_is_down_is_no_challenge() {
    let world = World::new().await;
    let api = world.web_api("").await;
    let token = access_token(&world, "ada", "Profile.Read").await;
    world.switches.fail();
    let (status, challenge, body) = bearer(&api, &token).await;
    assert_eq!((status, challenge.as_str()), (503, ""), "{body}");
    assert!(!body.contains("memory"), "{body}");
    world.switches.heal();
    assert_eq!(bearer(&api, &token).await.0, 200);
}

/// Entra wants to see her: her app is told so, and what was refused is not an error of the API.
#[tokio::test]
async fn a_caller_who_must_sign_in() {
    let world = World::new().await;
    let api = world.web_api("").await;
    let (ada, app) = (world.entra.user("ada"), world.entra.app("contoso-api"));
    let token = access_token(&world, "ada", "Profile.Read").await;
    world.entra.revoke_consent(&ada, &app);
    let (status, challenge, body) = bearer(&api, &token).await;
    assert_eq!(status, 401, "{body}");
    let start = format!(
        r#"Bearer realm="", authorization_uri="{}/oauth2/v2.0/authorize", client_id="{}", error=""#,
        world.entra.authority(),
        app.client_id()
    );
    assert!(challenge.starts_with(&start), "{challenge}");
    assert!(body.contains("AADSTS65001"), "{body}");
}

#[tokio::test]
async fn pages_of_configured_origins_only() {
    let world = World::new().await;
    let api = world.web_api(r#", "Cors": { "AllowedOrigins": ["http://localhost:3000"] }"#).await;
    let url = format!("{}/api/profile", api.url);
    let preflight = async |origin: &str| {
        let request = client().request("OPTIONS".parse().unwrap(), &url).header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        request.header("access-control-request-headers", "authorization").send().await.unwrap()
    };
    let of = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_ascii_lowercase()).unwrap_or_default()
    };
    let allowed = preflight("http://localhost:3000").await;
    assert_eq!(of(&allowed, "access-control-allow-origin"), "http://localhost:3000");
    assert!(of(&allowed, "access-control-allow-headers").contains("authorization"));
    assert_eq!(of(&allowed, "access-control-allow-credentials"), "");
    for other in ["http://localhost:3001", "https://localhost:3000", "http://evil.example", "null"] {
        assert_eq!(of(&preflight(other).await, "access-control-allow-origin"), "", "{other}");
    }
    let refused = client().get(&url).header("origin", "http://localhost:3000").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(of(&refused, "access-control-allow-origin"), "http://localhost:3000");
    assert!(of(&refused, "access-control-expose-headers").contains("www-authenticate"));
    let nobody = world.web_api("").await;
    let request = client().get(format!("{}/api/profile", nobody.url)).header("origin", "http://localhost:3000");
    assert_eq!(of(&request.send().await.unwrap(), "access-control-allow-origin"), "");
}

#[tokio::test]
async fn after_the_assertion_ended_the_grant_goes_on() {
    let world = World::new().await;
    let api = world.web_api("").await;
    let ada = world.entra.user("ada");
    let first = access_token(&world, "ada", "Profile.Read").await;
    assert_eq!(bearer(&api, &first).await.0, 200);
    world.advance(Duration::from_secs(3 * 3600));
    expect(&api, &first, Err("expired"), "the first assertion").await;
    let second = access_token(&world, "ada", "Profile.Read").await;
    assert_eq!(bearer(&api, &second).await.0, 200);
    let requests = world.entra.journal().token_requests().of(&ada).client(world.entra.app("contoso-api"));
    assert_eq!(requests.clone().grant("on_behalf_of").count(), 1);
    assert_eq!(requests.grant("refresh_token").count(), 1);
}

/// A guest's token names her as this tenant knows her, her grant as her home does: she is served all the same.
#[tokio::test]
async fn a_guest_has_one_grant_too() {
    let world = World::with_guest().await;
    let api = world.web_api("").await;
    let gus = world.entra.user("gus");
    for _ in 0..2 {
        let (status, challenge, body) = bearer(&api, &access_token(&world, "gus", "Profile.Read").await).await;
        assert_eq!(status, 200, "{challenge} {body}");
        assert!(body.contains("Gus of Fabrikam"), "{body}");
    }
    let restarted = world.web_api("").await;
    assert_eq!(bearer(&restarted, &access_token(&world, "gus", "Profile.Read").await).await.0, 200);
    assert_eq!(world.entra.journal().token_requests().grant("on_behalf_of").count(), 1);
    let accounts = api.client.accounts(&AccountQuery::default()).await.unwrap();
    assert_eq!(accounts.iter().map(|account| account.account_id.as_str()).collect::<Vec<_>>(), [gus.home_account_id()]);
    // Her process is still hers alone: under another's name it is refused.
    let ada = absentia::AccountId::parse(world.entra.user("ada").home_account_id()).unwrap();
    let stored = absentia::LongRunningKey::from_stored(accounts[0].grants[0].key.as_str().rsplit('/').next().unwrap());
    let refused = restarted.client.long_running_of(&ada, &stored).token("User.Read").await.unwrap_err();
    assert_eq!(refused.kind(), absentia::ErrorKind::Rejected);
}
