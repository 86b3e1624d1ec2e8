//! The refresh token grant: Entra's reuse rules, and all that ends a refresh token.

use std::time::Duration;

use absentia_emulator::Emulator;

use crate::world::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const SCOPE: &str = "openid profile offline_access User.Read";

#[tokio::test]
async fn each_redemption_gives_a_new_token_and_the_old_one_stays() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    let first = text(&tokens, "refresh_token");
    let second = ok(&refresh(&entra, first, Some(SCOPE)).await);
    let again = ok(&refresh(&entra, first, None).await);
    assert_ne!(text(&second, "refresh_token"), first);
    assert_ne!(text(&second, "refresh_token"), text(&again, "refresh_token"));
    assert_ne!(text(&second, "access_token"), text(&tokens, "access_token"));
    ok(&refresh(&entra, text(&second, "refresh_token"), Some("User.Read")).await);
    assert_eq!(claims(text(&second, "id_token"))["oid"], entra.user("ada").oid());
    assert!(claims(text(&second, "id_token"))["nonce"].is_null());
}

#[tokio::test]
async fn it_works_for_other_apis_once_consented() {
    let entra = Emulator::start().await;
    let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
    let tokens = web_tokens(&entra, &ada, SCOPE).await;
    let token = text(&tokens, "refresh_token");
    refused(&refresh(&entra, token, Some("Mail.Read")).await, 400, "invalid_grant", 65001, Some("consent_required"));
    entra.consent(&ada, &app, "Mail.Read");
    let body = ok(&refresh(&entra, token, Some("https://graph.microsoft.com/Mail.Read")).await);
    assert_eq!(
        body["scope"], "https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/User.Read openid profile",
        "everything consented, in the client's spelling"
    );
    assert!(body["id_token"].is_null());
    assert!(entra.revoke_consent(&ada, &app));
    refused(&refresh(&entra, token, None).await, 400, "invalid_grant", 65001, Some("consent_required"));
    assert!(!entra.revoke_consent(&ada, &app));
}

#[tokio::test]
async fn revocation_ends_those_before_and_not_those_after() {
    let entra = Emulator::start().await;
    let (ada, grace) = (entra.user("ada"), entra.user("grace"));
    let old = web_tokens(&entra, &ada, SCOPE).await;
    let others = web_tokens(&entra, &grace, SCOPE).await;
    let code = ada.sign_in(&entra.app("contoso-web"), WEB, SCOPE).await.unwrap();
    entra.revoke_sessions(&ada);
    let new = web_tokens(&entra, &ada, SCOPE).await;
    let answer = refresh(&entra, text(&old, "refresh_token"), Some(SCOPE)).await;
    refused(&answer, 400, "invalid_grant", 50173, Some("bad_token"));
    assert_eq!(answer.header("x-ms-clitelem"), Some("1,50173,0,,"));
    ok(&refresh(&entra, text(&new, "refresh_token"), Some(SCOPE)).await);
    ok(&refresh(&entra, text(&others, "refresh_token"), Some(SCOPE)).await);
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", WEB)];
    let answer = token_as(&entra, &entra.app("contoso-web"), &form).await;
    refused(&answer, 400, "invalid_grant", 50173, Some("bad_token"));
}

#[tokio::test]
async fn a_disabled_user_gets_nothing_until_enabled() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let tokens = web_tokens(&entra, &ada, SCOPE).await;
    entra.disable_user(&ada);
    refused(&refresh(&entra, text(&tokens, "refresh_token"), None).await, 400, "invalid_grant", 50057, None);
    assert_eq!(ada.sign_in(&entra.app("contoso-web"), WEB, SCOPE).await.unwrap_err().aadsts, 50057);
    assert_eq!(entra.journal().token_requests().of(&ada).refused_with(50057).count(), 1);
    entra.enable_user(&ada);
    ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);

    entra.delete_user(&ada);
    let answer = refresh(&entra, text(&tokens, "refresh_token"), None).await;
    refused(&answer, 400, "invalid_grant", 50034, Some("bad_token"));
    assert_eq!(ada.sign_in(&entra.app("contoso-web"), WEB, SCOPE).await.unwrap_err().aadsts, 50034);
}

#[tokio::test]
async fn ninety_days_without_use_end_it_and_use_extends_it() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    entra.advance(80 * DAY);
    let extended = ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    entra.advance(80 * DAY);
    let answer = refresh(&entra, text(&tokens, "refresh_token"), None).await;
    refused(&answer, 400, "invalid_grant", 700_082, Some("bad_token"));
    assert!(answer.body.contains("90.00:00:00"));
    ok(&refresh(&entra, text(&extended, "refresh_token"), None).await);
}

#[tokio::test]
async fn a_single_page_apps_token_ends_after_a_day_whatever_it_does() {
    let entra = Emulator::start().await;
    let tokens = spa_tokens(&entra, &entra.user("ada"), SCOPE).await;
    let redeem = async |refresh_token: &str| {
        let app = entra.app("contoso-spa");
        let form = [("grant_type", "refresh_token"), ("client_id", app.client_id()), ("refresh_token", refresh_token)];
        token(&entra, &form, &[("origin", SPA_ORIGIN)]).await
    };
    entra.advance(DAY / 2);
    let later = ok(&redeem(text(&tokens, "refresh_token")).await);
    let left = later["refresh_token_expires_in"].as_i64().unwrap();
    assert!((43190..=43200).contains(&left), "{left}");
    entra.advance(DAY / 2 + Duration::from_secs(1));
    refused(&redeem(text(&later, "refresh_token")).await, 400, "invalid_grant", 700_084, Some("bad_token"));
}

#[tokio::test]
async fn it_is_bound_to_its_client_and_must_be_ours() {
    let entra = Emulator::start().await;
    let spa = spa_tokens(&entra, &entra.user("ada"), SCOPE).await;
    let answer = refresh(&entra, text(&spa, "refresh_token"), None).await;
    refused(&answer, 400, "invalid_grant", 70000, Some("bad_token"));
    refused(&refresh(&entra, "1.AXgarbage", None).await, 400, "invalid_grant", 70000, Some("bad_token"));
}

#[tokio::test]
async fn an_app_that_is_its_own_api_asks_by_guid() {
    let entra = Emulator::start().await;
    let id = entra.app("contoso-web").client_id().to_owned();
    let by_uri = format!("api://{id}/Profile.Read offline_access");
    let tokens = web_tokens(&entra, &entra.user("ada"), &by_uri).await;
    let token = text(&tokens, "refresh_token");
    refused(&refresh(&entra, token, None).await, 400, "invalid_request", 90009, None);
    refused(&refresh(&entra, token, Some(&by_uri)).await, 400, "invalid_request", 90009, None);
    let body = ok(&refresh(&entra, token, Some(&format!("{id}/Profile.Read"))).await);
    assert_eq!(claims(text(&body, "access_token"))["aud"], id);
    assert_eq!(body["scope"], format!("{id}/Profile.Read"));
}

#[tokio::test]
async fn lifetimes_are_what_was_set() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    entra.set_token_lifetime(&ada, Duration::from_secs(1));
    let tokens = web_tokens(&entra, &ada, SCOPE).await;
    assert_eq!((tokens["expires_in"].as_i64(), tokens["refresh_in"].as_i64()), (Some(1), None));
    entra.set_token_lifetime(&ada, Duration::from_secs(7200));
    let longer = ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    assert_eq!((longer["expires_in"].as_i64(), longer["refresh_in"].as_i64()), (Some(7200), Some(3600)));
    let grace = web_tokens(&entra, &entra.user("grace"), SCOPE).await;
    assert!((3600..=5400).contains(&grace["expires_in"].as_i64().unwrap()));
    entra.set_token_lifetime(&ada, None);
    let random = ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    assert!((3600..=5400).contains(&random["expires_in"].as_i64().unwrap()));
}

#[tokio::test]
async fn capability_cp1_shows_in_graph_tokens_only_when_declared() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    assert!(claims(text(&tokens, "access_token"))["xms_cc"].is_null());
    let declared = r#"{"access_token":{"xms_cc":{"values":["CP1"]}},"id_token":{"login_hint":{"essential":false}}}"#;
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token")), ("claims", declared)];
    let body = ok(&token_as(&entra, &entra.app("contoso-web"), &form).await);
    assert_eq!(claims(text(&body, "access_token"))["xms_cc"], serde_json::json!(["cp1"]));
}

#[tokio::test]
async fn it_outlives_the_emulator_when_the_key_does() {
    let first = Emulator::start().await;
    let tokens = web_tokens(&first, &first.user("ada"), SCOPE).await;
    first.stop().await;
    let second = Emulator::start().await;
    let answer = refresh(&second, text(&tokens, "refresh_token"), None).await;
    // Known again, but what the user allowed was forgotten.
    refused(&answer, 400, "invalid_grant", 65001, Some("consent_required"));
}
