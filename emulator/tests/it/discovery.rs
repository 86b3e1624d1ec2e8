//! Discovery documents.

use absentia_emulator::Emulator;
use serde_json::json;

use crate::http::{get, send};
use crate::world::*;

const V2: &str = "v2.0/.well-known/openid-configuration";

#[tokio::test]
async fn the_v2_document_names_this_host_and_the_tenants_guid() {
    let entra = Emulator::start().await;
    let (base, tenant) = (entra.url(), entra.tenant_id());
    // By domain, in any case, and with the empty segment of an authority that ends in a slash.
    for segment in [tenant, "contoso.example", "CONTOSO.example/"] {
        let answer = get(&entra, &format!("/{segment}/{V2}"), &[]).await;
        let body = ok(&answer);
        assert_eq!(body["issuer"], format!("{base}/{tenant}/v2.0"));
        assert_eq!(body["token_endpoint"], format!("{base}/{tenant}/oauth2/v2.0/token"));
        assert_eq!(body["authorization_endpoint"], format!("{base}/{tenant}/oauth2/v2.0/authorize"));
        assert_eq!(body["end_session_endpoint"], format!("{base}/{tenant}/oauth2/v2.0/logout"));
        assert_eq!(body["jwks_uri"], format!("{base}/{tenant}/discovery/v2.0/keys"));
        assert_eq!(body["tenant_region_scope"], "EU");
        assert_eq!(body["subject_types_supported"], json!(["pairwise"]));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cache-control"), Some("max-age=86400, private"));
        for member in [
            "token_endpoint_auth_methods_supported",
            "response_modes_supported",
            "id_token_signing_alg_values_supported",
            "response_types_supported",
            "scopes_supported",
            "request_uri_parameter_supported",
            "userinfo_endpoint",
            "http_logout_supported",
            "frontchannel_logout_supported",
            "claims_supported",
            "cloud_instance_name",
            "cloud_graph_host_name",
            "msgraph_host",
            "rbac_url",
        ] {
            assert!(body.get(member).is_some(), "no {member}");
        }
    }
}

#[tokio::test]
async fn shared_authorities_have_a_template_and_v1_its_own_issuer() {
    let entra = Emulator::start().await;
    let (base, tenant) = (entra.url(), entra.tenant_id());
    let common = ok(&get(&entra, &format!("/common/{V2}?appid=x"), &[]).await);
    assert_eq!(common["issuer"], format!("{base}/{{tenantid}}/v2.0"));
    assert!(common["tenant_region_scope"].is_null());
    let consumers = ok(&get(&entra, &format!("/consumers/{V2}"), &[]).await);
    assert_eq!(consumers["issuer"], format!("{base}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"));
    let v1 = ok(&get(&entra, &format!("/{tenant}/.well-known/openid-configuration"), &[]).await);
    assert_eq!(v1["issuer"], format!("{base}/{tenant}/"));
    assert_eq!(v1["jwks_uri"], format!("{base}/{tenant}/discovery/keys"));
    assert_eq!(v1["token_endpoint"], format!("{base}/{tenant}/oauth2/v2.0/token"), "1.0 has none here");
    assert_eq!(v1["microsoft_multi_refresh_token"], true);
}

/// A client that reads the document finds out from it what is not here, and not from a 404.
#[tokio::test]
async fn every_address_of_this_host_in_a_document_is_there() {
    let entra = Emulator::start().await;
    let tenant = entra.tenant_id();
    let mut seen = 0;
    for document in [format!("/{tenant}/{V2}"), format!("/{tenant}/.well-known/openid-configuration")] {
        let body = ok(&get(&entra, &document, &[]).await);
        for (name, address) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "issuer") {
            let Some(address) = address.as_str().filter(|a| a.starts_with(entra.url())) else { continue };
            let answer = get(&entra, address, &[]).await;
            assert_ne!(answer.status, 404, "{document} names {name} {address}");
            seen += 1;
        }
    }
    assert_eq!(seen, 10, "token, authorization, end of session, UserInfo and keys, in both");
}

#[tokio::test]
async fn keys_verify_what_was_signed_except_for_graph() {
    let entra = Emulator::start().await;
    let keys = ok(&get(&entra, &format!("/{}/discovery/v2.0/keys", entra.tenant_id()), &[]).await);
    let key = &keys["keys"][0];
    assert_eq!(key["issuer"], format!("{}/{}/v2.0", entra.url(), entra.tenant_id()));
    assert_eq!(key["kid"], key["x5t"]);
    let v1 = ok(&get(&entra, "/common/discovery/keys", &[]).await);
    assert!(v1["keys"][0].get("issuer").is_none());
    assert_eq!(v1["keys"][0]["n"], key["n"]);
    let common = ok(&get(&entra, "/common/discovery/v2.0/keys", &[]).await);
    assert_eq!(common["keys"][0]["issuer"], format!("{}/{{tenantid}}/v2.0", entra.url()));

    let id = entra.app("contoso-web").client_id().to_owned();
    let own = web_tokens(&entra, &entra.user("ada"), &format!("openid {id}/Profile.Read")).await;
    assert!(verifies(text(&own, "access_token"), key));
    assert!(verifies(text(&own, "id_token"), key));
    // Graph's tokens are opaque to everybody else.
    let graph = web_tokens(&entra, &entra.user("ada"), "openid User.Read").await;
    assert!(!verifies(text(&graph, "access_token"), key));
}

/// RS256 with nothing but a published key.
fn verifies(token: &str, key: &serde_json::Value) -> bool {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (n, e) = (decode(text(key, "n")), decode(text(key, "e")));
    let integer = |value: &[u8]| {
        let sign: &[u8] = if value[0] >= 0x80 { &[0] } else { &[] };
        element(2, &[sign, value].concat())
    };
    let public = element(0x30, &[integer(&n), integer(&e)].concat());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(signed.as_bytes(), &decode(signature)).is_ok()
}

/// A DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = if high > 0 { vec![0x82, high, low] } else { vec![low] };
    assert!(high > 0 || low < 0x80);
    [&[tag][..], &length, content].concat()
}

#[tokio::test]
async fn instance_discovery_knows_this_host_and_the_public_cloud() {
    let entra = Emulator::start().await;
    let ask = async |endpoint: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("api-version", "1.1"), ("authorization_endpoint", endpoint)])
            .finish();
        get(&entra, &format!("/common/discovery/instance?{query}"), &[]).await
    };
    let body = ok(&ask(&format!("{}/contoso.example/oauth2/v2.0/authorize", entra.url())).await);
    assert_eq!(body["tenant_discovery_endpoint"], format!("{}/contoso.example/{V2}", entra.url()));
    assert_eq!(body["metadata"][0]["aliases"][0], entra.url().strip_prefix("http://").unwrap());
    let public = ok(&ask("https://login.microsoftonline.com/common/oauth2/authorize").await);
    assert!(text(&public, "tenant_discovery_endpoint").ends_with("/common/.well-known/openid-configuration"));
    refused(&ask("https://elsewhere.example/common/oauth2/v2.0/authorize").await, 400, "invalid_instance", 50049, None);
}

#[tokio::test]
async fn unknown_tenants_and_methods_are_refused_in_json() {
    let entra = Emulator::start().await;
    let answer = get(&entra, &format!("/99999999-0000-0000-0000-000000000000/{V2}"), &[]).await;
    refused(&answer, 400, "invalid_tenant", 90002, None);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    refused(&get(&entra, &format!("/nobody/{V2}"), &[]).await, 400, "invalid_request", 900_023, None);
    let answer = send(&entra, "DELETE", &format!("/common/{V2}"), &[], "").await;
    refused(&answer, 405, "invalid_request", 900_561, None);
    assert_eq!(send(&entra, "OPTIONS", &format!("/common/{V2}"), &[], "").await.status, 200);
    let preflight = [("origin", SPA_ORIGIN), ("access-control-request-headers", "content-type,x-client-sku")];
    let answer = send(&entra, "OPTIONS", "/common/oauth2/v2.0/token", &preflight, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA_ORIGIN));
}
