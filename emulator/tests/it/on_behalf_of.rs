//! The on-behalf-of grant.

use std::time::Duration;

use absentia_emulator::Emulator;

use crate::world::*;

async fn assertion(entra: &Emulator) -> String {
    let id = entra.app("contoso-api").client_id().to_owned();
    let tokens = spa_tokens(entra, &entra.user("ada"), &format!("api://{id}/.default openid offline_access")).await;
    text(&tokens, "access_token").to_owned()
}

#[tokio::test]
async fn the_api_acts_for_its_caller_and_keeps_a_refresh_token() {
    let entra = Emulator::start().await;
    let assertion = assertion(&entra).await;
    let ours = claims(&assertion);
    assert_eq!(ours["scp"], "Profile.Read Profile.ReadWrite");
    assert_eq!(ours["azp"], entra.app("contoso-spa").client_id());

    let plain = ok(&on_behalf_of(&entra, &assertion, "User.Read").await);
    assert!(plain["refresh_token"].is_null());
    let kept = ok(&on_behalf_of(&entra, &assertion, "User.Read offline_access openid profile").await);
    let access = claims(text(&kept, "access_token"));
    assert_eq!(access["appid"], entra.app("contoso-api").client_id());
    assert_eq!(access["oid"], entra.user("ada").oid());
    assert!(access["scp"].as_str().unwrap().contains("User.Read"));

    // It outlives the assertion.
    entra.advance(Duration::from_secs(2 * 3600));
    ok(&refresh(&entra, text(&kept, "refresh_token"), Some("User.Read")).await);
    assert_eq!(entra.journal().token_requests().grant("on_behalf_of").of(entra.user("ada")).count(), 2);

    entra.revoke_sessions(&entra.user("ada"));
    let answer = refresh(&entra, text(&kept, "refresh_token"), Some("User.Read")).await;
    refused(&answer, 400, "invalid_grant", 50173, Some("bad_token"));
}

#[tokio::test]
async fn each_way_an_assertion_can_be_wrong() {
    let entra = Emulator::start().await;
    let good = assertion(&entra).await;
    let api = entra.app("contoso-api");

    refused(&on_behalf_of(&entra, "no.jwt", "User.Read").await, 400, "invalid_request", 50027, None);
    refused(&on_behalf_of(&entra, &forged(&good), "User.Read").await, 400, "invalid_grant", 50013, None);

    let graph = web_tokens(&entra, &entra.user("ada"), "openid User.Read").await;
    let answer = on_behalf_of(&entra, text(&graph, "access_token"), "User.Read").await;
    refused(&answer, 400, "invalid_grant", 500_131, None);
    let answer = on_behalf_of(&entra, text(&graph, "id_token"), "User.Read").await;
    refused(&answer, 400, "invalid_grant", 240_002, None);

    let scope = format!("api://{}/.default", api.client_id());
    let app_only = ok(&token_as(&entra, &api, &[("grant_type", "client_credentials"), ("scope", &scope)]).await);
    let answer = on_behalf_of(&entra, text(&app_only, "access_token"), "User.Read").await;
    refused(&answer, 400, "invalid_grant", 50000, None);

    let answer = on_behalf_of(&entra, &good, "Mail.Read").await;
    refused(&answer, 400, "invalid_grant", 65001, Some("consent_required"));
    let two = format!("User.Read api://{}/Profile.Read", api.client_id());
    refused(&on_behalf_of(&entra, &good, &two).await, 400, "invalid_request", 28000, None);

    entra.disable_user(&entra.user("ada"));
    refused(&on_behalf_of(&entra, &good, "User.Read").await, 400, "invalid_grant", 50057, None);
    entra.enable_user(&entra.user("ada"));

    let left = claims(&good)["exp"].as_i64().unwrap() - entra.now();
    entra.advance(Duration::from_secs(u64::try_from(left).unwrap()));
    refused(&on_behalf_of(&entra, &good, "User.Read").await, 400, "invalid_grant", 500_133, None);
}

#[tokio::test]
async fn only_a_confidential_client_and_only_for_on_behalf_of() {
    let entra = Emulator::start().await;
    let good = assertion(&entra).await;
    let api = entra.app("contoso-api");
    let form = [("grant_type", OBO), ("assertion", &good), ("scope", "User.Read")];
    refused(&token_as(&entra, &api, &form).await, 400, "invalid_request", 900_144, None);
    let other: Vec<_> = form.into_iter().chain([("requested_token_use", "cheese")]).collect();
    refused(&token_as(&entra, &api, &other).await, 400, "invalid_request", 900_144, None);
    let public: Vec<_> =
        form.into_iter().chain([("client_id", api.client_id()), ("requested_token_use", "on_behalf_of")]).collect();
    refused(&token(&entra, &public, &[]).await, 401, "invalid_client", 7_000_218, None);
}
