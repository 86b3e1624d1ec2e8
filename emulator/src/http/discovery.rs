//! Discovery: cloud instances, OpenID Connect metadata, keys.

use axum::http::header::{ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use serde_json::{Map, Value, json};
use url::Url;

use super::call::Call;
use super::respond::{self, Answer};
use crate::aadsts::Refusal;
use crate::directory::Realm;
use crate::entra::Entra;

const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

pub(crate) fn preflight(call: &Call) -> Answer {
    cacheable(respond::json(call, 200, &json!({})))
}

/// The aliases of the public cloud, and this host as a cloud of its own.
pub(crate) fn instance(entra: &Entra, call: &Call) -> Answer {
    let Some(asked) = call.query.get("authorization_endpoint") else {
        return cacheable(respond::refusal(entra, call, &Refusal::missing("authorization_endpoint")));
    };
    let host_of = |url: &Url| match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let own = Url::parse(&entra.base).map(|u| host_of(&u)).unwrap_or_default();
    let Ok(url) = Url::parse(asked) else {
        return cacheable(respond::refusal(entra, call, &Refusal::unknown_instance()));
    };
    let public = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];
    let asked_host = host_of(&url);
    // Some clients drop the port of the authority they ask about.
    let is_own = asked_host == own || Some(asked_host.as_str()) == own.split(':').next();
    if !is_own && !public.contains(&asked_host.as_str()) {
        return cacheable(respond::refusal(entra, call, &Refusal::unknown_instance()));
    }
    let tenant = url.path_segments().and_then(|mut s| s.next()).unwrap_or("common").to_owned();
    let version = if url.path().contains("/v2.0/") { "/v2.0" } else { "" };
    let body = json!({
        "tenant_discovery_endpoint": format!("{}/{tenant}{version}/.well-known/openid-configuration", entra.base),
        "api-version": call.query.get("api-version").unwrap_or("1.1"),
        "metadata": [
            { "preferred_network": own, "preferred_cache": own, "aliases": [own] },
            { "preferred_network": public[0], "preferred_cache": public[1], "aliases": public },
        ],
    });
    cacheable(respond::json(call, 200, &body))
}

/// `/{tenant}[/v2.0]/.well-known/openid-configuration`. URLs in it always have the tenant's GUID: clients learn it
/// here. It names only what is here, so that a client finds out from it and not from a 404: no device code, no Kerberos.
/// The document of version 1.0 has that version's issuer and keys, for APIs that get its tokens, and the endpoints of
/// version 2.0: those of 1.0 are not here, and OpenID Connect Discovery (section 3) requires some.
pub(crate) fn metadata(entra: &Entra, call: &Call, segment: &str, v2: bool) -> Answer {
    let realm = match entra.directory.realm(segment, "invalid_tenant") {
        Ok(realm) => realm,
        Err(refusal) => return cacheable(respond::refusal(entra, call, &refusal)),
    };
    let (segment, issuer, region) = names(realm);
    let base = format!("{}/{segment}", entra.base);
    let issuer = format!("{}/{issuer}{}", entra.base, if v2 { "/v2.0" } else { "/" });
    let keys = if v2 { "discovery/v2.0/keys" } else { "discovery/keys" };
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("token_endpoint", json!(format!("{base}/oauth2/v2.0/token")));
    put(
        "token_endpoint_auth_methods_supported",
        json!(["client_secret_post", "private_key_jwt", "client_secret_basic"]),
    );
    put("jwks_uri", json!(format!("{base}/{keys}")));
    put("response_modes_supported", json!(["query", "fragment", "form_post"]));
    put("subject_types_supported", json!(["pairwise"]));
    put("id_token_signing_alg_values_supported", json!(["RS256"]));
    put("response_types_supported", json!(["code", "id_token", "code id_token", "id_token token"]));
    put("scopes_supported", json!(["openid", "profile", "email", "offline_access"]));
    put("issuer", json!(issuer));
    if !v2 {
        put("microsoft_multi_refresh_token", json!(true));
    }
    put("request_uri_parameter_supported", json!(false));
    put("userinfo_endpoint", json!(format!("{}/oidc/userinfo", entra.base)));
    put("authorization_endpoint", json!(format!("{base}/oauth2/v2.0/authorize")));
    put("http_logout_supported", json!(true));
    put("frontchannel_logout_supported", json!(true));
    put("end_session_endpoint", json!(format!("{base}/oauth2/v2.0/logout")));
    put("claims_supported", claims_supported(v2));
    put("tenant_region_scope", json!(region));
    put("cloud_instance_name", json!("microsoftonline.com"));
    put("cloud_graph_host_name", json!("graph.windows.net"));
    put("msgraph_host", json!("graph.microsoft.com"));
    put("rbac_url", json!("https://pas.windows.net"));
    cacheable(respond::json(call, 200, &Value::Object(body)))
}

fn claims_supported(v2: bool) -> Value {
    let mut names = vec![
        "sub",
        "iss",
        "cloud_instance_name",
        "cloud_instance_host_name",
        "cloud_graph_host_name",
        "msgraph_host",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "nonce",
        "preferred_username",
        "name",
        "tid",
        "ver",
        "at_hash",
        "c_hash",
        "email",
    ];
    if !v2 {
        names.extend(["amr", "family_name", "given_name", "nickname"]);
    }
    json!(names)
}

/// The key documents; only those of version 2.0 name the issuer of a key.
pub(crate) fn keys(entra: &Entra, call: &Call, segment: &str, v2: bool) -> Answer {
    let realm = match entra.directory.realm(segment, "invalid_tenant") {
        Ok(realm) => realm,
        Err(refusal) => return cacheable(respond::refusal(entra, call, &refusal)),
    };
    let issuer = format!("{}/{}/v2.0", entra.base, names(realm).1);
    let body = json!({ "keys": [entra.key.jwk(v2.then_some(issuer.as_str()))] });
    cacheable(respond::json(call, 200, &body))
}

/// Path segment, issuer segment and region of a realm.
fn names<'a>(realm: Realm<'a>) -> (&'a str, &'a str, Option<&'a str>) {
    match realm {
        Realm::Tenant(tenant) => (&tenant.id, &tenant.id, Some(&tenant.region_scope)),
        Realm::Any(name) => (name, "{tenantid}", None),
        Realm::Consumers => ("consumers", CONSUMERS, None),
    }
}

fn cacheable(mut answer: Answer) -> Answer {
    respond::set(&mut answer, CACHE_CONTROL, "max-age=86400, private");
    respond::set(&mut answer, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    respond::set(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS");
    answer.headers_mut().remove("pragma");
    answer.headers_mut().remove("expires");
    answer
}
