//! Prompts, hints and response modes.

use absentia_emulator::Emulator;

use crate::http::{Browser, between};
use crate::world::*;

fn authorize(entra: &Emulator, more: &str) -> String {
    let id = entra.app("contoso-web").client_id().to_owned();
    format!(
        "/{}/oauth2/v2.0/authorize?client_id={id}&response_type=code&redirect_uri={WEB}&scope=User.Read{more}",
        entra.tenant_id()
    )
}

async fn sign_in(entra: &Emulator, browser: &mut Browser, user: &str) {
    let user = entra.user(user);
    let page = browser.get(entra, &authorize(entra, "&prompt=login")).await;
    let page = browser.submit(entra, &page, &[("username", user.upn()), ("password", user.password())]).await;
    assert!(browser.submit(entra, &page, &[("decision", "accept")]).await.sent_back("code").is_some());
}

#[tokio::test]
async fn prompts_and_hints_choose_the_page() {
    let entra = Emulator::start().await;
    let (ada, grace) = (entra.user("ada"), entra.user("grace"));
    let mut browser = Browser::default();
    let page = browser.get(&entra, &authorize(&entra, &format!("&login_hint={}", ada.upn()))).await;
    assert!(page.body.contains(&format!("value=\"{}\"", ada.upn())));
    sign_in(&entra, &mut browser, "ada").await;

    assert!(browser.get(&entra, &authorize(&entra, "&prompt=login")).await.body.contains("Password"));
    assert!(browser.get(&entra, &authorize(&entra, "&prompt=consent")).await.body.contains("Permissions requested"));
    assert!(browser.get(&entra, &authorize(&entra, "&prompt=select_account")).await.body.contains("Pick an account"));
    let other = browser.get(&entra, &authorize(&entra, &format!("&login_hint={}", grace.upn()))).await;
    assert!(other.body.contains("Password"), "a hint for somebody else asks for that one");

    sign_in(&entra, &mut browser, "grace").await;
    let silent = browser.get(&entra, &authorize(&entra, "&prompt=none")).await;
    assert_eq!(silent.sent_back("error").as_deref(), Some("interaction_required"));
    assert!(silent.sent_back("error_description").unwrap().starts_with("AADSTS16000: "));
    let hinted = browser.get(&entra, &authorize(&entra, &format!("&prompt=none&login_hint={}", ada.upn()))).await;
    assert!(hinted.sent_back("code").is_some());

    let page = browser.get(&entra, &authorize(&entra, "")).await;
    assert!(page.body.contains("Pick an account") && page.body.contains("Grace Hopper"));
    let back = browser.submit(&entra, &page, &[("account", grace.oid())]).await;
    let code = back.sent_back("code").unwrap();
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", WEB)];
    let body = ok(&token_as(&entra, &entra.app("contoso-web"), &form).await);
    assert_eq!(claims(text(&body, "access_token"))["oid"], grace.oid());
    let page = browser.submit(&entra, &page, &[("account", "")]).await;
    assert!(page.body.contains("Password"));
}

#[tokio::test]
async fn select_account_and_login_do_not_take_a_hint_for_an_answer() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    let mut browser = Browser::default();
    // Nobody is signed in: there is nothing to select from.
    let page = browser.get(&entra, &authorize(&entra, "&prompt=select_account")).await;
    assert!(page.body.contains("Password"));
    sign_in(&entra, &mut browser, "ada").await;
    let hinted = |prompt| authorize(&entra, &format!("&prompt={prompt}&login_hint={}", ada.upn()));
    let page = browser.get(&entra, &hinted("select_account")).await;
    assert!(page.body.contains("Pick an account"), "MSAL for .NET sends both");
    let page = browser.get(&entra, &hinted("login")).await;
    assert!(page.body.contains("Password") && page.body.contains(&format!("value=\"{}\"", ada.upn())));
    let page = browser.get(&entra, &hinted("consent")).await;
    assert!(page.body.contains("Permissions requested"), "although it was given before");
    // A word that means nothing here changes nothing.
    assert!(browser.get(&entra, &hinted("create")).await.sent_back("code").is_some());
}

#[tokio::test]
async fn a_domain_hint_leaves_the_accounts_of_that_domain() {
    let mut directory = absentia_emulator::Directory::built_in().unwrap();
    let two = absentia_emulator::Directory::from_json(include_str!("two-tenants.json")).unwrap();
    directory.tenants.extend(two.tenants);
    let entra = Emulator::builder().directory(directory).start().await.unwrap();
    let app = entra.app("shared");
    let ask = |more: &str| {
        let (id, uri) = (app.client_id(), "https://shared.example/cb");
        format!(
            "/organizations/oauth2/v2.0/authorize?client_id={id}&response_type=code&redirect_uri={uri}\
             &scope=User.Read{more}"
        )
    };
    let mut browser = Browser::default();
    for name in ["ada", "zoe"] {
        let user = entra.user(name);
        let page = browser.get(&entra, &ask("&prompt=login")).await;
        let page = browser.submit(&entra, &page, &[("username", user.upn()), ("password", user.password())]).await;
        assert!(browser.submit(&entra, &page, &[("decision", "accept")]).await.sent_back("code").is_some());
    }
    let mut silent = async |hint: &str| {
        let back = browser.get(&entra, &ask(&format!("&prompt=none&client_info=1&domain_hint={hint}"))).await;
        let error = back.sent_back("error");
        error.unwrap_or_else(|| back.sent_back("session_state").unwrap())
    };
    let (ada, zoe) = (silent("contoso.example").await, silent("HOME.example").await);
    assert_ne!(ada, zoe);
    assert!([&ada, &zoe].iter().all(|sid| sid.len() == 36), "{ada} {zoe}");
    assert_eq!(silent("organizations").await, "interaction_required");
    assert_eq!(silent("unknown.example").await, "interaction_required");
    assert_eq!(silent("consumers").await, "login_required");
    assert_eq!(silent(&format!("contoso.example&sid={zoe}")).await, "login_required");

    let page = browser.get(&entra, &ask("&domain_hint=home.example&prompt=login")).await;
    assert!(page.body.contains("placeholder=\"name@home.example\""), "{}", page.body);
    let page = browser.get(&entra, &ask("&domain_hint=%22%3E&prompt=login")).await;
    assert!(page.body.contains("placeholder=\"name@contoso.example\""), "{}", page.body);
}

#[tokio::test]
async fn a_form_post_carries_the_answer_and_runs_its_one_script() {
    let entra = Emulator::start().await;
    let mut browser = Browser::default();
    sign_in(&entra, &mut browser, "ada").await;
    let page = browser.get(&entra, &authorize(&entra, "&response_mode=form_post&state=%22%3E%3Cscript%3E")).await;
    assert_eq!(page.status, 200);
    assert_eq!(between(&page.body, "action=\"", "\""), WEB);
    assert!(page.body.contains("name=\"code\"") && page.body.contains("name=\"session_state\""));
    assert!(page.body.contains("&quot;&gt;&lt;script&gt;"), "{}", page.body);
    let script = between(&page.body, "<script>", "</script>");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
    use base64::Engine as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(digest);
    assert!(page.header("content-security-policy").unwrap().contains(&format!("'sha256-{hash}'")));
}

#[tokio::test]
async fn a_disabled_user_is_told_on_the_page() {
    let entra = Emulator::start().await;
    let ada = entra.user("ada");
    entra.disable_user(&ada);
    let mut browser = Browser::default();
    let page = browser.get(&entra, &authorize(&entra, "")).await;
    let page = browser.submit(&entra, &page, &[("username", ada.upn()), ("password", ada.password())]).await;
    assert!(page.body.contains("AADSTS50057"), "{}", page.body);
}

#[tokio::test]
async fn pages_for_people() {
    let entra = Emulator::start().await;
    let home = browser_get(&entra, "/").await;
    assert!(home.contains("Ada Lovelace") && home.contains(entra.app("contoso-spa").client_id()));
    for secret in entra.issued() {
        assert!(!home.contains(&secret.value), "{secret:?}");
    }
    assert!(browser_get(&entra, "/error?code=50173").await.contains("AADSTS50173"));
    assert!(browser_get(&entra, "/common/oauth2/nativeclient?code=x").await.contains("close this window"));
}

async fn browser_get(entra: &Emulator, path: &str) -> String {
    let answer = Browser::default().get(entra, path).await;
    assert_eq!(answer.status, 200);
    answer.body
}
