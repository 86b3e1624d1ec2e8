//! Admin consent, in both forms.

use absentia_emulator::{Directory, Emulator};
use serde_json::json;

use crate::http::{Answer, Browser, get};
use crate::world::*;

fn address(entra: &Emulator, form: &str, client: &str, redirect_uri: &str, more: &[(&str, &str)]) -> String {
    let app = entra.app(client);
    let pairs = [("client_id", app.client_id()), ("redirect_uri", redirect_uri), ("state", "a b")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(more).finish();
    format!("/{}/{form}adminconsent?{query}", entra.tenant_id())
}

/// Gives name and password.
async fn as_user(entra: &Emulator, browser: &mut Browser, page: &Answer, user: &str) -> Answer {
    let user = entra.user(user);
    browser.submit(entra, page, &[("username", user.upn()), ("password", user.password())]).await
}

/// What `.default` of the API gives an app-only token.
async fn roles(entra: &Emulator) -> serde_json::Value {
    let form = [("grant_type", "client_credentials"), ("scope", "https://graph.microsoft.com/.default")];
    let tokens = ok(&token_as(entra, &entra.app("contoso-api"), &form).await);
    claims(text(&tokens, "access_token"))["roles"].clone()
}

#[tokio::test]
async fn the_older_form_grants_everybody_all_that_is_listed_by_app_and_api() {
    let entra = Emulator::start().await;
    entra.revoke_admin_consent(&entra.app("contoso-api"));
    assert_eq!(roles(&entra).await, json!(null));
    let mut browser = Browser::default();
    let page = browser.get(&entra, &address(&entra, "", "contoso-spa", SPA, &[])).await;
    let page = as_user(&entra, &mut browser, &page, "grace").await;
    for shown in [
        "Review for your organization",
        "everybody in Contoso",
        "Read your profile in Contoso App",
        "used by Contoso App",
        "Sign you in and read your profile",
        "(without a user)",
    ] {
        assert!(page.body.contains(shown), "{shown} is not in {}", page.body);
    }
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert!(back.header("location").unwrap().starts_with(&format!("{SPA}?")));
    assert_eq!(back.sent_back("admin_consent").as_deref(), Some("True"));
    assert_eq!(back.sent_back("tenant").as_deref(), Some(entra.tenant_id()));
    assert_eq!(back.sent_back("state").as_deref(), Some("a b"));
    assert_eq!((back.sent_back("scope"), back.sent_back("code")), (None, None));

    // Nobody is asked: Ada signs in and the API acts for her at Graph.
    let api = entra.app("contoso-api").client_id().to_owned();
    let (ada, app) = (entra.user("ada"), entra.app("contoso-spa"));
    let mut hers = Browser::default();
    let query = format!(
        "client_id={}&response_type=code&redirect_uri={SPA}&scope=api://{api}/.default%20openid%20offline_access\
         &code_challenge={CHALLENGE}&code_challenge_method=S256",
        app.client_id()
    );
    let page = hers.get(&entra, &format!("/{}/oauth2/v2.0/authorize?{query}", entra.tenant_id())).await;
    let back = hers.submit(&entra, &page, &[("username", ada.upn()), ("password", ada.password())]).await;
    let code = back.sent_back("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", SPA),
        ("code_verifier", VERIFIER),
    ];
    let tokens = ok(&token(&entra, &form, &[("origin", SPA_ORIGIN)]).await);
    ok(&on_behalf_of(&entra, text(&tokens, "access_token"), "User.Read").await);
    assert_eq!(roles(&entra).await, json!(["User.Read.All"]));

    // It is shown, and what is taken back is gone.
    let page = get(&entra, "/", &[]).await.body;
    assert!(page.contains("Allowed by administrators") && page.contains("as itself"), "{page}");
    assert!(entra.revoke_admin_consent(&entra.app("contoso-api")));
    assert!(!entra.revoke_admin_consent(&entra.app("contoso-api")));
    assert_eq!(roles(&entra).await, json!(null));
    let answer = on_behalf_of(&entra, text(&tokens, "access_token"), "User.Read").await;
    refused(&answer, 400, "invalid_grant", 65001, Some("consent_required"));
}

#[tokio::test]
async fn the_newer_form_grants_what_is_named_and_says_so() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    let ask = |scope| address(&entra, "v2.0/", "contoso-web", WEB, &[("scope", scope)]);
    let scope = "openid https://graph.microsoft.com/User.Read.All Mail.Read";
    let page = browser.get(&entra, &ask(scope)).await;
    let page = as_user(&entra, &mut browser, &page, "grace").await;
    assert!(page.body.contains("(administrators)") && !page.body.contains("used by"), "{}", page.body);
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(
        back.sent_back("scope").as_deref(),
        Some("https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/User.Read.All openid")
    );
    assert_eq!(back.sent_back("admin_consent").as_deref(), Some("True"));
    let last = entra.journal().requests();
    assert_eq!(last.last().unwrap().user.as_ref().unwrap().upn, "grace@contoso.example");
    // What only an administrator may allow is hers now, and what was not named is not.
    let tokens = web_tokens(&entra, &entra.user("ada"), "openid User.Read.All").await;
    assert_eq!(claims(text(&tokens, "access_token"))["scp"], "Mail.Read User.Read.All openid");

    // Signed in already: straight to the page. `.default` is the client's list, and the API's that knows it.
    let api = entra.app("contoso-api").client_id().to_owned();
    let default = format!("api://{api}/.default");
    let more = [("scope", default.as_str())];
    let page = browser.get(&entra, &address(&entra, "v2.0/", "contoso-spa", SPA, &more)).await;
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(
        back.sent_back("scope").unwrap(),
        format!("api://{api}/Profile.Read api://{api}/Profile.ReadWrite https://graph.microsoft.com/User.Read")
    );

    for (scope, code) in [("", 900_144), ("User.Explode", 650_053), ("api://nothing/read", 500_011)] {
        let back = browser.get(&entra, &ask(scope)).await;
        let said = back.sent_back("error_description").unwrap();
        assert!(said.starts_with(&format!("AADSTS{code}: ")), "{scope}: {said}");
    }
}

#[tokio::test]
async fn declining_is_told_and_grants_nothing() {
    let entra = Emulator::start().await;
    for (form, error) in [("", "permission_denied"), ("v2.0/", "consent_required")] {
        let mut browser = Browser::default();
        let ask = address(&entra, form, "contoso-spa", SPA, &[("scope", "User.Read")]);
        let page = browser.get(&entra, &ask).await;
        let page = as_user(&entra, &mut browser, &page, "grace").await;
        let back = browser.submit(&entra, &page, &[("decision", "cancel")]).await;
        assert_eq!(back.sent_back("error").as_deref(), Some(error));
        assert!(back.sent_back("error_description").unwrap().starts_with("AADSTS65004: "));
        assert_eq!(back.sent_back("admin_consent").as_deref(), Some("True"));
        assert_eq!(back.sent_back("state").as_deref(), Some("a b"));
    }
    assert!(!entra.revoke_admin_consent(&entra.app("contoso-spa")));
}

#[tokio::test]
async fn only_administrators_may() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    let ask = address(&entra, "", "contoso-spa", SPA, &[]);
    let page = browser.get(&entra, &ask).await;
    let refused = as_user(&entra, &mut browser, &page, "ada").await;
    assert!(refused.status == 400 && refused.body.contains("AADSTS90093"), "{}", refused.body);
    // In a session that is not an administrator's she may say who else she is.
    let page = browser.get(&entra, &ask).await;
    assert!(page.body.contains("Ada Lovelace"), "{}", page.body);
    let page = browser.submit(&entra, &page, &[("account", "")]).await;
    let page = as_user(&entra, &mut browser, &page, "grace").await;
    assert!(page.body.contains("Review for your organization"));
    // The page of an administrator is worth nothing in another's session.
    let mut other = Browser::default();
    let login = other.get(&entra, &ask).await;
    as_user(&entra, &mut other, &login, "ada").await;
    let answer = other.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!entra.revoke_admin_consent(&entra.app("contoso-spa")));
    // An address that is not the app's gets nothing.
    let evil = address(&entra, "", "contoso-spa", "https://evil.example/", &[]);
    let answer = browser.get(&entra, &evil).await;
    assert!(answer.header("location").is_none() && answer.body.contains("AADSTS50011"), "{}", answer.body);
    let posted = crate::http::post(&entra, &ask, &[], &[]).await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn it_installs_an_app_of_another_tenant() {
    let mut directory = Directory::from_json(include_str!("two-tenants.json")).unwrap();
    directory.tenants[0].users[0].is_admin = true;
    let shared = &mut directory.tenants[1].applications[0];
    shared.required_resource_access = serde_json::from_value(json!([{
        "resourceAppId": "00000003-0000-0000-c000-000000000000",
        "resourceAccess": [{ "id": "User.Read.All", "type": "Role" }, { "id": "User.Read", "type": "Scope" }],
    }]))
    .unwrap();
    let entra = Emulator::builder().directory(directory).start().await.unwrap();
    let app = entra.app("shared");
    let form = [("grant_type", "client_credentials"), ("scope", "https://graph.microsoft.com/.default")];
    refused(&token_as(&entra, &app, &form).await, 400, "unauthorized_client", 700_016, None);

    // At the shared authority: the tenant is the administrator's own.
    let ask =
        format!("/organizations/adminconsent?client_id={}&redirect_uri=https://shared.example/cb", app.client_id());
    let mut browser = Browser::default();
    let page = browser.get(&entra, &ask).await;
    let page = as_user(&entra, &mut browser, &page, "zoe").await;
    let back = browser.submit(&entra, &page, &[("decision", "accept")]).await;
    assert_eq!(back.sent_back("tenant").as_deref(), Some(entra.tenant_id()));
    let tokens = ok(&token_as(&entra, &app, &form).await);
    assert_eq!(claims(text(&tokens, "access_token"))["roles"], json!(["User.Read.All"]));
}
