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
