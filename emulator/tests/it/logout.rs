//! The end-session endpoint.

use absentia_emulator::Emulator;

use crate::http::Browser;
use crate::world::*;

async fn signed_in(entra: &Emulator) -> Browser {
    let (ada, app) = (entra.user("ada"), entra.app("contoso-web"));
    let mut browser = Browser::default();
    let page = browser.get(entra, &authorize(entra, "")).await;
    browser.submit(entra, &page, &[("username", ada.upn()), ("password", ada.password())]).await;
    entra.consent(&ada, &app, "openid User.Read");
    let graph = "https://graph.microsoft.com/openid";
    entra.consent(&ada, &app, graph);
    browser
}

fn authorize(entra: &Emulator, more: &str) -> String {
    let id = entra.app("contoso-web").client_id().to_owned();
    format!(
        "/{}/oauth2/v2.0/authorize?client_id={id}&response_type=code&redirect_uri={WEB}&scope=User.Read{more}",
        entra.tenant_id()
    )
}

#[tokio::test]
async fn signing_out_ends_the_session_and_goes_back_only_to_registered_addresses() {
    let entra = Emulator::start().await;
    let mut browser = signed_in(&entra).await;
    let cookie = browser.cookie.clone();
    assert!(browser.get(&entra, &authorize(&entra, "&prompt=none")).await.sent_back("code").is_some());
    let out = format!("/{}/oauth2/v2.0/logout", entra.tenant_id());
    let back = "http://localhost:44321/signout-callback-oidc";
    let answer = browser.get(&entra, &format!("{out}?post_logout_redirect_uri={back}&state=a%20b")).await;
    // The app has a sign-out address, which is loaded before the way back.
    assert!(answer.body.contains(&format!("href=\"{back}?state=a+b\"")), "{}", answer.body);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    // Also for whoever kept the cookie.
    browser.cookie = cookie;
    let silent = browser.get(&entra, &authorize(&entra, "&prompt=none")).await;
    assert_eq!(silent.sent_back("error").as_deref(), Some("login_required"));

    let stays = browser.get(&entra, &format!("{out}?post_logout_redirect_uri=https://evil.example/")).await;
    assert!(stays.header("location").is_none() && stays.body.contains("You signed out"));
}

#[tokio::test]
async fn a_revoked_session_has_to_sign_in_again() {
    let entra = Emulator::start().await;
    let mut browser = signed_in(&entra).await;
    entra.revoke_sessions(&entra.user("ada"));
    let silent = browser.get(&entra, &authorize(&entra, "&prompt=none")).await;
    assert_eq!(silent.sent_back("error").as_deref(), Some("login_required"));
    assert!(browser.get(&entra, &authorize(&entra, "")).await.body.contains("Sign in"));
}
