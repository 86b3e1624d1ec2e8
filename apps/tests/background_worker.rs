//! The program, over a SQLite file that another process filled, against the emulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use absentia::{
    ConfidentialClient, Secret, SignInOptions,
    transport::{HttpClient, SystemHttp},
};
use absentia_config::Settings;
use absentia_emulator::{Emulator, UserHandle};
use serde_json::Value;

const REDIRECT: &str = "http://localhost:44321/signin-oidc";
const SCOPES: &str = "openid profile offline_access User.Read";

struct Scene {
    entra: Emulator,
    folder: tempfile::TempDir,
    app: ConfidentialClient,
}

impl Scene {
    async fn new() -> Self {
        let entra = Emulator::start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("appsettings.json");
        let database = folder.path().join("tokens.db");
        let app = entra.app("contoso-worker");
        let text = serde_json::json!({
            "AzureAd": {
                "Instance": entra.url(),
                "TenantId": entra.tenant_id(),
                "ClientId": app.client_id(),
                "ClientSecret": app.secret(),
            },
            "GraphApiUrl": format!("{}/beta/me", entra.graph_url()),
            "ConnectionStrings": { "TokenCacheDbConnStr": format!("Data Source={}", database.display()) },
        });
        std::fs::write(&file, text.to_string()).unwrap();
        let settings = Settings::load(&file).unwrap();
        let openers = absentia_apps::stores::openers();
        settings.create_store(&openers).await.unwrap();
        let cache = settings.token_cache(&openers).await.unwrap();
        let http: Arc<dyn HttpClient> = Arc::new(SystemHttp::new().unwrap());
        let app = settings.confidential_client().unwrap().cache(&cache).http(http).build().unwrap();
        Self { entra, folder, app }
    }

    async fn sign_in(&self, user: &UserHandle) {
        let app = self.entra.app("contoso-web");
        let pending = self.app.begin_sign_in().unwrap();
        let url = self.app.sign_in_url(&pending, REDIRECT, SCOPES, "state", &SignInOptions::default());
        let mut sign_in = user.sign_in(&app, REDIRECT, SCOPES);
        for (name, value) in url::Url::parse(&url).unwrap().query_pairs() {
            if name == "nonce" || name.starts_with("code_challenge") {
                sign_in = sign_in.with(&name, &value);
            }
        }
        let code = sign_in.await.unwrap();
        self.app.complete_sign_in(&pending, &Secret::new(code), REDIRECT, SCOPES).await.unwrap();
    }

    fn file(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program on a thread of its own, since the emulator needs this one.
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_background-worker"));
        command.current_dir(self.file()).args(["--once", "--idle", "0s"]).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text);
            for issued in self.entra.issued() {
                assert!(!text.contains(&issued.value), "a secret was printed: {text}");
            }
        }
        output
    }

    async fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(&[&["--json"], arguments].concat()).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        (output.status.code(), serde_json::from_str(&text).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_users_are_acted_for_and_the_revoked_one_is_reported_and_left_alone() {
    let scene = Scene::new().await;
    let (ada, grace) = (scene.entra.user("ada"), scene.entra.user("grace"));
    // So short that it is past its use when the worker comes.
    scene.entra.set_token_lifetime(&grace, Duration::from_secs(120));
    scene.sign_in(&ada).await;
    scene.sign_in(&grace).await;

    let (code, report) = scene.json(&[]).await;
    assert_eq!(code, Some(0), "{report}");
    let find = |report: &Value, group: &str, user: &UserHandle| {
        let found = report[group].as_array().unwrap().iter().find(|row| row["username"] == user.upn()).cloned();
        found.unwrap_or_else(|| panic!("{} is not in {group}: {report}", user.upn()))
    };
    let row = find(&report, "succeeded", &ada);
    assert_eq!((&row["grant"], &row["token_source"]), (&"account".into(), &"cache".into()));
    assert_eq!(row["display_name"], "Ada Lovelace");
    assert!(row["expires_in"].as_u64().unwrap() > 600);
    let row = find(&report, "succeeded", &grace);
    assert_eq!((&row["token_source"], &row["display_name"]), (&"identity provider".into(), &"Grace Hopper".into()));

    scene.entra.revoke_sessions(&grace);
    let (code, report) = scene.json(&[]).await;
    assert_eq!(code, Some(1), "{report}");
    let row = find(&report, "failed", &grace);
    assert_eq!((&row["state"], &row["reason"]), (&"needs-sign-in".into(), &"AADSTS50173".into()));
    find(&report, "succeeded", &ada);

    // She is left alone: no request for her, and that is no failure.
    let before = scene.entra.journal().token_requests().of(&grace).count();
    let (code, report) = scene.json(&[]).await;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(find(&report, "waiting", &grace)["reason"], "AADSTS50173");
    assert!(report["failed"].as_array().unwrap().is_empty());
    assert_eq!(scene.entra.journal().token_requests().of(&grace).count(), before);

    scene.sign_in(&grace).await;
    let (code, report) = scene.json(&["--user", "GRACE@contoso.example"]).await;
    assert_eq!(code, Some(0), "{report}");
    find(&report, "succeeded", &grace);
    assert_eq!(report["counts"]["claimed"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_read_lines_and_three_groups() {
    let scene = Scene::new().await;
    let (ada, grace) = (scene.entra.user("ada"), scene.entra.user("grace"));
    scene.entra.set_token_lifetime(&grace, Duration::from_secs(120));
    scene.sign_in(&ada).await;
    scene.sign_in(&grace).await;
    scene.entra.revoke_sessions(&grace);
    let output = scene.run(&[]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "colours go to terminals only: {text}");
    let line = text.lines().find(|line| line.contains("ada@contoso.example")).unwrap();
    assert!(line.starts_with("ok ") && line.contains("account") && line.contains("cache"), "{text}");
    assert!(line.contains("User.Read") && line.contains("expires in") && line.ends_with("Ada Lovelace"), "{text}");
    let line = text.lines().find(|line| line.contains("grace@contoso.example")).unwrap();
    assert!(line.starts_with("failed") && line.ends_with("needs-sign-in, AADSTS50173"), "{text}");
    assert!(text.contains("  1 succeeded") && text.contains("  1 failed now"), "{text}");
    assert!(text.contains("  0 waiting for a sign-in, not tried"), "{text}");
    let text = String::from_utf8(scene.run(&[]).await.stdout).unwrap();
    assert!(text.contains("  1 waiting for a sign-in, not tried"), "{text}");
    assert!(text.contains("grace@contoso.example: AADSTS50173 since "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_with_its_name_and_exit_code() {
    let scene = Scene::new().await;
    scene.sign_in(&scene.entra.user("ada")).await;
    let output = scene.run(&["--settings", "other.json"]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("AzureAd:ClientId") && error.contains("other.json"), "{error}");

    let output = scene.run(&["--idle", "soon"]).await;
    assert_eq!(output.status.code(), Some(2));

    // A wrong secret is nobody's account at fault: explained, and nobody is marked.
    let file = scene.file().join("appsettings.json");
    let right = std::fs::read_to_string(&file).unwrap();
    let secret = scene.entra.app("contoso-worker").secret().to_owned();
    std::fs::write(&file, right.replace(&secret, "not-the-secret")).unwrap();
    scene.entra.set_token_lifetime(&scene.entra.user("ada"), Duration::from_secs(20));
    scene.sign_in(&scene.entra.user("ada")).await;
    let output = scene.run(&[]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("AADSTS7000215") && error.contains("AzureAd:ClientSecret"), "{error}");
    std::fs::write(&file, right).unwrap();
    assert_eq!(scene.json(&[]).await.0, Some(0));

    // Entra does not answer: failed now, and nobody waits for a sign-in.
    scene.entra.set_outage(Some(absentia_emulator::Outage { status: 503, retry_after: Some(60) }));
    let (code, report) = scene.json(&[]).await;
    assert_eq!((code, &report["failed"][0]["state"]), (Some(1), &"unavailable".into()), "{report}");
    scene.entra.set_outage(None);
    assert_eq!(scene.json(&[]).await.0, Some(0));

    // The wrong key ring: what it cannot open is reported, and well again with the right one.
    let ring = scene.file().join("tokens.db.keys");
    let kept = scene.file().join("kept");
    std::fs::rename(&ring, &kept).unwrap();
    let output = scene.run(&[]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("absentia store create"), "{error}");
    let settings = Settings::load(&file).unwrap();
    settings.create_store(&absentia_apps::stores::openers()).await.unwrap();
    let (code, report) = scene.json(&[]).await;
    assert_eq!((code, &report["failed"][0]["state"]), (Some(1), &"unreadable".into()), "{report}");
    std::fs::rename(&kept, &ring).unwrap();
    assert_eq!(scene.json(&[]).await.0, Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_until_it_is_interrupted() {
    use std::io::{BufRead as _, BufReader};
    let scene = Scene::new().await;
    scene.sign_in(&scene.entra.user("ada")).await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_background-worker"))
        .current_dir(scene.file())
        .args(["--idle", "0s", "--interval", "1s", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let code = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(output).lines();
        // Two passes: she is due again a second after the first.
        for _ in 0..2 {
            let report: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(report["counts"]["succeeded"], 1, "{report}");
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap().code()
    });
    assert_eq!(code.await.unwrap(), Some(0));
}
