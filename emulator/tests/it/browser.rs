//! What browsers see: several accounts in one session, signing out of apps, frames, and who may read what.

use absentia_emulator::Emulator;

use crate::http::{Answer, Browser, between, get, post, send};
use crate::world::*;

fn authorize(entra: &Emulator, app: &str, uri: &str, more: &str) -> String {
    let id = entra.app(app).client_id().to_owned();
    let tenant = entra.tenant_id();
    format!(
        "/{tenant}/oauth2/v2.0/authorize?client_id={id}&response_type=code&redirect_uri={uri}\
         &scope=openid%20profile%20User.Read&client_info=1{more}"
    )
}

fn web(entra: &Emulator, more: &str) -> String {
    authorize(entra, "contoso-web", WEB, more)
}

/// Signs a user in to the web app; the claims of the ID token.
async fn sign_in(entra: &Emulator, browser: &mut Browser, user: &str) -> serde_json::Value {
    let user = entra.user(user);
    let claims_asked = "%7B%22id_token%22%3A%7B%22login_hint%22%3A%7B%22essential%22%3Afalse%7D%7D%7D";
    let page = browser.get(entra, &web(entra, &format!("&prompt=login&claims={claims_asked}"))).await;
    let page = browser.submit(entra, &page, &[("username", user.upn()), ("password", user.password())]).await;
    // The second time everything is allowed already.
    let back = if page.status == 302 { page } else { browser.submit(entra, &page, &[("decision", "accept")]).await };
    let code = back.sent_back("code").unwrap();
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", WEB)];
    let body = ok(&token_as(entra, &entra.app("contoso-web"), &form).await);
    assert_eq!(back.sent_back("session_state").as_deref(), claims(text(&body, "id_token"))["sid"].as_str());
    let mut all = claims(text(&body, "id_token"));
    all["raw"] = body["id_token"].clone();
    all
}

fn of<'a>(claims: &'a serde_json::Value, name: &str) -> &'a str {
    text(claims, name)
}

fn logout(entra: &Emulator, more: &str) -> String {
    format!("/{}/oauth2/v2.0/logout?x=1{more}", entra.tenant_id())
}

#[tokio::test]
async fn sid_and_hints_choose_among_accounts_that_do_not_mix() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    let ada = sign_in(&entra, &mut browser, "ada").await;
    let grace = sign_in(&entra, &mut browser, "grace").await;
    assert_ne!(ada["sid"], grace["sid"]);
    assert_ne!(ada["login_hint"], grace["login_hint"]);
    assert!(of(&ada, "login_hint").starts_with("O.") && !of(&ada, "login_hint").contains("contoso"));

    let who = async |browser: &mut Browser, more: &str| {
        let back = browser.get(&entra, &web(&entra, &format!("&prompt=none{more}"))).await;
        let Some(code) = back.sent_back("code") else { return back.sent_back("error").unwrap() };
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", WEB)];
        let body = ok(&token_as(&entra, &entra.app("contoso-web"), &form).await);
        of(&claims(text(&body, "id_token")), "preferred_username").to_owned()
    };
    assert_eq!(who(&mut browser, "").await, "interaction_required");
    assert_eq!(who(&mut browser, &format!("&sid={}", of(&ada, "sid"))).await, "ada@contoso.example");
    assert_eq!(who(&mut browser, &format!("&login_hint={}", of(&grace, "login_hint"))).await, "grace@contoso.example");
    assert_eq!(who(&mut browser, "&login_hint=ADA@contoso.example").await, "ada@contoso.example");
    assert_eq!(who(&mut browser, "&sid=00000000-0000-0000-0000-000000000000").await, "login_required");
    assert_eq!(who(&mut browser, "&login_hint=alan@contoso.example").await, "login_required");
    assert_eq!(who(&mut browser, "&login_hint=O.nonsense").await, "login_required");

    let pick = browser.get(&entra, &web(&entra, "&prompt=select_account")).await;
    assert!(pick.body.contains("Ada Lovelace") && pick.body.contains("Grace Hopper"));
    // An account keeps its sid when the password is asked for again.
    assert_eq!(sign_in(&entra, &mut browser, "ada").await["sid"], ada["sid"]);
    // An opaque hint is shown to nobody.
    let page = Browser::default().get(&entra, &web(&entra, &format!("&login_hint={}", of(&ada, "login_hint")))).await;
    assert!(page.body.contains("value=\"ada@contoso.example\"") && !page.body.contains(of(&ada, "login_hint")));
}

#[tokio::test]
async fn signing_out_tells_every_app_with_sid_and_issuer() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    let ada = sign_in(&entra, &mut browser, "ada").await;
    let back = "http://localhost:44321/signout-callback-oidc";
    let page = browser.get(&entra, &logout(&entra, &format!("&post_logout_redirect_uri={back}&state=7"))).await;
    assert_eq!(page.status, 200);
    let frame = between(&page.body, "<iframe src=\"", "\"").replace("&amp;", "&");
    let url = url::Url::parse(&frame).unwrap();
    assert_eq!(url.as_str().split('?').next(), Some("https://localhost:44321/signout-oidc"));
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let issuer = format!("{}/v2.0", entra.authority());
    assert_eq!(pairs, [("sid".to_owned(), of(&ada, "sid").to_owned()), ("iss".to_owned(), issuer)]);
    assert_eq!(ada["iss"], pairs[1].1);
    assert_eq!(between(&page.body, "<a class=\"button\" id=\"back\" href=\"", "\""), format!("{back}?state=7"));
    // The policy lets the frame and the script be.
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.ends_with("frame-src https://localhost:44321"), "{policy}");
    let script = between(&page.body, "<script>", "</script>");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
    use base64::Engine as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(digest);
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy} does not allow {hash}");
    assert!(page.header("set-cookie").unwrap().contains("Max-Age=0"));
    // Once: nobody is signed in any more.
    let again = browser.get(&entra, &logout(&entra, &format!("&post_logout_redirect_uri={back}"))).await;
    assert_eq!(again.header("location"), Some(back));
}

#[tokio::test]
async fn one_of_several_is_signed_out_by_hint_by_token_or_by_choice() {
    let entra = Emulator::start().await;
    let hints: [fn(&serde_json::Value) -> String; 3] = [
        |ada| format!("&logout_hint={}", of(ada, "login_hint")),
        |_| "&logout_hint=ada@contoso.example".to_owned(),
        |ada| format!("&id_token_hint={}", of(ada, "raw")),
    ];
    for hint in hints {
        let mut browser = Browser::default();
        let ada = sign_in(&entra, &mut browser, "ada").await;
        let grace = sign_in(&entra, &mut browser, "grace").await;
        let page = browser.get(&entra, &logout(&entra, &hint(&ada))).await;
        assert!(page.body.contains(of(&ada, "sid")) && !page.body.contains(of(&grace, "sid")), "{}", page.body);
        assert!(page.header("set-cookie").is_none(), "Grace stays");
        let silent = browser.get(&entra, &web(&entra, "&prompt=none")).await;
        assert_eq!(silent.sent_back("session_state").as_deref(), Some(of(&grace, "sid")));
    }

    let mut browser = Browser::default();
    let ada = sign_in(&entra, &mut browser, "ada").await;
    sign_in(&entra, &mut browser, "grace").await;
    // Neither a forged token nor one of another browser is a hint.
    let forged = forged(of(&ada, "raw"));
    let page = browser.get(&entra, &logout(&entra, &format!("&id_token_hint={forged}"))).await;
    assert!(page.body.contains("Which account") && page.body.contains("Grace Hopper"), "{}", page.body);
    let out = browser.submit(&entra, &page, &[("account", of(&ada, "sid"))]).await;
    assert!(out.body.contains(of(&ada, "sid")));
    sign_in(&entra, &mut browser, "ada").await;
    let page = browser.get(&entra, &logout(&entra, "")).await;
    let out = browser.submit(&entra, &page, &[("account", "")]).await;
    assert_eq!(out.body.matches("<iframe").count(), 2);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
}

fn framed(answer: &Answer) -> bool {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    answer.header("x-frame-options").is_none() && !policy.contains("frame-ancestors")
}

#[tokio::test]
async fn silent_answers_may_be_framed_and_pages_may_not() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    let spa = |more: &str| {
        let challenge = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256&response_mode=fragment");
        authorize(&entra, "contoso-spa", SPA, &format!("{challenge}{more}"))
    };
    let nobody = browser.get(&entra, &spa("&prompt=none")).await;
    assert_eq!((nobody.status, nobody.sent_back("error").as_deref()), (302, Some("login_required")));
    assert!(framed(&nobody));
    assert!(!framed(&browser.get(&entra, &spa("")).await), "the login page is shown in no frame");
    sign_in(&entra, &mut browser, "ada").await;
    let consent = browser.get(&entra, &spa("&prompt=none")).await;
    assert_eq!(consent.sent_back("error").as_deref(), Some("consent_required"));
    entra.consent(&entra.user("ada"), &entra.app("contoso-spa"), "User.Read openid profile");
    let graph = "https://graph.microsoft.com/openid https://graph.microsoft.com/profile";
    entra.consent(&entra.user("ada"), &entra.app("contoso-spa"), graph);
    let back = browser.get(&entra, &spa("&prompt=none")).await;
    assert!(framed(&back));
    assert!(back.header("location").unwrap().starts_with(&format!("{SPA}#code=")), "{back:?}");
    let posted = browser.get(&entra, &web(&entra, "&prompt=none&response_mode=form_post")).await;
    assert!(posted.status == 200 && framed(&posted));
}

#[tokio::test]
async fn pages_of_other_origins_read_what_they_may_at_entra() {
    let entra = Emulator::start().await;
    let tenant = entra.tenant_id().to_owned();
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let anybody = [("origin", "https://anybody.example")];
    for path in [
        format!("/{tenant}/v2.0/.well-known/openid-configuration"),
        "/nobody.example/v2.0/.well-known/openid-configuration".to_owned(),
        format!("/{tenant}/discovery/v2.0/keys"),
        format!("/common/discovery/instance?authorization_endpoint={}/common/oauth2/v2.0/authorize", entra.url()),
        "/common/discovery/instance".to_owned(),
    ] {
        assert_eq!(allowed(&get(&entra, &path, &anybody).await).as_deref(), Some("*"), "{path}");
    }
    for path in [web(&entra, ""), logout(&entra, ""), "/".to_owned()] {
        assert_eq!(allowed(&get(&entra, &path, &anybody).await), None, "{path}");
    }

    let endpoint = format!("/{tenant}/oauth2/v2.0/token");
    let spa = [("client_id", entra.app("contoso-spa").client_id().to_owned())];
    let form: Vec<(&str, &str)> = spa
        .iter()
        .map(|(n, v)| (*n, v.as_str()))
        .chain([("grant_type", "refresh_token"), ("refresh_token", "x")])
        .collect();
    let at = async |form: &[(&str, &str)], origin: &str| post(&entra, &endpoint, form, &[("origin", origin)]).await;
    let answer = at(&form, SPA_ORIGIN).await;
    assert!(answer.status == 400 && allowed(&answer).as_deref() == Some(SPA_ORIGIN), "errors can be read too");
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(allowed(&at(&form, "https://anybody.example").await), None);
    let id = entra.app("contoso-web").client_id().to_owned();
    let web_form = [("client_id", id.as_str()), ("grant_type", "refresh_token"), ("refresh_token", "x")];
    assert_eq!(allowed(&at(&web_form, SPA_ORIGIN).await), None, "not a single-page app");
}

#[tokio::test]
async fn the_page_for_people_shows_and_switches() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let mut browser = Browser::default();
    sign_in(&entra, &mut browser, "ada").await;
    let before = entra.journal().requests().count();
    let page = get(&entra, "/", &[]).await;
    assert!(page.body.contains("Ada Lovelace") && page.body.contains("Take back what Ada"), "{}", page.body);
    let live = get(&entra, "/_emulator/live", &[]).await.body;
    assert!(
        live.contains("http-equiv=\"refresh\"") && live.contains("/oauth2/v2.0/token") && live.contains("Ada Lovelace")
    );
    assert!(!get(&entra, "/_emulator/live?paused", &[]).await.body.contains("http-equiv"));
    for secret in entra.issued() {
        assert!(!page.body.contains(&secret.value) && !live.contains(&secret.value), "{secret:?}");
    }
    assert_eq!(entra.journal().requests().count(), before, "looking changes nothing");

    let press = async |what: &str, more: &[(&str, &str)], origin: &str| {
        let form: Vec<_> = [("switch", what), ("user", ada.oid())].into_iter().chain(more.iter().copied()).collect();
        post(&entra, "/_emulator", &form, &[("origin", origin)]).await.status
    };
    let here = entra.url();
    for foreign in ["http://evil.example", "null", "http://localhost:1", &here.replace("http:", "https:")] {
        assert_eq!(press("disable", &[], foreign).await, 403, "{foreign}");
    }
    let form = [("switch", "disable"), ("user", ada.oid())];
    assert_eq!(post(&entra, "/_emulator", &form, &[]).await.status, 403, "without an origin");
    assert_eq!(send(&entra, "PUT", "/_emulator", &[("origin", here)], "").await.status, 404);
    let app = entra.app("contoso-web");
    ada.sign_in(&app, WEB, "User.Read").await.unwrap();

    assert_eq!(press("disable", &[], here).await, 303);
    assert_eq!(ada.sign_in(&app, WEB, "User.Read").await.unwrap_err().aadsts, 50057);
    assert!(get(&entra, "/", &[]).await.body.contains(">disabled<"));
    assert_eq!(press("enable", &[], &here.replace("localhost", "127.0.0.1")).await, 303);
    assert_eq!(press("revoke-consent", &[("client", app.client_id())], here).await, 303);
    assert!(!get(&entra, "/", &[]).await.body.contains("Take back what Ada"));
    assert_eq!(press("revoke-admin-consent", &[("client", app.client_id())], here).await, 303);
    assert!(!get(&entra, "/", &[]).await.body.contains("Take back"));
    assert_eq!(press("revoke-sessions", &[], here).await, 303);
    assert!(get(&entra, "/_emulator/live", &[]).await.body.contains(">revoked<"));
    let now = entra.now();
    assert_eq!(press("clock", &[("seconds", "3600")], here).await, 303);
    assert!(entra.now() >= now + 3600 && get(&entra, "/", &[]).await.body.contains("1 h 0 min ahead"));
    assert_eq!(press("outage", &[], here).await, 303);
    assert_eq!(get(&entra, &web(&entra, ""), &[]).await.status, 503);
    assert_eq!(press("no-outage", &[], here).await, 303);
    assert_eq!(press("explode", &[], here).await, 400);
    assert_eq!(press("clock", &[("seconds", "x")], here).await, 400);
}
