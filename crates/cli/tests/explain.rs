//! `absentia explain` of a user who signed in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

mod support;

use absentia::{Secret, SignInOptions};
use absentia_emulator::Emulator;

use crate::support::Folder;

const REDIRECT: &str = "http://localhost:44321/signin-oidc";
const ADA: &str = "ada@contoso.example";

/// Signs Ada in, in a process of her web app, and gives her access token.
async fn sign_in(entra: &Emulator, folder: &Folder) -> String {
    let (settings, scope) = (folder.settings(), "User.Read");
    let cache = settings.token_cache(&[absentia_sqlite::opener()]).await.unwrap();
    let client = settings.confidential_client().unwrap().cache(&cache).build().unwrap();
    let pending = client.begin_sign_in().unwrap();
    let url = client.sign_in_url(&pending, REDIRECT, scope, "state", &SignInOptions::default());
    let parameters: Vec<_> = url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
    let asked = &parameters.iter().find(|(name, _)| name == "scope").unwrap().1;
    let mut sign_in = entra.user("ada").sign_in(&entra.app("contoso-app"), REDIRECT, asked);
    for (name, value) in &parameters {
        if name == "nonce" || name.starts_with("code_challenge") {
            sign_in = sign_in.with(name, value);
        }
    }
    let code = Secret::new(sign_in.await.unwrap());
    let signed_in = client.complete_sign_in(&pending, &code, REDIRECT, scope).await.unwrap();
    signed_in.token.secret().expose().to_owned()
}

#[tokio::test]
async fn it_says_why_and_what_to_do_and_shows_no_secret() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-app");
    let folder = Folder::of(entra.url(), entra.tenant_id(), app.client_id(), app.secret());
    folder.text(&["store", "create"]);
    let id = entra.user("ada").home_account_id().to_owned();
    let explain = |who: &str, scope: &str| folder.text(&["explain", who, "--scope", scope]);
    let grant = |scope: &str| folder.json(&["explain", &id, "--scope", scope])["grants"][0].clone();

    let (code, error) = folder.failure(&["explain", ADA, "--scope", "User.Read"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("accounts list"), "{error}");
    assert_eq!(folder.failure(&["explain", ADA, "--scope", " "]).0, Some(2));
    assert_eq!(folder.failure(&["explain", ADA]).0, Some(2));
    let text = explain(&id, "User.Read");
    assert!(text.contains("own sign-in: miss") && text.contains("no row") && text.contains("signs in"), "{text}");

    let token = sign_in(&entra, &folder).await;
    let asked = entra.journal().token_requests().count();
    let text = explain(&ADA.to_ascii_uppercase(), "User.Read");
    assert!(text.starts_with(ADA) && text.contains("own sign-in: hit"), "{text}");
    assert!(text.contains("the stored token is served for") && text.contains("act for this user"), "{text}");
    assert!(!text.contains("next"), "nothing is to be done: {text}");
    let hit = grant("User.Read");
    assert_eq!((&hit["answer"], &hit["why"][0]["reason"]), (&"hit".into(), &"token-fresh".into()));
    assert_eq!((&hit["workers_act"], &hit["kind"]), (&true.into(), &"account".into()));
    let other = grant("Mail.Read");
    assert_eq!((&other["answer"], &other["why"][0]["reason"]), (&"refresh".into(), &"no-token-for-scope".into()));
    assert!(other["why"][0]["says"].as_str().unwrap().contains("User.Read"), "{other}");

    folder.text(&["accounts", "block", ADA]);
    let text = explain(ADA, "User.Read");
    assert!(text.contains("own sign-in: hit") && text.contains("do not act: an operator blocked"), "{text}");
    assert!(text.contains("next") && text.contains("accounts unblock"), "{text}");
    assert_eq!(grant("User.Read")["absence"]["reason"], "blocked");
    folder.text(&["accounts", "unblock", ADA]);

    // Another ring in the place of the right one.
    let (ring, aside) = (folder.0.path().join("tokens.db.keys"), folder.0.path().join("aside"));
    std::fs::rename(&ring, &aside).unwrap();
    folder.text(&["store", "create"]);
    let text = explain(ADA, "User.Read");
    assert!(text.contains("own sign-in: miss") && text.contains("Restore the key ring"), "{text}");
    std::fs::rename(&aside, &ring).unwrap();

    folder.text(&["accounts", "sign-out", ADA, "--yes"]);
    let text = explain(ADA, "User.Read");
    assert!(text.contains("own sign-in: miss") && text.contains("signed out"), "{text}");
    assert_eq!(text.matches("The user signs in").count(), 1, "each step is said once: {text}");

    assert_eq!(entra.journal().token_requests().count(), asked, "Entra is not asked");
    let said = folder.said();
    assert!(said.len() > 1_000 && !said.contains(&token) && !said.contains("eyJ"), "a token was shown");
    assert!(!said.contains(app.secret()), "the app's secret was shown");
}
