//! The switches over HTTP.

use absentia_emulator::Emulator;
use serde_json::{Value, json};

use crate::http::{Answer, get, send};
use crate::world::*;

async fn switch(entra: &Emulator, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(entra, method, &format!("/_admin/{path}"), &[("content-type", "application/json")], &body).await
}

#[tokio::test]
async fn all_switches_do_what_the_methods_do() {
    let entra = Emulator::start().await;
    let scope = "openid offline_access User.Read";
    let tokens = web_tokens(&entra, &entra.user("ada"), scope).await;
    let token = text(&tokens, "refresh_token").to_owned();
    assert_eq!(ok(&get(&entra, "/_admin/health", &[]).await), json!({ "status": "ok" }));

    let lifetime = ok(&switch(&entra, "PUT", "users/ada/token-lifetime", &json!({ "seconds": 1 })).await);
    assert_eq!(lifetime["token_lifetime_seconds"], 1);
    assert_eq!(ok(&refresh(&entra, &token, None).await)["expires_in"], 1);
    ok(&switch(&entra, "PUT", "users/ada/token-lifetime", &json!({ "seconds": null })).await);
    assert_ne!(ok(&refresh(&entra, &token, None).await)["expires_in"], 1);

    assert_eq!(ok(&switch(&entra, "POST", "users/ada@contoso.example/disable", &Value::Null).await)["enabled"], false);
    refused(&refresh(&entra, &token, None).await, 400, "invalid_grant", 50057, None);
    ok(&switch(&entra, "POST", "users/ADA/enable", &Value::Null).await);

    let revoked = ok(&switch(&entra, "DELETE", "users/ada/consents/contoso-web", &Value::Null).await);
    assert_eq!(revoked, json!({ "revoked": true }));
    refused(&refresh(&entra, &token, None).await, 400, "invalid_grant", 65001, Some("consent_required"));

    let revoked = ok(&switch(&entra, "DELETE", "admin-consents/contoso-app", &Value::Null).await);
    assert_eq!(revoked, json!({ "revoked": true }), "the built-in directory grants it a role");
    assert_eq!(ok(&switch(&entra, "DELETE", "admin-consents/contoso-app", &Value::Null).await)["revoked"], false);

    ok(&switch(&entra, "POST", "users/ada/revoke-sessions", &Value::Null).await);
    refused(&refresh(&entra, &token, None).await, 400, "invalid_grant", 50173, Some("bad_token"));

    let before = ok(&get(&entra, "/_admin/clock", &[]).await);
    let after = ok(&switch(&entra, "POST", "clock/advance", &json!({ "seconds": 1000 })).await);
    assert_eq!(after["ahead_seconds"], 1000);
    assert!(after["now"].as_i64().unwrap() >= before["now"].as_i64().unwrap() + 1000);

    let state = ok(&switch(&entra, "PUT", "state", &json!({ "outage": { "status": 503, "retry_after": 5 } })).await);
    assert_eq!(state, json!({ "token_delay_ms": null, "outage": { "status": 503, "retry_after": 5 } }));
    ok(&switch(&entra, "PUT", "state", &json!({ "token_delay_ms": 1 })).await);
    assert_eq!(refresh(&entra, &token, None).await.status, 503, "what is not named stays");
    let state = ok(&switch(&entra, "PUT", "state", &json!({ "token_delay_ms": null, "outage": null })).await);
    assert_eq!(state, json!({ "token_delay_ms": null, "outage": null }));

    let journal = ok(&get(&entra, "/_admin/journal", &[]).await);
    let all = journal["requests"].as_array().unwrap().len();
    let later = ok(&get(&entra, "/_admin/journal?after=2", &[]).await);
    assert_eq!(later["requests"].as_array().unwrap().len(), all - 2);
    assert_eq!(later["requests"][0]["user"]["upn"], "ada@contoso.example");
    let issued = ok(&get(&entra, "/_admin/issued", &[]).await);
    assert!(
        issued["issued"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["kind"] == "refresh_token" && s["value"] == token.as_str())
    );
}

#[tokio::test]
async fn mistakes_are_named() {
    let entra = Emulator::builder().start().await.unwrap();
    let says = async |answer: Answer, status: u16, word: &str| {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(text(&answer.json(), "error").contains(word), "{}", answer.body);
    };
    says(switch(&entra, "POST", "users/nobody/disable", &Value::Null).await, 404, "nobody").await;
    says(switch(&entra, "POST", "users/ada/explode", &Value::Null).await, 404, "no such switch").await;
    says(switch(&entra, "PUT", "state", &json!({ "outrage": null })).await, 400, "outrage").await;
    says(switch(&entra, "PUT", "state", &json!({ "outage": { "status": 200 } })).await, 400, "200").await;
    says(switch(&entra, "PUT", "users/ada/token-lifetime", &json!({ "seconds": 0 })).await, 400, "1 or more").await;
    says(switch(&entra, "DELETE", "users/ada/consents/nothing", &Value::Null).await, 404, "nothing").await;
    says(switch(&entra, "DELETE", "admin-consents/nothing", &Value::Null).await, 404, "nothing").await;
    says(get(&entra, "/_admin/issued", &[]).await, 404, "--remember-issued").await;
    says(get(&entra, "/_admin/journal?after=x", &[]).await, 400, "after").await;
    let foreign = [("origin", "http://evil.example")];
    says(send(&entra, "POST", "/_admin/users/ada/disable", &foreign, "").await, 403, "origins").await;
    assert!(entra.issued().is_empty());
}

#[tokio::test]
async fn the_directory_is_shown_without_secrets() {
    let entra = Emulator::start().await;
    let answer = get(&entra, "/_admin/directory", &[]).await;
    let body = ok(&answer);
    assert_eq!(body["tenants"][0]["users"][0]["userPrincipalName"], "ada@contoso.example");
    for secret in entra.issued() {
        assert!(!answer.body.contains(&secret.value), "{secret:?} is shown");
    }
}
