//! The client credentials grant.

use absentia_emulator::{Directory, Emulator};

use crate::http::post;
use crate::world::*;

const GRAPH: &str = "https://graph.microsoft.com/.default";

#[tokio::test]
async fn an_app_acts_for_itself_with_the_roles_it_was_granted() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-worker");
    // MSAL Go adds the other scopes, msal python `client_info`.
    let scope = format!("{GRAPH} openid offline_access profile");
    let form = [("grant_type", "client_credentials"), ("scope", &scope), ("client_info", "1")];
    let body = ok(&token_as(&entra, &app, &form).await);
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "ext_expires_in", "token_type"]);
    let access = claims(text(&body, "access_token"));
    assert_eq!(access["roles"], serde_json::json!(["User.Read.All"]));
    assert_eq!((&access["oid"], access["scp"].is_null(), &access["idtyp"]), (&access["sub"], true, &"app".into()));

    let own = format!("{}/.default", app.client_id());
    let body = ok(&token_as(&entra, &app, &[("grant_type", "client_credentials"), ("scope", &own)]).await);
    let access = claims(text(&body, "access_token"));
    assert_eq!((access["ver"].as_str(), access["azp"].as_str()), (Some("2.0"), Some(app.client_id())));
    assert!(access["roles"].is_null());
}

#[tokio::test]
async fn what_is_refused() {
    let entra = Emulator::start().await;
    let app = entra.app("contoso-worker");
    let ask =
        async |scope: &str| token_as(&entra, &app, &[("grant_type", "client_credentials"), ("scope", scope)]).await;
    refused(&ask("User.Read").await, 400, "invalid_scope", 1_002_012, None);
    refused(&ask("openid").await, 400, "invalid_scope", 1_002_012, None);
    refused(&ask("api://nothing/.default").await, 400, "invalid_resource", 500_011, None);
    let form = [("grant_type", "client_credentials"), ("client_id", app.client_id()), ("scope", GRAPH)];
    refused(&token(&entra, &form, &[]).await, 401, "invalid_client", 7_000_218, None);
    let wrong: Vec<_> = form.into_iter().chain([("client_secret", "wrong")]).collect();
    refused(&token(&entra, &wrong, &[]).await, 401, "invalid_client", 7_000_215, None);
    for segment in ["common", "organizations", "consumers"] {
        let answer = post(&entra, &format!("/{segment}/oauth2/v2.0/token"), &form, &[]).await;
        refused(&answer, 400, "invalid_request", 9_001_023, None);
    }
}

#[tokio::test]
async fn an_expired_secret_is_told_from_a_wrong_one() {
    let mut directory = Directory::built_in().unwrap();
    let secrets = &mut directory.tenants[0].applications[0].password_credentials;
    let mut old = secrets[0].clone();
    old.secret_text = "the old secret".to_owned();
    old.end_date_time = Some("2020-01-01T00:00:00Z".to_owned());
    secrets.push(old);
    let entra = Emulator::builder().directory(directory).start().await.unwrap();
    let app = entra.app("contoso-worker");
    let form = [("grant_type", "client_credentials"), ("client_id", app.client_id()), ("scope", GRAPH)];
    let with = |secret| form.into_iter().chain([("client_secret", secret)]).collect::<Vec<_>>();
    refused(&token(&entra, &with("the old secret"), &[]).await, 401, "invalid_client", 7_000_222, None);
    refused(&token(&entra, &with("neither"), &[]).await, 401, "invalid_client", 7_000_215, None);
    ok(&token(&entra, &with(app.secret()), &[]).await);
}
