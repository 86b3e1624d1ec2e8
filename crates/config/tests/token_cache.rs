//! The sections `TokenCache` and `DataProtection`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::time::{Duration, SystemTime};

use absentia::{Layout, StoreFailure, Then};
use absentia_config::{Configuration, Error, Settings};

fn load(json: &str) -> Result<Settings, Error> {
    let none: [(String, String); 0] = [];
    Settings::from_configuration(&Configuration::parse("appsettings.json", json.as_bytes(), none)?, &[])
}

fn refused(json: &str) -> String {
    load(json).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn dotnets_layout_is_asked_for_with_its_protection() {
    let settings = load(
        r#"{ "TokenCache": { "Layout": "DotNet", "Encrypt": true, "AcceptPlainUntil": "2027-01-31", "DisableL1Cache": true,
               "SlidingExpiration": "02:00:00", "AbsoluteExpirationRelativeToNow": "1.00:00:00", "SizeLimit": 1000000, "StoreFailure": { "Retries": 1, "Then": "Miss" } },
             "DataProtection": { "ApplicationName": "shop", "KeyFolder": "keys", "Certificate": "ring.pfx", "CertificatePassword": "p" } }"#,
    )
    .unwrap();
    let cache = &settings.token_cache;
    assert_eq!((cache.layout, cache.encrypt, cache.disable_l1), (Layout::DotNet, Some(true), true));
    assert_eq!(cache.accept_plain_until, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_801_353_600)));
    assert_eq!(cache.sliding_expiration, Some(Duration::from_secs(7_200)));
    assert_eq!(cache.relative_expiration, Some(Duration::from_secs(86_400)));
    assert_eq!(cache.size_limit, Some(1_000_000));
    assert_eq!(cache.store_failure, StoreFailure { retries: 1, then: Then::Miss });
    assert_eq!(settings.data_protection.application_name.as_deref(), Some("shop"));
    assert!(!format!("{settings:?}").contains("\"p\""));
    assert_eq!(load("{}").unwrap().token_cache.layout, Layout::Native);
}

#[test]
fn what_is_missing_or_would_be_ignored_is_named() {
    for (json, says) in [
        (r#"{"TokenCache":{"Layout":"msal"}}"#, "TokenCache:Layout"),
        (r#"{"TokenCache":{"Layout":"dotnet"}}"#, "TokenCache:Encrypt is not set"),
        (r#"{"TokenCache":{"Encrypt":true}}"#, "TokenCache:Encrypt is only for TokenCache:Layout dotnet"),
        (
            r#"{"TokenCache":{"AbsoluteExpirationRelativeToNow":"01:00:00"}}"#,
            "TokenCache:AbsoluteExpirationRelativeToNow is only for",
        ),
        (
            r#"{"TokenCache":{"Layout":"dotnet","Encrypt":false,"AcceptPlainUntil":"2027-01-31"}}"#,
            "TokenCache:AcceptPlainUntil says nothing",
        ),
        (r#"{"TokenCache":{"Layout":"dotnet","Encrypt":true}}"#, "DataProtection:ApplicationName is not set"),
        (
            r#"{"TokenCache":{"Layout":"dotnet","Encrypt":true},"DataProtection":{"ApplicationName":"a"}}"#,
            "DataProtection:KeyFolder is not set",
        ),
        (
            r#"{"TokenCache":{"Layout":"dotnet","Encrypt":true},
                "DataProtection":{"ApplicationName":"a","KeyFolder":"k","RedisKey":"l"}}"#,
            "are both set",
        ),
        (r#"{"TokenCache":{"Layout":"dotnet","Encrypt":"yes"}}"#, "is neither true nor false"),
        (
            r#"{"TokenCache":{"Layout":"dotnet","Encrypt":true,"AcceptPlainUntil":"soon"}}"#,
            "is neither a day nor an instant",
        ),
        (r#"{"TokenCache":{"StoreFailure":{"Then":"ignore"}}}"#, "TokenCache:StoreFailure:Then"),
        (r#"{"TokenCache":{"StoreFailure":{"Retries":256}}}"#, "is no such number"),
        (r#"{"TokenCache":{"SizeLimit":"500 MB"}}"#, "is not a whole number of bytes"),
    ] {
        let message = refused(json);
        assert!(message.contains(says), "{json}: {message}");
    }
}
