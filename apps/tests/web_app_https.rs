//! The web app over https, as Microsoft.Identity.Web runs it: form_post, cookies with prefixes, sign-out by Entra.

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
use common::{Browser, Page, World};

/// Signs in up to Entra's page that posts the answer, which is not sent.
async fn up_to_post(browser: &mut Browser, start: &str, user: &absentia_emulator::UserHandle) -> Page {
    let login = browser.get(start).await;
    browser.log_in(login, user).await
}

#[tokio::test]
async fn entra_posts_its_answer_and_no_address_holds_the_code() {
    let world = World::https("localhost").await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = world.browser();
    let begun = browser.send("GET", &format!("{}/sign-in?return_url=/%3Fa%3Db", app.url), &[], &[]).await;
    let to = begun.location().unwrap();
    let of = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!((of("response_mode"), of("redirect_uri")), ("form_post".to_owned(), format!("{}/signin-oidc", app.url)));
    let page = up_to_post(&mut browser, to.as_str(), &ada).await;
    let (action, fields) = page.posts().unwrap();
    assert_eq!(action, format!("{}/signin-oidc", app.url));
    assert!(fields.iter().any(|(name, _)| name == "code"));
    let done = browser.post_back(&page, &action, &fields).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/?a=b"));
    let home = browser.follow(done).await;
    assert!(home.body.contains("Ada Lovelace"), "{}", home.body);
    // The same code in the address is not looked at, whoever asks.
    let mut url = url::Url::parse(&action).unwrap();
    url.query_pairs_mut().extend_pairs(&fields);
    assert_eq!(world.browser().get(url.as_str()).await.status, 400);
    let mut fresh = world.browser();
    let page = up_to_post(&mut fresh, &format!("{}/sign-in", app.url), &ada).await;
    let (action, fields) = page.posts().unwrap();
    let mut url = url::Url::parse(&action).unwrap();
    url.query_pairs_mut().extend_pairs(&fields);
    let again = fresh.send("GET", url.as_str(), &[], &[]).await;
    assert!(again.location().unwrap().path().ends_with("/authorize"), "it begins again");
    assert_eq!(world.token_requests(), 1);
    assert!(fresh.post_back(&page, &action, &fields).await.header("location") == "/");

    let out = browser.post(&format!("{}/sign-out", app.url), &[]).await;
    assert_eq!(out.url.as_str(), format!("{}/signout-callback-oidc", app.url));
    assert!(out.body.contains("You are signed out"), "{}", out.body);
}

#[tokio::test]
async fn cookies_have_the_prefix_and_what_it_demands() {
    let world = World::https("localhost").await;
    let app = world.web_app().await;
    let mut browser = world.browser();
    let begun = browser.send("GET", &format!("{}/sign-in", app.url), &[], &[]).await;
    let binding = begun.header("set-cookie");
    assert!(binding.starts_with("__Host-absentia-sign-in="), "{binding}");
    assert!(binding.ends_with("; Path=/; HttpOnly; SameSite=None; Max-Age=3600; Secure"), "{binding}");
    let page = up_to_post(&mut browser, begun.location().unwrap().as_str(), &world.entra.user("ada")).await;
    let (action, fields) = page.posts().unwrap();
    let done = browser.post_back(&page, &action, &fields).await;
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let [session, binding] = cookies.as_slice() else { panic!("{cookies:?}") };
    assert!(session.starts_with("__Host-absentia-session="), "{session}");
    assert!(session.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600; Secure"), "{session}");
    assert_eq!(*binding, "__Host-absentia-sign-in=; Path=/; HttpOnly; SameSite=None; Max-Age=0; Secure");
    assert!(session.len() < 400, "{}", session.len());
    let out = browser.send("POST", &format!("{}/sign-out", app.url), &[], &[("sec-fetch-site", "same-origin")]).await;
    for cookie in out.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-absentia-") && cookie.contains("=; Path=/;"), "{cookie}");
        assert!(cookie.contains("; Secure") && !cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
    }
    // A cookie without the prefix, which another host of the domain could have planted, is none of ours.
    let value = browser_session(session);
    let mut planted = world.browser();
    planted.cookies.entry(app.url.clone()).or_default().insert("absentia-session".to_owned(), value.to_owned());
    assert!(planted.get(&app.url).await.body.contains("Welcome"));
}

fn browser_session(set_cookie: &str) -> &str {
    set_cookie.split_once('=').unwrap().1.split(';').next().unwrap()
}

/// Whoever plants a session in a browser has none in it after a sign-in there: the handle is made anew.
#[tokio::test]
async fn a_sign_in_makes_a_new_session() {
    let world = World::https("localhost").await;
    let app = world.web_app().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let start = format!("{}/sign-in", app.url);
    let handle = |browser: &Browser| browser.cookies[&app.url]["__Host-absentia-session"].clone();
    let mut mallory = world.browser();
    mallory.sign_in(&start, &grace).await;
    let planted = handle(&mallory);
    let mut victim = world.browser();
    victim.cookies.entry(app.url.clone()).or_default().insert("__Host-absentia-session".to_owned(), planted.clone());
    let home = victim.sign_in(&start, &ada).await;
    assert!(home.body.contains("Ada Lovelace"), "{}", home.body);
    let first = handle(&victim);
    assert_ne!(first, planted);
    assert!(mallory.get(&app.url).await.body.contains("Grace Hopper"), "what was planted is still Grace's");
    // So it does for the same user, and for a text that is no session.
    victim.get(&start).await;
    assert_ne!(handle(&victim), first);
    let mut other = world.browser();
    other.cookies.entry(app.url.clone()).or_default().insert("__Host-absentia-session".to_owned(), "A".repeat(200));
    assert!(other.get(&app.url).await.body.contains("Welcome"));
    other.sign_in(&start, &ada).await;
    assert_ne!(handle(&other), "A".repeat(200));
}

/// Somebody else's answer, posted into this browser, signs nobody in.
#[tokio::test]
async fn an_answer_without_the_binding_is_refused() {
    let world = World::https("localhost").await;
    let app = world.web_app().await;
    let mut mallory = world.browser();
    let page =
        up_to_post(&mut mallory, &format!("{}/sign-in?return_url=/mail", app.url), &world.entra.user("grace")).await;
    let (action, fields) = page.posts().unwrap();
    let mut victim = world.browser();
    let refused = victim.post_back(&page, &action, &fields).await;
    let refused = victim.follow(refused).await;
    assert_eq!((refused.status.as_u16(), refused.url.path()), (400, "/signin-oidc"), "{}", refused.body);
    assert!(refused.url.query_pairs().all(|(name, _)| name == "state"), "{}", refused.url);
    assert!(victim.get(&app.url).await.body.contains("Welcome"));
    // Nor with a binding of her own, from a sign-in that she began.
    victim.get(&format!("{}/sign-in", app.url)).await;
    let refused = victim.post_back(&page, &action, &fields).await;
    let login = victim.follow(refused).await;
    assert!(login.body.contains("name=\"password\""), "{}", login.body);
    assert_eq!(world.token_requests(), 0);
    // Who is signed in already goes on to the page, as herself: the form came without her session, the next request has it.
    let mut ada = world.browser();
    ada.sign_in(&format!("{}/sign-in", app.url), &world.entra.user("ada")).await;
    let posted =
        ada.post_back(&page, &action, &[fields.as_slice(), &[("error".to_owned(), "x".to_owned())]].concat()).await;
    let posted = ada.send("GET", posted.location().unwrap().as_str(), &[], &[]).await;
    assert_eq!(posted.header("location"), "/mail");
    assert_eq!(world.token_requests(), 1);
    for nonsense in
        [vec![], vec![("code".to_owned(), "x".repeat(9000))], vec![("state".to_owned(), "x".repeat(70_000))]]
    {
        let status = world.browser().post_back(&page, &action, &nonsense).await.status.as_u16();
        assert_eq!(status, if nonsense.iter().any(|(_, value)| value.len() > 65_536) { 413 } else { 303 });
    }
}

/// Entra tells the app in a frame that she signed out, on another host, so without the app's cookie.
#[tokio::test]
async fn a_sign_out_at_entra_ends_the_session_here_without_its_cookie() {
    let world = World::https("127.0.0.1").await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let start = format!("{}/sign-in", app.url);
    let (mut browser, mut second) = (world.browser(), world.browser());
    assert!(browser.sign_in(&start, &ada).await.body.contains("Ada Lovelace"));
    assert!(second.sign_in(&start, &ada).await.body.contains("Ada Lovelace"));
    let copy = browser.clone();

    // She signs out at Entra itself, or in another app: this app hears of it in the frame alone.
    let out = browser.get(&format!("{}/oauth2/v2.0/logout", world.entra.authority())).await;
    let frames = out.frames();
    assert_eq!(frames.len(), 1, "{}", out.body);
    assert!(frames[0].starts_with(&format!("{}/signout-oidc?sid=", app.url)) && frames[0].contains("&iss="));

    // Another issuer's word does not count, nor a sid that nobody has.
    let mut wrong = url::Url::parse(&frames[0]).unwrap();
    let sid = wrong.query_pairs().find(|(name, _)| name == "sid").unwrap().1.into_owned();
    let iss = format!("{}/v2.0", world.entra.authority());
    for (sid, iss, status) in [(sid.as_str(), "https://evil.example", 200), ("a-guess", &iss, 200), ("", &iss, 400)] {
        wrong.query_pairs_mut().clear().append_pair("sid", sid).append_pair("iss", iss);
        assert_eq!(browser.frame(wrong.as_str()).await.status, status);
        assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"), "{wrong}");
    }

    let framed = browser.frame(&frames[0]).await;
    assert_eq!(framed.status, 200);
    let policy = framed.header("content-security-policy");
    assert!(policy.ends_with(&format!("frame-ancestors {}", world.entra.url())), "{policy}");
    assert_eq!(framed.header("x-frame-options"), "");
    assert!(framed.header("cache-control").contains("no-store"));
    assert!(framed.headers.get("set-cookie").is_none(), "the frame came without the cookie");
    assert!(browser.get(&app.url).await.body.contains("Welcome"));
    assert!(copy.clone().get(&app.url).await.body.contains("Welcome"), "so do copies");
    // Her other session goes on, and so does what acts for her in her absence.
    assert!(second.get(&app.url).await.body.contains("Ada Lovelace"));
    let accounts = app.client.accounts(&AccountQuery::default()).await.unwrap();
    assert_eq!(accounts[0].grants.len(), 1);
    // A new sign-in is another session at Entra.
    assert!(browser.sign_in(&start, &ada).await.body.contains("Ada Lovelace"));
    assert!(copy.clone().get(&app.url).await.body.contains("Welcome"));
}

/// Until the last cookie has ended, and not longer.
#[tokio::test]
async fn a_session_that_was_signed_out_is_remembered_as_long_as_its_cookies() {
    let world = World::https("127.0.0.1").await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = world.browser();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    let copy = browser.clone();
    let out = browser.get(&format!("{}/oauth2/v2.0/logout", world.entra.authority())).await;
    browser.frame(&out.frames()[0]).await;
    let sessions = || async {
        let scan = app.client.cache().backend().scan.clone().unwrap();
        let mut after = None;
        let mut keys = Vec::new();
        loop {
            let page = scan.scan(after.as_ref(), 100).await.unwrap();
            let Some(last) = page.last().cloned() else { return keys };
            keys.extend(page.into_iter().filter(|key| key.as_str().contains("/session/")));
            after = Some(last);
        }
    };
    for days in [1, 12] {
        world.advance(Duration::from_secs(days * 24 * 3600));
        app.client.cache().sweep().await;
        assert!(copy.clone().get(&app.url).await.body.contains("Welcome"));
        assert_eq!(sessions().await.len(), 1);
    }
    world.advance(Duration::from_secs(24 * 3600 + 301));
    app.client.cache().sweep().await;
    assert_eq!(sessions().await.len(), 0);
    assert!(copy.clone().get(&app.url).await.body.contains("Welcome"), "the cookie has ended");
}

/// A page that waited at Entra's while she signed out in another tab.
#[tokio::test]
async fn a_sign_in_does_not_outlive_the_sign_out_of_its_session() {
    let world = World::https("127.0.0.1").await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let start = format!("{}/sign-in", app.url);
    let mut browser = world.browser();
    browser.sign_in(&start, &ada).await;
    let waiting = browser.send("GET", &start, &[], &[]).await.location().unwrap();
    let waiting = browser.send("GET", waiting.as_str(), &[], &[]).await;
    let (action, fields) = waiting.posts().unwrap();
    let out = browser.clone().get(&format!("{}/oauth2/v2.0/logout", world.entra.authority())).await;
    browser.frame(&out.frames()[0]).await;
    let late = browser.post_back(&waiting, &action, &fields).await;
    assert_eq!(late.status, 400, "{}", late.body);
    assert!(late.body.contains("You are not signed in"), "{}", late.body);
    assert!(browser.get(&app.url).await.body.contains("Welcome"));
}

#[tokio::test]
async fn a_store_that_is_down_does_not_lose_a_sign_out_in_silence() {
    let world = World::https("127.0.0.1").await;
    let (app, ada) = (world.web_app().await, world.entra.user("ada"));
    let mut browser = world.browser();
    browser.sign_in(&format!("{}/sign-in", app.url), &ada).await;
    let out = browser.get(&format!("{}/oauth2/v2.0/logout", world.entra.authority())).await;
    world.switches.fail();
    assert_eq!(browser.frame(&out.frames()[0]).await.status, 503);
    world.switches.heal();
    assert!(browser.get(&app.url).await.body.contains("Ada Lovelace"));
    assert_eq!(browser.frame(&out.frames()[0]).await.status, 200);
    assert!(browser.get(&app.url).await.body.contains("Welcome"));
}

#[tokio::test]
async fn plain_http_at_the_https_port_is_told_so() {
    let world = World::https("localhost").await;
    let app = world.web_app().await;
    let answer = Browser::new().send("GET", &app.url.replace("https:", "http:"), &[], &[]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("https://"), "{}", answer.body);
}
