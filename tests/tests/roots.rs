//! Which certificate authorities the client trusts, with Entra speaking TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{path::Path, process::Command, sync::Arc};

use absentia::{
    ErrorKind, KeyRing, TokenCache,
    store::{Backend, MemoryStore, SystemClock},
    transport::{HttpClient, HttpRequest, Method, SystemHttp},
};
use absentia_cache::OsRandom;
use absentia_config::Settings;
use absentia_emulator::Emulator;

const APP: &str = "https://graph.microsoft.com/.default";
/// Where the test below finds an Entra, when it is run by another.
const AT: &str = "ABSENTIA_TEST_ENTRA";

async fn entra(folder: &Path) -> Emulator {
    let entra = Emulator::builder().https(true).start().await.unwrap();
    std::fs::write(folder.join("ca.pem"), entra.ca_pem().unwrap()).unwrap();
    entra
}

/// What the client of these settings says to a request for a token.
async fn token(entra: &Emulator, folder: &Path, roots: Option<&str>) -> Result<(), absentia::Error> {
    let app = entra.app("contoso-app");
    let mut azure_ad = serde_json::json!({
        "Instance": entra.url(),
        "TenantId": entra.tenant_id(),
        "ClientId": app.client_id(),
        "ClientSecret": app.secret(),
    });
    if let Some(name) = roots {
        azure_ad["ExtraRootCertificates"] = folder.join(name).to_str().into();
    }
    let file = folder.join("appsettings.json");
    std::fs::write(&file, serde_json::json!({ "AzureAd": azure_ad }).to_string()).unwrap();
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let cache = TokenCache::sealed(Backend::of("memory", &store), KeyRing::ephemeral(&OsRandom).unwrap()).build();
    let client = Settings::load(&file).unwrap().confidential_client()?.cache(&cache).build()?;
    client.app().token(APP).await.map(|_| ())
}

#[tokio::test]
async fn an_extra_root_is_trusted_and_without_it_the_authority_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let entra = entra(folder.path()).await;
    token(&entra, folder.path(), Some("ca.pem")).await.unwrap();
    let asked = entra.journal().token_requests().count();
    let error = token(&entra, folder.path(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(entra.journal().token_requests().count(), asked, "nothing was sent");

    // Another authority's root is no help.
    let other = Emulator::builder().https(true).start().await.unwrap();
    std::fs::write(folder.path().join("other.pem"), other.ca_pem().unwrap()).unwrap();
    token(&entra, folder.path(), Some("other.pem")).await.unwrap_err();
}

#[tokio::test]
async fn a_file_that_holds_no_root_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let entra = entra(folder.path()).await;
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    std::fs::write(folder.path().join("text.pem"), "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n")
        .unwrap();
    for name in ["missing.pem", "empty.pem", "text.pem"] {
        let error = token(&entra, folder.path(), Some(name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// The system's roots are read once in a process, so that each case needs one of its own.
#[tokio::test]
async fn ssl_cert_file_is_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let entra = entra(folder.path()).await;
    let asks = async |roots: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "asks_the_entra_that_it_is_told", "--ignored"]).env(AT, entra.url());
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        if let Some(name) = roots {
            command.env("SSL_CERT_FILE", folder.path().join(name));
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("1 passed") || said.contains("1 failed"), "{said}");
        output.status.success()
    };
    assert!(asks(Some("ca.pem")).await);
    assert!(!asks(None).await);
}

#[tokio::test]
#[ignore = "the one above runs it, in a process of its own"]
async fn asks_the_entra_that_it_is_told() {
    let Ok(url) = std::env::var(AT) else { return };
    let url = format!("{url}/organizations/v2.0/.well-known/openid-configuration");
    let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: String::new().into() };
    assert_eq!(SystemHttp::new().unwrap().send(request).await.unwrap().status, 200);
}
