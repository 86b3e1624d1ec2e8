//! Directories of one's own: several tenants, guests, apps of other tenants.

use absentia_emulator::{Directory, Emulator};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::http::post;
use crate::world::*;

const HOME: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const HOST: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const ZOE_AT_HOME: &str = "aaaaaaaa-0000-4000-8000-000000000011";
const ZOE_AS_GUEST: &str = "bbbbbbbb-0000-4000-8000-000000000012";
const APP: &str = "cccccccc-0000-4000-8000-000000000003";

fn two_tenants() -> Directory {
    Directory::from_json(include_str!("two-tenants.json")).unwrap()
}

#[tokio::test]
async fn a_guest_is_somebody_else_in_the_other_tenant_with_one_account_id() {
    let entra = Emulator::builder().directory(two_tenants()).start().await.unwrap();
    let (zoe, app) = (entra.user("zoe"), entra.app("shared"));
    let redirect = "https://shared.example/cb";
    let scope = "openid profile offline_access User.Read";
    let redeem = async |tenant: &str, code: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", APP),
            ("client_secret", "s"),
            ("code", code),
            ("redirect_uri", redirect),
        ];
        post(&entra, &format!("/{tenant}/oauth2/v2.0/token"), &form, &[]).await
    };
    let code = zoe.sign_in(&app, redirect, scope).at("host.example").await.unwrap();
    let guest = ok(&redeem("host.example", &code).await);
    let access = claims(text(&guest, "access_token"));
    assert_eq!((access["tid"].as_str(), access["oid"].as_str()), (Some(HOST), Some(ZOE_AS_GUEST)));
    assert_eq!(access["idp"], format!("{}/{HOME}/", entra.url()));
    let info = URL_SAFE_NO_PAD.decode(text(&guest, "client_info")).unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&info).unwrap(),
        json!({ "uid": ZOE_AT_HOME, "utid": HOME })
    );

    // The same refresh token at home, where she has to consent first; signing in installs the app there.
    let refresh = async |tenant: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", APP),
            ("client_secret", "s"),
            ("refresh_token", text(&guest, "refresh_token")),
        ];
        post(&entra, &format!("/{tenant}/oauth2/v2.0/token"), &form, &[]).await
    };
    refused(&refresh("home.example").await, 400, "unauthorized_client", 700_016, None);
    let code = zoe.sign_in(&app, redirect, scope).at("organizations").await.unwrap();
    let member = ok(&redeem("common", &code).await);
    assert_eq!(claims(text(&member, "access_token"))["tid"], HOME);
    let body = ok(&refresh("home.example").await);
    assert_eq!(claims(text(&body, "access_token"))["oid"], ZOE_AT_HOME);

    let code = zoe.sign_in(&app, redirect, scope).at("host.example").await.unwrap();
    refused(&redeem("home.example", &code).await, 400, "invalid_grant", 700_005, None);
    // The host's own API is not there at home.
    let error = zoe.sign_in(&app, redirect, "api://inner/read").at("home.example").await.unwrap_err();
    assert_eq!((error.aadsts, error.error), (500_011, "invalid_resource"));
    let error = entra.user("yan").sign_in(&app, redirect, scope).at("host.example").await.unwrap_err();
    assert_eq!(error.aadsts, 50020);
    // A guest's grants are revoked at home, not by the host.
    entra.revoke_sessions(&entra.user("zoe-guest"));
    ok(&refresh("host.example").await);
    entra.revoke_sessions(&zoe);
    refused(&refresh("host.example").await, 400, "invalid_grant", 50173, Some("bad_token"));
}

#[tokio::test]
async fn grants_in_the_file_need_no_consent() {
    let text = include_str!("../../src/directory/built-in.json");
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["tenants"][0]["oauth2PermissionGrants"] = json!([{
        "clientId": "33333333-1234-4567-89ab-000000000003", "resourceAppId": "00000003-0000-0000-c000-000000000000",
        "scope": "openid profile offline_access User.Read"
    }]);
    let directory = Directory::from_json(&value.to_string()).unwrap();
    let entra = Emulator::builder().directory(directory).start().await.unwrap();
    let tokens = web_tokens(&entra, &entra.user("alan"), "openid offline_access User.Read").await;
    assert!(!entra.revoke_consent(&entra.user("alan"), &entra.app("contoso-web")), "the grant is not his");
    ok(&refresh(&entra, text_of(&tokens), None).await);
}

fn text_of(tokens: &serde_json::Value) -> &str {
    text(tokens, "refresh_token")
}

#[test]
fn the_readme_says_what_is_so() {
    let readme = include_str!("../../README.md");
    let directory = Directory::built_in().unwrap();
    let tenant = &directory.tenants[0];
    let users = tenant.users.iter().flat_map(|u| [&u.password, &u.user_principal_name]);
    let secrets = tenant.applications.iter().flat_map(|a| &a.password_credentials).map(|c| &c.secret_text);
    for fact in users.chain(secrets).chain(tenant.applications.iter().map(|a| &a.app_id)) {
        assert!(readme.contains(fact), "{fact} is not in the README");
    }
    let example = readme.split("```json").nth(1).unwrap().split("```").next().unwrap();
    serde_json::from_str::<Directory>(example).unwrap();
}

#[tokio::test]
async fn behind_something_that_speaks_tls_all_addresses_are_the_public_ones() {
    let entra = Emulator::builder().public_url("https://login.example:8443/").start().await.unwrap();
    let document = crate::http::get(&entra, "/common/v2.0/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(document["issuer"], "https://login.example:8443/{tenantid}/v2.0");
    assert_eq!(document["token_endpoint"], "https://login.example:8443/common/oauth2/v2.0/token");
}
