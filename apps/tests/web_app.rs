//! The web app in front of the emulator, seen by browsers.

mod common;

use common::{Browser, World};

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
