//! Consent: incremental, combined, declined, and only for administrators.

use absentia_emulator::{Directory, Emulator};

use crate::http::{Answer, Browser};
use crate::world::*;

/// Signs in up to the page after the password.
async fn up_to_consent(entra: &Emulator, user: &str, client: &str, scope: &str) -> (Browser, Answer) {
    let (user, app) = (entra.user(user), entra.app(client));
    let pairs = [
        ("client_id", app.client_id()),
        ("response_type", "code"),
        ("response_mode", "fragment"),
        ("redirect_uri", SPA),
        ("scope", scope),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut browser = Browser::default();
    let page = browser.get(entra, &format!("/{}/oauth2/v2.0/authorize?{query}", entra.tenant_id())).await;
    let page = browser.submit(entra, &page, &[("username", user.upn()), ("password", user.password())]).await;
    (browser, page)
}

async fn redeem(entra: &Emulator, client: &str, back: &Answer) -> serde_json::Value {
    let (app, code) = (entra.app(client), back.sent_back("code").unwrap());
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", SPA),
        ("code_verifier", VERIFIER),
    ];
    ok(&token(entra, &form, &[("origin", SPA_ORIGIN)]).await)
}

/// The built-in directory with a second single-page app that the API does not know.
fn with_a_stranger() -> Directory {
    let mut directory = Directory::built_in().unwrap();
    let mut stranger = directory.tenants[0].applications[1].clone();
    stranger.app_id = "55555555-1234-4567-89ab-000000000005".to_owned();
    stranger.display_name = "Stranger".to_owned();
    stranger.names = vec!["stranger".to_owned()];
    directory.tenants[0].applications.push(stranger);
    directory
}

#[tokio::test]
async fn a_known_client_asking_default_consents_to_the_apis_own_permissions_too() {
    let entra = Emulator::start().await;
    let api = entra.app("contoso-api").client_id().to_owned();
    let (mut browser, page) =
        up_to_consent(&entra, "ada", "contoso-spa", &format!("api://{api}/.default openid")).await;
    assert!(page.body.contains("Read your profile in Contoso App"), "{}", page.body);
    assert!(page.body.contains("used by Contoso App") && page.body.contains("Sign you in and read your profile"));
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    let tokens = redeem(&entra, "contoso-spa", &back).await;
    assert_eq!(
        tokens["scope"],
        format!("openid api://{api}/Profile.Read api://{api}/Profile.ReadWrite api://{api}/.default")
    );
    ok(&on_behalf_of(&entra, text(&tokens, "access_token"), "User.Read").await);
}

#[tokio::test]
async fn without_default_or_unknown_to_the_api_the_second_part_is_missing() {
    let entra = Emulator::builder().directory(with_a_stranger()).start().await.unwrap();
    let api = entra.app("contoso-api").client_id().to_owned();
    for (client, scope) in [("contoso-spa", "Profile.Read"), ("stranger", ".default")] {
        let (mut browser, page) = up_to_consent(&entra, "ada", client, &format!("api://{api}/{scope}")).await;
        assert!(!page.body.contains("used by Contoso App"), "{}", page.body);
        let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
        let tokens = redeem(&entra, client, &back).await;
        let answer = on_behalf_of(&entra, text(&tokens, "access_token"), "User.Read").await;
        refused(&answer, 400, "invalid_grant", 65001, Some("consent_required"));
    }
}

#[tokio::test]
async fn declining_sends_the_app_an_error_and_grants_nothing() {
    let entra = Emulator::start().await;
    let (mut browser, page) = up_to_consent(&entra, "ada", "contoso-spa", "openid User.Read").await;
    let back = browser.submit(&entra, &page, &[("decision", "cancel")]).await;
    assert_eq!(back.sent_back("error").as_deref(), Some("access_denied"));
    assert!(back.sent_back("error_description").unwrap().starts_with("AADSTS65004: "));
    assert!(back.header("location").unwrap().starts_with(&format!("{SPA}#")));
    assert!(!entra.revoke_consent(&entra.user("ada"), &entra.app("contoso-spa")));
}

#[tokio::test]
async fn a_permission_for_administrators_stops_others() {
    let entra = Emulator::start().await;
    let (_, page) = up_to_consent(&entra, "ada", "contoso-spa", "openid User.Read.All").await;
    assert!(page.body.contains("AADSTS90094"), "{}", page.body);
    let (mut browser, page) = up_to_consent(&entra, "grace", "contoso-spa", "openid User.Read.All").await;
    assert!(page.body.contains("(administrators)"), "{}", page.body);
    assert!(browser.submit(&entra, &page, &[("decision", "accept")]).await.sent_back("code").is_some());
}

#[tokio::test]
async fn a_consent_page_is_worth_nothing_in_another_session() {
    let entra = Emulator::start().await;
    let (_, page) = up_to_consent(&entra, "ada", "contoso-spa", "openid User.Read").await;
    let (mut grace, _) = up_to_consent(&entra, "grace", "contoso-spa", "openid User.Read").await;
    let answer = grace.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(answer.status, 200, "grace is asked herself: {answer:?}");
    assert!(answer.body.contains(entra.user("grace").upn()));
    assert!(!entra.revoke_consent(&entra.user("ada"), &entra.app("contoso-spa")));
    // A changed request does not open at all.
    let changed = Answer { body: page.body.replace("name=\"flow\" value=\"", "name=\"flow\" value=\"A"), ..page };
    let answer = Browser::default().submit(&entra, &changed, &[("decision", "accept")]).await;
    assert!(answer.body.contains("AADSTS9002313"));
}

#[tokio::test]
async fn silence_without_consent_is_an_error() {
    let entra = Emulator::start().await;
    let (mut browser, _) = up_to_consent(&entra, "ada", "contoso-spa", "openid User.Read").await;
    let app = entra.app("contoso-spa");
    let query = format!(
        "client_id={}&response_type=code&redirect_uri={SPA}&scope=openid%20User.Read&prompt=none\
         &code_challenge={CHALLENGE}&code_challenge_method=S256",
        app.client_id()
    );
    let back = browser.get(&entra, &format!("/{}/oauth2/v2.0/authorize?{query}", entra.tenant_id())).await;
    assert_eq!(back.sent_back("error").as_deref(), Some("consent_required"));
    assert!(back.sent_back("error_description").unwrap().starts_with("AADSTS65001: "));
}
