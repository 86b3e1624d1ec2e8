//! Pages that ask for more: another permission, or a stronger sign-in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

mod common;

use common::{Browser, World};

/// What the authorization endpoint was asked for.
fn asked(world: &World) -> Vec<String> {
    let requests = world.entra.journal().requests();
    let authorize = requests.into_iter().filter(|entry| entry.method == "GET" && entry.path.ends_with("/authorize"));
    authorize.filter_map(|entry| entry.scope).collect()
}

#[tokio::test]
async fn a_page_asks_for_one_more_permission_and_she_comes_back_to_it() {
    let world = World::new().await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    assert!(asked(&world).iter().all(|scope| !scope.contains("Mail.Read")), "not before it is needed");
    let consent = browser.get(&format!("{}/mail?tab=2", app.url)).await;
    assert!(consent.body.contains("Read your mail") && !consent.body.contains("name=\"password\""), "{}", consent.body);
    assert!(!consent.body.contains("read your profile"), "what she allowed is not asked again: {}", consent.body);
    let back = browser.log_in(consent, &ada).await;
    let mail = browser.follow(back).await;
    assert_eq!((mail.url.path(), mail.url.query()), ("/mail", Some("tab=2")));
    assert!(mail.body.contains("A moth in relay 70") && mail.body.contains("Grace Hopper"), "{}", mail.body);
    let before = asked(&world).len();
    assert!(browser.get(&format!("{}/mail", app.url)).await.body.contains("A moth"));
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"), "and her profile is still there");
    assert_eq!(asked(&world).len(), before, "nobody is asked twice");
    // Who has no session signs in and consents in one go, and lands there too.
    let mut grace = Browser::new();
    let mail = grace.sign_in(&format!("{}/mail", app.url), &world.entra.user("grace")).await;
    let mail = if mail.url.path() == "/mail" {
        mail
    } else {
        let back = grace.log_in(mail, &world.entra.user("grace")).await;
        grace.follow(back).await
    };
    assert!(mail.body.contains("Re: A moth in relay 70"), "{}", mail.body);
}

#[tokio::test]
async fn a_permission_that_is_refused_leaves_her_where_she_was() {
    let world = World::new().await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    let consent = browser.get(&format!("{}/mail", app.url)).await;
    let refused = browser.decline(consent).await;
    let refused = browser.follow(refused).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("AADSTS65004"), "{}", refused.body);
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"), "she is still signed in");
}

/// Graph asks for an authentication context: the cached token is not enough, the refresh token neither, a sign-in is.
#[tokio::test]
async fn a_claims_challenge_steps_her_up_and_she_comes_back() {
    let world = World::new().await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    world.entra.require_context(&ada, Some("c1"));
    let begun = browser.send("GET", &format!("{}/?page=2", app.url), &[], &[]).await;
    let to = begun.location().unwrap();
    let claims = to.query_pairs().find(|(name, _)| name == "claims").unwrap().1.into_owned();
    let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
    let login = browser.follow(begun).await;
    assert!(login.body.contains("name=\"password\"") && login.body.contains(ada.upn()), "{}", login.body);
    let back = browser.log_in(login, &ada).await;
    let page = browser.follow(back).await;
    assert_eq!(page.url.query(), Some("page=2"));
    assert!(page.body.contains("Ada Lovelace"), "{}", page.body);
    let requests = world.token_requests();
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"));
    assert_eq!(world.token_requests(), requests, "the token with the claims is kept");
    // Another page with the same demand is served by what she gave.
    let mail = browser.get(&format!("{}/mail", app.url)).await;
    assert!(mail.body.contains("Read your mail"), "only the permission is missing: {}", mail.body);
    world.entra.require_context(&ada, None);
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"));
}
