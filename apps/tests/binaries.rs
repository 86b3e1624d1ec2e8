//! The two servers as processes over one SQLite file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

mod common;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use absentia_apps::stores;
use absentia_config::Settings;
use absentia_emulator::Emulator;
use common::Browser;

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write_settings(folder: &Path, entra: &Emulator, endpoint: &str) -> std::path::PathBuf {
    let app = entra.app("contoso-web");
    let file = folder.join("appsettings.json");
    let json = format!(
        r#"{{ "AzureAd": {{ "Instance": "{url}", "TenantId": "{}", "ClientId": "{}", "ClientSecret": "{}" }},
             "ConnectionStrings": {{ "TokenCacheDbConnStr": "Data Source={}" }},
             "GraphApiUrl": "{url}/v1.0", // with a comment
             "Kestrel": {{ "Endpoints": {{ "Http": {{ "Url": "{endpoint}" }} }} }}, }}"#,
        entra.tenant_id(),
        app.client_id(),
        app.secret(),
        folder.join("tokens.db").display(),
        url = entra.url(),
    );
    std::fs::write(&file, json).unwrap();
    file
}

/// Starts it and reads the line that says where it listens.
fn start(program: &str, settings: &Path) -> (Running, String) {
    started(Command::new(program).arg("--settings").arg(settings))
}

fn started(command: &mut Command) -> (Running, String) {
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().rsplit_once(" listening on ").unwrap_or_else(|| panic!("{line:?}")).1.to_owned();
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_serve_over_one_file_and_stop_when_told() {
    let entra = Emulator::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = write_settings(folder.path(), &entra, "http://localhost:0");
    Settings::load(&file).unwrap().create_store(&stores::openers()).await.unwrap();
    let (mut app, app_url) = start(env!("CARGO_BIN_EXE_web-app"), &file);
    let (_api, api_url) = start(env!("CARGO_BIN_EXE_web-api"), &file);
    let mut browser = Browser::new();
    for url in [&app_url, &api_url] {
        let health = browser.get(&format!("{url}/healthz")).await;
        assert_eq!((health.status.as_u16(), health.body.as_str()), (200, "ok"));
    }
    let home = browser.sign_in(&format!("{app_url}/sign-in"), &entra.user("ada")).await;
    assert!(home.body.contains("Ada Lovelace"), "{}", home.body);

    assert!(Command::new("kill").arg("-TERM").arg(app.0.id().to_string()).status().unwrap().success());
    assert_eq!(app.0.wait().unwrap().code(), Some(0));

    // Another process knows the session: it is in the cookie and the store.
    let (_again, again_url) = start(env!("CARGO_BIN_EXE_web-app"), &file);
    let jar = browser.cookies[&app_url].clone();
    browser.cookies.insert(again_url.clone(), jar);
    assert!(browser.get(&again_url).await.body.contains("Ada Lovelace"));
    assert_eq!(entra.journal().token_requests().count(), 1);
}

#[tokio::test]
async fn wrong_settings_are_told_and_end_it_with_2() {
    let entra = Emulator::start().await;
    let folder = tempfile::tempdir().unwrap();
    let run = |file: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_web-app")).arg("--settings").arg(file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let no_store = run(&write_settings(folder.path(), &entra, "http://localhost:0"));
    assert_eq!(no_store.0, Some(2));
    assert!(no_store.1.contains("absentia store create"), "{}", no_store.1);
    let https = run(&write_settings(folder.path(), &entra, "https://localhost:0"));
    assert_eq!(https.0, Some(2));
    for next in ["Kestrel:Endpoints:Http:Url is https", "Kestrel:Certificates:Default:KeyPath", "emulator certificate"]
    {
        assert!(https.1.contains(next), "{}", https.1);
    }
    let missing = run(&folder.path().join("nowhere.json"));
    assert_eq!(missing.0, Some(2));
    assert!(missing.1.contains("AzureAd:ClientId"), "{}", missing.1);
}

/// Variables are how a container is told, and the endpoint's own certificate counts before the default one.
#[tokio::test(flavor = "multi_thread")]
async fn both_serve_https_with_the_certificate_of_the_settings() {
    let entra = Emulator::builder().https(true).remember_issued(true).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (certificate, key) = entra.certificate_for(&["localhost"]).unwrap();
    std::fs::write(at("certificate.pem"), &certificate).unwrap();
    std::fs::write(at("key.pem"), key).unwrap();
    std::fs::write(at("ca.pem"), entra.ca_pem().unwrap()).unwrap();
    let file = write_settings(folder.path(), &entra, "https://localhost:0");
    Settings::load(&file).unwrap().create_store(&stores::openers()).await.unwrap();
    let with = |program: &str, section: &str, path: &str, key_path: &str| {
        let mut command = Command::new(program);
        command.arg("--settings").arg(&file).env("AzureAd__ExtraRootCertificates", at("ca.pem"));
        command.env(format!("{section}__Path"), at(path)).env(format!("{section}__KeyPath"), at(key_path));
        command
    };
    let default = "Kestrel__Certificates__Default";
    for program in [env!("CARGO_BIN_EXE_web-app"), env!("CARGO_BIN_EXE_web-api")] {
        let mut command = with(program, "Kestrel__Endpoints__Http__Certificate", "certificate.pem", "key.pem");
        let (_running, url) = started(command.env(format!("{default}__Path"), at("nowhere.pem")));
        assert!(url.starts_with("https://localhost:"), "{url}");
        let health = Browser::trusting(entra.ca_pem().unwrap()).get(&format!("{url}/healthz")).await;
        assert_eq!((health.status.as_u16(), health.body.as_str()), (200, "ok"));
    }
    // A certificate that cannot be used is told by its setting and its file, and never shown.
    std::fs::write(at("other-key.pem"), entra.certificate_for(&["localhost"]).unwrap().1).unwrap();
    for (path, key_path, said) in [
        ("nowhere.pem", "key.pem", "Default:Path"),
        ("certificate.pem", "nowhere.pem", "Default:KeyPath"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("certificate.pem", "certificate.pem", "Default:KeyPath"),
        ("certificate.pem", "other-key.pem", "does not fit"),
    ] {
        let output = with(env!("CARGO_BIN_EXE_web-app"), default, path, key_path).output().unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{why}");
        assert!(why.contains(said) && why.contains(".pem") && !why.contains("BEGIN"), "{path}, {key_path}: {why}");
    }
}
