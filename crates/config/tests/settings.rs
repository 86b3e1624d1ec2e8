//! The sample's settings, nested and flat, and what is said when they are wrong.

#![allow(clippy::panic, reason = "the helpers of tests")]

use std::{path::Path, sync::Arc, time::Duration};

use absentia_config::{
    Configuration, Endpoint, Error, Need, Opener, Settings, SqliteMode, Target, database_target, pick, secret_advice,
};
use absentia_store::{Backend, Clock};

const CID: &str = "33333333-1234-4567-89AB-000000000003";
const TID: &str = "22222222-dddd-4eee-8fff-000000000002";

const WEB_APP: &str = r#"{
  "AzureAd": {
    "Instance": "https://login.microsoftonline.com/",
    "Domain": "contoso.example",
    "TenantId": "22222222-dddd-4eee-8fff-000000000002",
    "ClientId": "33333333-1234-4567-89AB-000000000003",
    "CallbackPath": "/signin-oidc",
    "SignedOutCallbackPath": "/signout-callback-oidc",
    "ClientSecret": "s3cret~value "
  },
  "ConnectionStrings": {
    "TokenCacheDbConnStr": "Data Source=tokens.db",
    "TokenCacheRedisConnStr": "cache1.example.net:6380,password=ab+/cd==,ssl=True,abortConnect=False",
    "TokenCacheRedisInstaceName": "TokenCache"
  },
  "GraphApiUrl": "https://graph.microsoft.com/beta/",
  "Kestrel": { "Endpoints": { "Https": { "Url": "https://localhost:44321" }, "Http": { "Url": "http://*:5000" } } },
  "Cors": { "AllowedOrigins": [ "http://LOCALHOST:3000/", "https://spa.example:443" ] },
  "TokenCache": { "SlidingExpiration": "90.00:00:00" },
  "Logging": { "LogLevel": { "Default": "Information" } },
  "AllowedHosts": "*"
}"#;

const WORKER: &str = r#"{
  "Instance": "https://login.microsoftonline.com/{0}",
  "TenantId": "22222222-dddd-4eee-8fff-000000000002",
  "ClientId": "33333333-1234-4567-89AB-000000000003",
  "ClientSecret": "s3cret~value",
  "MicrosoftGraphBaseUrl": "https://graph.microsoft.com/v1.0",
  "ConnectionStrings": { "TokenCacheDbConnStr": "sqlite:tokens.db", "TokenCacheRedisConnStr": "" }
}"#;

fn load(json: &str, variables: &[(&str, &str)], needs: &[Need]) -> Result<Settings, Error> {
    let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
    Settings::from_configuration(&Configuration::parse("appsettings.json", json.as_bytes(), variables)?, needs)
}

fn settings(json: &str, variables: &[(&str, &str)]) -> Settings {
    load(json, variables, &[]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_web_app_nests_its_settings() {
    let all = [
        Need::AllowedOrigins,
        Need::ClientId,
        Need::ClientSecret,
        Need::Endpoints,
        Need::GraphApiUrl,
        Need::Store,
        Need::TenantId,
    ];
    let read = load(WEB_APP, &[], &all).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.azure_ad.instance, "https://login.microsoftonline.com");
    assert_eq!(read.azure_ad.domain.as_deref(), Some("contoso.example"));
    assert_eq!(read.azure_ad.tenant_id.as_deref(), Some(TID));
    assert_eq!(read.azure_ad.client_id.as_deref(), Some(CID));
    assert_eq!(read.azure_ad.client_secret.as_ref().map(|secret| secret.expose()), Some("s3cret~value "));
    assert_eq!(read.azure_ad.callback_path, "/signin-oidc");
    assert_eq!(read.azure_ad.remote_sign_out_path, "/signout-oidc");
    assert_eq!(read.graph_api_url.as_deref(), Some("https://graph.microsoft.com/beta"));
    assert_eq!(read.allowed_origins, ["http://localhost:3000", "https://spa.example"]);
    assert_eq!(read.token_cache.sliding_expiration, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(read.connection_strings.redis_instance_name.as_deref(), Some("TokenCache"));
    let endpoint = |name: &str, url: &str| Endpoint { name: name.to_owned(), url: url.to_owned() };
    assert_eq!(read.endpoints, [endpoint("Http", "http://*:5000"), endpoint("Https", "https://localhost:44321")]);
    assert_eq!(read.configuration().get("Logging:LogLevel:Default").map(|value| value.text()), Some("Information"));
    let plan = read.store_plan().unwrap();
    assert!(matches!(&plan.tokens, Target::Redis(redis) if redis.instance_name == "TokenCache"), "{plan:?}");
    assert_eq!((plan.tokens.engine(), plan.accounts.map(|target| target.engine())), ("Redis", Some("SQLite")));
}

#[test]
fn a_worker_has_them_at_the_root() {
    let read =
        load(WORKER, &[], &[Need::ClientId, Need::ClientSecret, Need::MicrosoftGraphBaseUrl, Need::Store]).unwrap();
    assert_eq!(read.azure_ad.instance, "https://login.microsoftonline.com");
    assert_eq!(read.azure_ad.tenant_id.as_deref(), Some(TID));
    assert_eq!(read.azure_ad.client_id.as_deref(), Some(CID));
    assert_eq!(read.azure_ad.callback_path, "/signin-oidc");
    let plan = read.store_plan().unwrap();
    assert!(plan.accounts.is_none());
    assert!(
        matches!(&plan.tokens, Target::Sqlite(target) if target.path == Path::new("tokens.db") && target.mode == SqliteMode::ReadWriteCreate)
    );
}

#[test]
fn settings_come_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("appsettings.json");
    let absent = Settings::load_for(&path, &[Need::ClientId]).expect_err("no file").to_string();
    assert!(absent.contains("appsettings.json (no such file)"), "{absent}");
    std::fs::write(&path, WEB_APP).unwrap();
    assert_eq!(Settings::load(&path).unwrap().azure_ad.client_id.as_deref(), Some(CID));
}

#[test]
fn the_section_wins_over_the_root() {
    let other = "44444444-0000-4000-8000-000000000004";
    let read = settings(WEB_APP, &[("ClientId", other), ("TenantId", other)]);
    assert_eq!(read.azure_ad.client_id.as_deref(), Some(CID));
    assert_eq!(settings(WORKER, &[("AzureAd__TenantId", other)]).azure_ad.tenant_id.as_deref(), Some(other));
}

#[test]
fn the_corrected_spelling_of_the_instance_name() {
    let read = settings(r#"{"ConnectionStrings": {"TokenCacheRedisInstanceName": "a"}}"#, &[]);
    assert_eq!(read.connection_strings.redis_instance_name.as_deref(), Some("a"));
}

#[test]
fn instance_has_one_form() {
    let with = |instance: &str| load("{}", &[("AzureAd__Instance", instance)], &[]);
    for (host, forms) in [
        ("https://login.microsoftonline.com", ["", "/", "//", "/{0}"]),
        ("https://localhost:8443", ["", "/", "//", "/{0}/"]),
        ("http://localhost:8443", ["", "/", "//", "/{0}"]),
        ("http://127.0.0.1:8443", ["", "/", "//", "/{0}"]),
        ("http://[::1]:8443", ["", "/", "//", "/{0}"]),
    ] {
        for form in forms {
            let read = with(&format!("  {host}{form} ")).unwrap_or_else(|error| panic!("{host}{form}: {error}"));
            assert_eq!(read.azure_ad.instance, host, "{form}");
        }
    }
    assert_eq!(settings("{}", &[]).azure_ad.instance, "https://login.microsoftonline.com");
    for wrong in [
        "http://login.microsoftonline.com/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "login.microsoftonline.com",
        "https://login.microsoftonline.com/contoso.example",
        "https://login.microsoftonline.com/{0}/v2.0",
        "https://user:hidden@login.microsoftonline.com/",
        "https://login.microsoftonline.com/?a=b",
        "ftp://localhost/",
    ] {
        let shown = with(wrong).expect_err(wrong).to_string();
        assert!(shown.starts_with("AzureAd:Instance (environment variable AzureAd__Instance) "), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}

#[test]
fn ids_and_tenants() {
    for tenant in [TID, "contoso.onmicrosoft.com", "common", "Organizations", " contoso.example "] {
        let read = settings("{}", &[("TenantId", tenant)]);
        assert_eq!(read.azure_ad.tenant_id.as_deref(), Some(tenant.trim()));
    }
    for tenant in ["contoso", "a b.example", "contoso..example", "-a.example", "22222222-dddd-4eee-8fff", "https://a.b"]
    {
        assert!(load("{}", &[("TenantId", tenant)], &[]).is_err(), "{tenant}");
    }
    for id in ["33333333123445678 9ab000000000003", "api://x", "33333333-1234-4567-89ab-00000000000g"] {
        let shown = load("{}", &[("ClientId", id)], &[]).expect_err(id).to_string();
        assert!(shown.contains("ClientId") && shown.contains("is not a GUID") && !shown.contains(id), "{shown}");
    }
}

#[test]
fn everything_wrong_and_missing_is_said_at_once() {
    let json = r#"{
      "AzureAd": { "TenantId": "[Enter 'common', or 'organizations' or the Tenant Id]", "ClientId": "<client id>",
                   "CallbackPath": "signin", "Domain": 7 },
      "ConnectionStrings": { "TokenCacheDbConnStr": "tokens.db" },
      "Kestrel": { "Endpoints": { "Http": { "Url": "localhost:5000" } } },
      "Cors": { "AllowedOrigins": "https://a.example https://b.example/path" },
      "TokenCache": { "SlidingExpiration": "24:00" },
      "GraphApiUrl": "http://graph.microsoft.com"
    }"#;
    let needs = [Need::ClientId, Need::TenantId, Need::ClientSecret, Need::Store, Need::MicrosoftGraphBaseUrl];
    let error = load(json, &[], &needs).expect_err("wrong");
    let keys: Vec<_> = error.problems().iter().filter_map(|problem| problem.key()).collect();
    assert_eq!(
        keys,
        [
            "TokenCache:SlidingExpiration",
            "AzureAd:Domain",
            "AzureAd:TenantId",
            "AzureAd:ClientId",
            "AzureAd:CallbackPath",
            "ConnectionStrings:TokenCacheDbConnStr",
            "GraphApiUrl",
            "Kestrel:Endpoints",
            "Cors:AllowedOrigins",
            "AzureAd:ClientSecret",
            "MicrosoftGraphBaseUrl",
        ]
    );
    let shown = error.to_string();
    assert!(shown.starts_with("11 settings need attention:\n"), "{shown}");
    for (key, what) in [("TenantId", "not filled in"), ("ClientId", "not filled in"), ("Domain", "not text")] {
        assert!(shown.contains(&format!("AzureAd:{key} (appsettings.json) is {what}")), "{key}: {shown}");
    }
}

#[test]
fn a_missing_setting_says_where_it_belongs() {
    let error = load("{}", &[], &[Need::ClientId]).expect_err("missing");
    let shown = error.to_string();
    for part in ["AzureAd:ClientId is not set", "appsettings.json", "AzureAd__ClientId", "a GUID"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let flat = load(r#"{"Instance": "https://login.microsoftonline.com/"}"#, &[], &[Need::ClientSecret]);
    let flat = flat.expect_err("missing").to_string();
    assert!(flat.starts_with("ClientSecret is not set") && flat.contains("variable ClientSecret sets"), "{flat}");
    let read = settings("{}", &[]);
    assert_eq!(read.require(&[]), Ok(()));
    assert_eq!(read.require(&[Need::Store, Need::TenantId]).expect_err("missing").problems().len(), 2);
    assert!(read.store_plan().expect_err("missing").to_string().contains("TokenCacheDbConnStr"));
}

#[test]
fn variables_that_differ_in_case_only_must_agree() {
    let both = |other| load("{}", &[("AzureAd__ClientSecret", "hidden"), ("AZUREAD__CLIENTSECRET", other)], &[]);
    let shown = both("hidden 2").expect_err("contradiction").to_string();
    assert!(shown.contains("AZUREAD__CLIENTSECRET") && !shown.contains("hidden"), "{shown}");
    both("hidden").unwrap();
    settings("{}", &[("http_proxy", "a"), ("HTTP_PROXY", "b")]);
}

#[test]
fn advice_about_a_secret_does_not_show_it() {
    for (secret, advice) in [
        ("x\n", Some("ends with a line break")),
        ("x\r\n", Some("ends with a line break")),
        ("x  ", Some("ends with a blank")),
        (" x", Some("begins with a blank")),
        ("\"x\"", Some("starts and ends with a quote")),
        ("'x'", Some("starts and ends with a quote")),
        ("\"", None),
        ("x", None),
        ("", Some("is empty")),
    ] {
        assert_eq!(secret_advice(secret), advice, "{secret:?}");
    }
    assert!(secret_advice(TID).is_some_and(|advice| advice.contains("secret id")));
    assert!(secret_advice("[Enter the secret]").is_some());
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?} {:#?}", settings(WEB_APP, &[]), settings(WORKER, &[("X", "s3cret")]));
    assert!(shown.contains("[secret]") && shown.contains(CID), "{shown}");
    for secret in ["s3cret", "ab+/cd"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

struct OnlySqlite;

#[async_trait::async_trait]
impl Opener for OnlySqlite {
    fn backend(&self) -> &'static str {
        "absentia-sqlite"
    }

    fn accepts(&self, target: &Target) -> bool {
        matches!(target, Target::Sqlite(_))
    }

    async fn open(&self, _: &Target, _: Arc<dyn Clock>) -> Result<Backend, absentia_store::Error> {
        unreachable!("only picked here")
    }

    async fn create(&self, _: &Target, _: Arc<dyn Clock>) -> Result<Backend, absentia_store::Error> {
        unreachable!("only picked here")
    }
}

#[test]
fn a_backend_that_is_not_linked_is_named() {
    let openers: [Box<dyn Opener>; 1] = [Box::new(OnlySqlite)];
    let target = |text| database_target(text).unwrap();
    assert_eq!(pick(&openers, &target("sqlite:t.db")).map(|opener| opener.backend()), Ok("absentia-sqlite"));
    for (text, backend) in [
        ("redis://:hidden@h", "absentia-redis"),
        ("postgres://u:hidden@h", "absentia-postgres"),
        ("mysql://u:hidden@h", "absentia-mysql"),
        ("Server=h;Database=d;Password=hidden", "absentia-mssql"),
    ] {
        let shown = pick(&openers, &target(text)).map(|opener| opener.backend()).expect_err(text).to_string();
        assert!(
            shown.contains(backend) && shown.contains("linked: absentia-sqlite") && !shown.contains("hidden"),
            "{shown}"
        );
    }
    assert!(pick(&[], &target("sqlite:t.db")).is_err());
}
