//! The key of an entry for every flow, as .NET suggests it (`TokenCacheNotificationArgs.SuggestedCacheKey`).

use absentia::{AccountId, Authority, LongRunningKey, UserAssertion};
use absentia_cache::{Identity, Layout, Subject};

use crate::support::{CLIENT, TENANT};

const UPPER: &str = "33333333-ABCD-4567-89AB-000000000003";
const HASH: &str = "JUUGib3UTQFAILI4AhsxNDHLH3qG8k4pzsvR5ELtrgo";

fn account(id: &str) -> Subject {
    Subject::Account(AccountId::parse(id).unwrap())
}

fn app() -> Subject {
    Subject::App { resource: "https://Graph.microsoft.com".into() }
}

fn session(key: &str) -> Subject {
    Subject::LongRunning(LongRunningKey::new(key).unwrap())
}

fn key(instance: &str, tenant: &str, client_id: &str, subject: Subject) -> String {
    let authority = Authority::new(instance, tenant).unwrap();
    let identity = Identity { client_id: client_id.into(), authority, subject, layout: Layout::DotNet };
    // Looked up in memory by its parts: they must make the same key.
    let (prefix, middle, suffix) = identity.name();
    assert_eq!(identity.key().as_str(), format!("{prefix}{middle}{suffix}"));
    identity.key().as_str().to_owned()
}

#[test]
fn every_flow_has_the_key_that_dotnet_suggests() {
    let public = "https://login.microsoftonline.com";
    let assertion = || Subject::Assertion { hash: UserAssertion::unverified("assert").hash().clone() };
    let long = "k".repeat(512);
    let cases = [
        // AcquireTokenForClient: client id as configured, tenant in lower case, never resolved.
        (TENANT, CLIENT, app(), format!("{CLIENT}_{TENANT}_AppTokenCache")),
        (TENANT, UPPER, app(), format!("{UPPER}_{TENANT}_AppTokenCache")),
        ("Contoso.OnMicrosoft.com", CLIENT, app(), format!("{CLIENT}_contoso.onmicrosoft.com_AppTokenCache")),
        ("common", CLIENT, app(), format!("{CLIENT}_common_AppTokenCache")),
        ("Organizations", CLIENT, app(), format!("{CLIENT}_organizations_AppTokenCache")),
        ("consumers", CLIENT, app(), format!("{CLIENT}_consumers_AppTokenCache")),
        // AcquireTokenByAuthorizationCode, AcquireTokenSilent, GetAccountAsync, RemoveAsync: the user at home, whoever asks.
        (TENANT, CLIENT, account("O-id.T-id"), "O-id.T-id".to_owned()),
        ("common", UPPER, account("O-id.T-id"), "O-id.T-id".to_owned()),
        (TENANT, CLIENT, account("o-b2c_1_Sign.In.t"), "o-b2c_1_Sign.In.t".to_owned()),
        // AcquireTokenOnBehalfOf: the assertion's hash, in any tenant.
        (TENANT, CLIENT, assertion(), HASH.to_owned()),
        ("organizations", UPPER, assertion(), HASH.to_owned()),
        // InitiateLongRunningProcessInWebApi, AcquireTokenInLongRunningProcess, StopLongRunningProcessInWebApiAsync.
        (TENANT, CLIENT, session("Session Key+1/=é"), "Session Key+1/=é".to_owned()),
        (TENANT, UPPER, session(HASH), HASH.to_owned()),
        (TENANT, CLIENT, session(&long), long.clone()),
    ];
    for (tenant, client_id, subject, expected) in cases {
        assert_eq!(key(public, tenant, client_id, subject), expected);
    }
}

/// Clouds and ports do not show in keys: stores of several clouds must be several.
#[test]
fn the_cloud_is_not_in_a_key() {
    let key = |instance| key(instance, TENANT, CLIENT, app());
    assert_eq!(key("https://login.microsoftonline.us"), key("https://localhost:8443"));
}

/// ADFS and other authorities without tenants have keys with two underscores in a row. Ours are Entra's, which have one.
#[test]
fn no_authority_is_without_tenant() {
    for empty in ["", " ", "/"] {
        Authority::new("https://adfs.contoso.com", empty).unwrap_err();
    }
    Authority::new("https://adfs.contoso.com/adfs", "adfs").unwrap_err();
}
