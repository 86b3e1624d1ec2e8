//! The web app in front of the emulator, seen by browsers.

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
use absentia_emulator::Outage;
use common::{Browser, Page, World, client};

#[tokio::test]
async fn a_whole_sign_in_and_sign_out() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let welcome = browser.get(&app.url).await;
    assert_eq!(welcome.status, 200);
    assert!(welcome.body.contains("Sign in"), "{}", welcome.body);

    let home = browser.sign_in(&format!("{}/sign-in?return_url=/%3Fa%3Db", app.url), &world.entra.user("ada")).await;
    assert_eq!(home.url.as_str(), format!("{}/?a=b", app.url), "the code has left the address");
    for shown in ["Ada Lovelace", "ada@contoso.example", "Analytical Engines", "E-1815", "User.Read", "minutes"] {
        assert!(home.body.contains(shown), "{shown}: {}", home.body);
    }
    let secrets = world.entra.issued();
    assert!(secrets.iter().any(|secret| secret.kind == absentia_emulator::SecretKind::AccessToken));
    assert!(secrets.iter().all(|secret| !home.body.contains(secret.value.as_str())));
    assert_eq!(world.token_requests(), 1);

    let out = browser.post(&format!("{}/sign-out", app.url), &[]).await;
    assert_eq!(out.url.path(), "/signout-callback-oidc");
    assert!(out.body.contains("You are signed out"), "{}", out.body);
    assert!(browser.get(&app.url).await.body.contains("Welcome"));
}

/// Begins a sign-in and stops where Entra sends the browser back with a code.
async fn up_to_callback(browser: &mut Browser, world: &World, start: &str, user: &str) -> Page {
    let mut page = browser.send("GET", start, &[], &[]).await;
    loop {
        match page.location() {
            Some(next) if next.path() == "/signin-oidc" => return page,
            Some(next) => page = browser.send("GET", next.as_str(), &[], &[]).await,
            None => page = browser.log_in(page, &world.entra.user(user)).await,
        }
    }
}

#[tokio::test]
async fn what_every_page_says_to_browsers() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    for path in ["/", "/nowhere", "/signin-oidc", "/signout-callback-oidc"] {
        let page = browser.get(&format!("{}{path}", app.url)).await;
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains(world.entra.url()));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert!(!page.body.contains("<script") && !page.body.contains("style="), "{}", page.body);
    }
    assert_eq!(browser.get(&format!("{}/nowhere", app.url)).await.status, 404);
}

#[tokio::test]
async fn cookies_are_small_and_hidden_and_secure_behind_https() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let back = up_to_callback(&mut browser, &world, &format!("{}/sign-in", app.url), "ada").await;
    let done = browser.send("GET", back.location().unwrap().as_str(), &[], &[]).await;
    assert_eq!(done.status, 303);
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies.iter().all(|cookie| cookie.contains("; Path=/; HttpOnly; SameSite=Lax; ")), "{cookies:?}");
    assert!(cookies[0].starts_with("absentia-session=") && cookies[0].contains("Max-Age=1209600"));
    assert!(cookies[0].len() < 400 && !cookies[0].contains("Secure"));
    assert!(cookies[1].starts_with("absentia-sign-in=;") && cookies[1].contains("Max-Age=0"));

    let proxied = world.web_app_with(r#", "PublicUrl": "https://app.contoso.example""#).await;
    // As the proxy asks it: the browser's own connection is https.
    let begun = client().get(format!("{}/sign-in", proxied.url)).send().await.unwrap();
    let header = |name: &str| begun.headers()[name].to_str().unwrap().to_owned();
    let cookie = header("set-cookie");
    assert!(cookie.starts_with("__Host-absentia-sign-in="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=None; Max-Age=3600; Secure"), "{cookie}");
    let to = url::Url::parse(&header("location")).unwrap();
    let of = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!(of("redirect_uri"), "https://app.contoso.example/signin-oidc");
    assert_eq!(of("response_mode"), "form_post");
}

/// The state is bound to the browser: a code that somebody else obtained is not redeemed.
#[tokio::test]
async fn a_callback_belongs_to_the_browser_that_began() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut mallory = Browser::new();
    let back = up_to_callback(&mut mallory, &world, &format!("{}/sign-in", app.url), "grace").await;
    let callback = back.location().unwrap();

    // A browser that is doing nothing.
    let mut idle = Browser::new();
    let page = idle.get(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("Sign in"));
    // A browser that is signing in itself: it begins anew, and not as Grace.
    let mut ada = Browser::new();
    let _ = ada.get(&format!("{}/sign-in", app.url)).await;
    let login = ada.get(callback.as_str()).await;
    assert!(login.body.contains("password"), "{}", login.body);
    assert_eq!(world.token_requests(), 0);
    // A state that was changed is none.
    let url = callback.as_str().replace("state=", "state=A");
    assert_eq!(mallory.get(&url).await.status, 400);
    // A code beside another sign-in's state: Entra refuses it for the verifier.
    let second =
        up_to_callback(&mut mallory, &world, &format!("{}/sign-in", app.url), "grace").await.location().unwrap();
    let of = |url: &url::Url, key: &str| url.query_pairs().find(|(name, _)| name == key).unwrap().1.into_owned();
    let mut mixed = callback.clone();
    mixed
        .query_pairs_mut()
        .clear()
        .append_pair("code", &of(&callback, "code"))
        .append_pair("state", &of(&second, "state"));
    let page = mallory.get(mixed.as_str()).await;
    assert_eq!(page.status, 400, "{}", page.body);
    assert!(mallory.get(&app.url).await.body.contains("Welcome"));
    // And the sign-in that was begun still ends well in its own browser.
    assert!(mallory.get(second.as_str()).await.body.contains("Grace Hopper"));
}

#[tokio::test]
async fn the_nonce_is_that_of_this_sign_in() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    // On the way to Entra somebody changes the nonce: all else fits.
    let begun = browser.send("GET", &format!("{}/sign-in", app.url), &[], &[]).await.location().unwrap();
    let pairs: Vec<_> = begun
        .query_pairs()
        .map(|(name, value)| (name.to_string(), if name == "nonce" { "another".to_owned() } else { value.to_string() }))
        .collect();
    let mut changed = begun.clone();
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    let page = up_to_callback(&mut browser, &world, changed.as_str(), "ada").await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("You are not signed in"), "{}", page.body);
    assert_eq!(world.token_requests(), 1);
    assert!(browser.get(&app.url).await.body.contains("Welcome"));
    assert_eq!(app.client.accounts(&AccountQuery::default()).await.unwrap().len(), 0);
}

/// H51
#[tokio::test]
async fn thirty_tabs() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let mut tabs = Vec::new();
    for tab in 1..=30 {
        tabs.push(browser.get(&format!("{}/sign-in?return_url=/%3Ftab%3D{tab}", app.url)).await);
        let size: usize = browser.cookies[&app.url].iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        assert!(size < 200, "{size}");
    }
    world.advance(Duration::from_secs(25 * 60)); // a slow user
    let mut finish = async |tab: usize, browser: &mut Browser| {
        let page = std::mem::replace(&mut tabs[tab - 1], browser.get(&format!("{}/healthz", app.url)).await);
        let back = browser.log_in(page, &world.entra.user("ada")).await;
        browser.follow(back).await
    };
    let last = finish(30, &mut browser).await;
    assert_eq!(last.url.query(), Some("tab=30"), "{}", last.body);
    assert!(last.body.contains("Ada Lovelace"));
    assert_eq!(browser.cookies[&app.url].keys().collect::<Vec<_>>(), ["absentia-session"]);
    for tab in [15, 1] {
        let page = finish(tab, &mut browser).await;
        assert_eq!((page.status.as_u16(), page.url.query()), (200, Some(format!("tab={tab}").as_str())));
        assert!(page.body.contains("Ada Lovelace"));
    }
    assert_eq!(world.token_requests(), 1, "the older tabs redeemed nothing");
    // A tab from before, in a browser that signed out and is signing in again: it begins again with its own page.
    browser.post(&format!("{}/sign-out", app.url), &[]).await;
    let _ = browser.get(&format!("{}/sign-in", app.url)).await;
    let page = finish(2, &mut browser).await;
    let page = if page.url.origin().ascii_serialization() == app.url {
        page
    } else {
        let back = browser.log_in(page, &world.entra.user("ada")).await;
        browser.follow(back).await
    };
    assert_eq!(page.url.query(), Some("tab=2"), "{}", page.body);
    assert!(page.body.contains("Ada Lovelace"));
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_begins_again() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let back = up_to_callback(&mut browser, &world, &format!("{}/sign-in?return_url=/%3Fx", app.url), "ada").await;
    world.advance(Duration::from_secs(3601));
    let again = browser.send("GET", back.location().unwrap().as_str(), &[], &[]).await;
    assert_eq!(again.status, 303);
    assert!(again.location().unwrap().path().ends_with("/authorize"));
    assert_eq!(world.token_requests(), 0);
}

/// H53
#[tokio::test]
async fn the_callback_from_the_browsers_history() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let back = up_to_callback(&mut browser, &world, &format!("{}/sign-in", app.url), "ada").await;
    let callback = back.location().unwrap();
    let home = browser.follow(back).await;
    assert!(home.body.contains("Ada Lovelace"));
    let (code, _) = (callback.query_pairs().find(|(name, _)| name == "code").unwrap(), ());
    let base = format!("{}/signin-oidc", app.url);
    let mut hostile = url::Url::parse(&base).unwrap();
    hostile.query_pairs_mut().append_pair("error", "access_denied").append_pair("error_description", "<b>x</b>");
    let urls = [callback.to_string(), format!("{base}?code={}", code.1), hostile.to_string(), base.clone()];
    for url in &urls {
        let page = browser.get(url).await;
        assert_eq!((page.status.as_u16(), page.url.path(), page.url.query()), (200, "/", None), "{url}");
        assert!(page.body.contains("Ada Lovelace"));
        let page = Browser::new().get(url).await;
        assert_eq!(page.status, 400, "{url}");
        assert!(page.body.contains("href=\"/sign-in?return_url=%2F\""), "{}", page.body);
        assert!(!page.body.contains("<b>x"), "{}", page.body);
    }
    let posted = browser.send("POST", &base, &[("code", &code.1)], &[]).await;
    assert_eq!(
        (posted.status.as_u16(), posted.header("location")),
        (303, "/signin-oidc"),
        "over http it is looked at only"
    );
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn a_refusal_by_entra_is_shown_escaped() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let begun =
        browser.send("GET", &format!("{}/sign-in?return_url=/%3Fx", app.url), &[], &[]).await.location().unwrap();
    let state = begun.query_pairs().find(|(name, _)| name == "state").unwrap().1;
    let mut back = url::Url::parse(&format!("{}/signin-oidc", app.url)).unwrap();
    back.query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("error_description", "AADSTS65004: <b>x</b> \"&'")
        .append_pair("state", &state);
    let page = browser.get(back.as_str()).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("AADSTS65004: &lt;b&gt;x&lt;/b&gt; &quot;&amp;"), "{}", page.body);
    assert!(!page.body.contains("<b>"));
    assert!(page.body.contains("/sign-in?return_url=%2F%3Fx"));
    assert_eq!(world.token_requests(), 0);
}

#[tokio::test]
async fn return_urls_stay_in_this_app() {
    let world = World::new().await;
    let app = world.web_app().await;
    let ada = world.entra.user("ada");
    for bad in [
        "//evil.example/",
        "/%5Cevil.example",
        "https://evil.example/",
        "/%09/evil.example",
        "%2F%2Fevil.example",
        "/%2Fevil.example/",
        "///evil.example/",
        "%5C%5Cevil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "/%0d%0aX:y",
    ] {
        let page = Browser::new().sign_in(&format!("{}/sign-in?return_url={bad}", app.url), &ada).await;
        assert_eq!(page.url.as_str(), format!("{}/", app.url), "{bad}");
    }
}

/// Her session at Entra is over and her token is too old: she is sent to sign in, once, and comes back to the same page.
#[tokio::test]
async fn a_revoked_user_signs_in_again() {
    let world = World::new().await;
    let app = world.web_app().await;
    let ada = world.entra.user("ada");
    world.entra.set_token_lifetime(&ada, Duration::from_secs(600));
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    world.entra.revoke_sessions(&ada);
    let page = browser.get(&format!("{}/?page=2", app.url)).await;
    assert!(page.body.contains("Ada Lovelace"), "a token that is good is served on");
    world.advance(Duration::from_secs(601));
    let login = browser.get(&format!("{}/?page=2", app.url)).await;
    assert!(login.body.contains("password") && login.body.contains(ada.upn()), "her name is filled in: {}", login.body);
    let back = browser.log_in(login, &ada).await;
    let page = browser.follow(back).await;
    assert_eq!(page.url.query(), Some("page=2"));
    assert!(page.body.contains("Ada Lovelace"), "{}", page.body);
}

#[tokio::test]
async fn a_store_that_is_down_is_no_reason_to_sign_in() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    browser.sign_in(&format!("{}/sign-in", app.url), &world.entra.user("ada")).await;
    world.switches.fail();
    let page = browser.get(&app.url).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, "10"));
    assert!(page.body.contains("Try again") && !page.body.contains("Sign in"), "{}", page.body);
    assert_eq!(browser.get(&format!("{}/healthz", app.url)).await.status, 503);
    let out = browser.post(&format!("{}/sign-out", app.url), &[]).await;
    assert_eq!(out.status, 503);
    assert!(out.body.contains("You are not signed out yet"), "{}", out.body);
    world.switches.heal();
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"));
    // A sign-out that failed half-way is finished by the next.
    world.switches.fail_writes(absentia::store::ErrorKind::Unavailable);
    assert_eq!(browser.post(&format!("{}/sign-out", app.url), &[]).await.status, 503);
    world.switches.heal();
    assert!(browser.post(&format!("{}/sign-out", app.url), &[]).await.body.contains("You are signed out"));
    // A sign-in whose tokens cannot be stored says so.
    let back = up_to_callback(&mut browser, &world, &format!("{}/sign-in", app.url), "ada").await;
    world.switches.fail_writes(absentia::store::ErrorKind::Full);
    let page = browser.follow(back).await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("You are not signed in"), "{}", page.body);
}

#[tokio::test]
async fn entra_out_of_order_while_signing_in() {
    let world = World::new().await;
    let app = world.web_app().await;
    let mut browser = Browser::new();
    let back = up_to_callback(&mut browser, &world, &format!("{}/sign-in?return_url=/%3Fx", app.url), "ada").await;
    world.entra.set_outage(Some(Outage { status: 503, retry_after: Some(7) }));
    let page = browser.follow(back).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, "7"));
    assert!(page.body.contains("/sign-in?return_url=%2F%3Fx"), "{}", page.body);
    assert_eq!(world.token_requests(), 1, "a code is redeemed once");
}

/// H45
#[tokio::test]
async fn a_guest_is_known_by_her_home() {
    let world = World::with_guest().await;
    let app = world.web_app().await;
    let gus = world.entra.user("gus");
    let mut browser = Browser::new();
    let home = browser.sign_in(&format!("{}/sign-in", app.url), &gus).await;
    assert!(home.body.contains("Gus of Fabrikam"), "{}", home.body);
    let accounts = app.client.accounts(&AccountQuery::default()).await.unwrap();
    assert_eq!(accounts[0].account_id, gus.home_account_id());
    assert_eq!(accounts[0].tenant, world.entra.tenant_id());
    let restarted = world.web_app().await;
    let jar = browser.cookies[&app.url].clone();
    browser.cookies.insert(restarted.url.clone(), jar);
    let page = browser.send("GET", &restarted.url, &[], &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Gus of Fabrikam"));
    assert_eq!(world.token_requests(), 1);
}
