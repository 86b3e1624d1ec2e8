//! Sessions of the web app that are over: by a sign-out, on every node and for every copy of a cookie.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

mod common;

use std::time::Duration;

use absentia::store::AccountQuery;
use common::{Browser, World};

/// H55
#[tokio::test]
async fn a_copied_cookie_after_sign_out() {
    let world = World::new().await;
    let (app, other) = (world.web_app().await, world.web_app().await);
    let ada = world.entra.user("ada");
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    let on = |browser: &Browser, node: &str| {
        let mut copy = browser.clone();
        let jar = copy.cookies[&app.url].clone();
        copy.cookies.insert(node.to_owned(), jar);
        copy
    };
    let copy = on(&browser, &other.url);
    let mut second = Browser::new();
    second.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    assert!(copy.clone().get(&other.url).await.body.contains("Ada Lovelace"), "another node knows the session");

    browser.post(&format!("{}/sign-out", app.url), &[]).await;
    let accounts = app.client.accounts(&AccountQuery::default()).await.unwrap();
    assert!(accounts.iter().all(|account| account.grants.is_empty()), "{accounts:?}");
    let restarted = world.web_app().await;
    for node in [&app.url, &other.url, &restarted.url] {
        let page = on(&copy, node).get(node).await;
        assert!(page.body.contains("Welcome"), "{node}: {}", page.body);
    }
    assert!(second.get(&app.url).await.body.contains("Welcome"));
    // The old cookie does not end a later session either.
    let mut later = Browser::new();
    later.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    copy.clone().post(&format!("{}/sign-out", app.url), &[]).await;
    assert!(copy.clone().get(&app.url).await.body.contains("Welcome"));
    assert!(later.get(&app.url).await.body.contains("Ada Lovelace"));
}

#[tokio::test]
async fn another_site_cannot_sign_out() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &world.entra.user("ada")).await;
    let url = format!("{}/sign-out", app.url);
    for headers in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        [("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")],
        [("x-nothing", ""), ("origin", "https://evil.example")],
        [("x-nothing", ""), ("origin", "null")],
    ] {
        let page = browser.send("POST", &url, &[], &headers).await;
        assert_eq!(page.status, 403, "{headers:?}");
    }
    assert_eq!(browser.send("GET", &url, &[], &[]).await.status, 405);
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"));
    let own = browser.send("POST", &url, &[], &[("origin", &app.url)]).await;
    assert_eq!(own.status, 303);
}

/// The generation is remembered for longer than a session lives, or a cookie from before a sign-out would come back to life.
#[tokio::test]
async fn a_copied_cookie_after_the_tombstone_is_gone() {
    let world = World::new().await;
    let app = world.web_app().await;
    let ada = world.entra.user("ada");
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    let copy = browser.clone();
    browser.post(&format!("{}/sign-out", app.url), &[]).await;
    for days in [2, 11] {
        world.advance(Duration::from_secs(days * 24 * 3600));
        app.client.cache().sweep().await;
        Browser::new().sign_in(&format!("{}/sign-in", app.url), &ada).await;
        let page = copy.clone().get(&app.url).await;
        assert!(page.body.contains("Welcome"), "{}", page.body);
        let id = absentia::AccountId::parse(ada.home_account_id()).unwrap();
        app.client.sign_out(&id).await.unwrap();
    }
}
