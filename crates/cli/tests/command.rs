//! The command, run as a process over a SQLite file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

mod support;

use std::{
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use absentia::store::{
    Activity, Backend, Claim, ClaimRequest, Clock as _, Finish, GrantKind, GrantState, Key, SystemClock,
};
use serde_json::Value;

use crate::support::{CLIENT, Folder, TENANT};

fn id(number: u32) -> String {
    format!("11111111-aaaa-4bbb-8ccc-{number:012}.{TENANT}")
}

/// Records a user with an account grant, active an hour ago for each of her number.
async fn record(backend: &Backend, number: u32, username: &str, kind: GrantKind) {
    let activity = Activity {
        client_id: CLIENT.into(),
        account_id: id(number),
        tenant: TENANT.into(),
        username: Some(username.into()),
        key: Key::new(format!("{CLIENT}/{}-{}", id(number), kind.as_str())),
        kind,
        at: SystemClock.now() - Duration::from_secs(3_600 * u64::from(number)),
        sign_in: Some(0),
        expires_at: None,
    };
    backend.accounts.as_ref().unwrap().record(&activity).await.unwrap();
}

/// Lets a worker find out that the user must sign in.
async fn must_sign_in(backend: &Backend, username: &str, since: SystemTime) {
    let accounts = backend.accounts.as_ref().unwrap();
    let request = ClaimRequest {
        client_id: CLIENT.into(),
        idle_before: SystemClock.now(),
        pass: None,
        username: Some(username.into()),
        lease: Duration::from_secs(60),
        limit: 1,
    };
    let claims: Vec<Claim> = accounts.claim(&request, SystemClock.now()).await.unwrap();
    let grant = &claims[0].account.grants[0];
    let state = GrantState::NeedsSignIn { reason: "AADSTS50173".into(), claims: None, since };
    let grants = vec![(grant.key.clone(), grant.epoch, state)];
    accounts.finish(&claims[0], &Finish { due_at: since, attempts: 0, grants }).await.unwrap();
}

#[test]
fn a_store_is_made_once_and_made_sure_of_again() {
    let folder = Folder::new();
    let (code, error) = folder.failure(&["accounts", "list"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("absentia store create"), "{error}");

    let text = folder.text(&["store", "create"]);
    assert!(text.starts_with("ready") && text.contains("made now") && !text.contains('\u{1b}'), "{text}");
    let ring = folder.0.path().join("tokens.db.keys");
    let before = std::fs::read(&ring).unwrap();
    assert!(folder.text(&["store", "create"]).contains("kept as it was"));
    assert_eq!(folder.json(&["store", "create"])["new_key_ring"], false);
    assert_eq!(std::fs::read(&ring).unwrap(), before);
    assert_eq!(folder.text(&["accounts", "list"]), "No accounts.\n");
}

#[tokio::test]
async fn accounts_are_listed_by_state_and_idleness() {
    let folder = Folder::new();
    folder.text(&["store", "create"]);
    let backend = folder.backend().await;
    record(&backend, 1, "ada@contoso.example", GrantKind::Account).await;
    record(&backend, 1, "ada@contoso.example", GrantKind::LongRunning).await;
    record(&backend, 30, "grace@contoso.example", GrantKind::Account).await;
    must_sign_in(&backend, "grace@contoso.example", SystemClock.now() - Duration::from_secs(600)).await;

    let text = folder.text(&["accounts", "list"]);
    let line = text.lines().find(|line| line.starts_with("ada@")).unwrap();
    assert!(line.contains("healthy") && line.contains("account, long-running") && line.contains("60 min"), "{text}");
    let line = text.lines().find(|line| line.starts_with("grace@")).unwrap();
    assert!(
        line.contains("needs-sign-in") && line.contains("30 h") && line.ends_with("AADSTS50173 10 min ago"),
        "{text}"
    );
    assert!(text.contains(&id(1)));

    let names = |arguments: &[&str]| -> Vec<String> {
        let list = folder.json(&[&["accounts", "list"], arguments].concat());
        list.as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["ada@contoso.example", "grace@contoso.example"]);
    assert_eq!(names(&["--idle", "1d"]), ["grace@contoso.example"]);
    assert_eq!(names(&["--state", "needs-sign-in"]), ["grace@contoso.example"]);
    assert_eq!(names(&["--state", "healthy", "--idle", "1d"]), [""; 0]);
    let row = &folder.json(&["accounts", "list", "--state", "needs-sign-in"])[0];
    assert_eq!((&row["reason"], &row["grants"][0]["kind"]), (&"AADSTS50173".into(), &"account".into()));
    assert!(row["since"].as_str().unwrap().ends_with('Z'));

    assert_eq!(folder.failure(&["accounts", "list", "--state", "fine"]).0, Some(2));
    assert_eq!(folder.failure(&["accounts", "list", "--idle", "soon"]).0, Some(2));
}

#[tokio::test]
async fn a_sign_out_asks_first_and_says_what_it_removed() {
    let folder = Folder::new();
    folder.text(&["store", "create"]);
    let backend = folder.backend().await;
    record(&backend, 1, "ada@contoso.example", GrantKind::Account).await;
    record(&backend, 2, "twin@contoso.example", GrantKind::Account).await;
    record(&backend, 3, "twin@contoso.example", GrantKind::LongRunning).await;
    let key = Key::new(format!("{CLIENT}/{}-account", id(1)));
    let put = backend.entries.put(&key, "x".into(), absentia::store::When::Absent, absentia::store::Expiry::default());
    put.await.unwrap();

    let (code, error) = folder.failure(&["accounts", "sign-out", "ada@contoso.example"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("--yes"), "{error}");
    assert!(backend.entries.get(&key).await.unwrap().is_some());

    let text = folder.text(&["accounts", "sign-out", "ADA@contoso.example", "--yes"]);
    assert!(text.contains("ada@contoso.example is signed out") && text.contains("Removed 1 entry"), "{text}");
    assert!(backend.entries.get(&key).await.unwrap().is_none());
    assert_eq!(folder.json(&["accounts", "list", "--state", "revoked"])[0]["account_id"], id(1).as_str());
    // Repeatable.
    assert_eq!(folder.json(&["accounts", "sign-out", "ada@contoso.example", "--yes"])["removed_entries"], 0);

    let (code, error) = folder.failure(&["accounts", "sign-out", "twin@contoso.example", "--yes"]);
    assert_eq!(code, Some(1));
    assert!(error.contains(&id(2)) && error.contains(&id(3)), "{error}");
    assert_eq!(folder.json(&["accounts", "sign-out", &id(3), "--yes"])["grants"]["long-running"], 1);
    // The other of that name is alone now.
    assert_eq!(folder.json(&["accounts", "sign-out", "twin@contoso.example", "--yes"])["account_id"], id(2).as_str());

    let (code, error) = folder.failure(&["accounts", "sign-out", "nobody@contoso.example", "--yes"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("accounts list"), "{error}");
}

#[tokio::test]
async fn a_block_is_set_shown_and_lifted() {
    let folder = Folder::new();
    folder.text(&["store", "create"]);
    let backend = folder.backend().await;
    record(&backend, 1, "ada@contoso.example", GrantKind::Account).await;
    record(&backend, 2, "grace@contoso.example", GrantKind::Account).await;
    assert_eq!(folder.failure(&["accounts", "block"]).0, Some(2));
    let (code, error) = folder.failure(&["accounts", "block", "nobody@contoso.example"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("accounts list"), "{error}");

    let text = folder.text(&["accounts", "block", "ADA@contoso.example"]);
    assert!(text.contains("ada@contoso.example is blocked") && text.contains("accounts unblock"), "{text}");
    assert!(folder.text(&["accounts", "block", &id(1)]).contains("already"));
    let again = folder.json(&["accounts", "block", &id(1)]);
    assert_eq!((&again["changed"], &again["account_id"]), (&false.into(), &id(1).into()));
    let rows = folder.json(&["accounts", "list", "--state", "blocked"]);
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["state"]), (1, &"blocked".into()));
    assert_eq!(rows[0]["blocked_at"], again["blocked_at"]);
    let text = folder.text(&["accounts", "list"]);
    assert!(text.lines().any(|line| line.starts_with("ada@") && line.contains(" blocked ")), "{text}");

    // She is blocked, whoever signs her out.
    folder.text(&["accounts", "sign-out", "ada@contoso.example", "--yes"]);
    let (code, error) = folder.failure(&["accounts", "unblock", "nobody"]);
    assert_eq!(code, Some(1), "{error}");
    let lifted = folder.json(&["accounts", "unblock", "ada@contoso.example"]);
    assert_eq!((&lifted["changed"], &lifted["state"]), (&true.into(), &"revoked".into()));
    assert_eq!(folder.json(&["accounts", "unblock", &id(1)])["changed"], false);
    assert!(folder.text(&["accounts", "unblock", "grace@contoso.example"]).contains("was not blocked"));
    assert_eq!(folder.json(&["accounts", "list", "--state", "blocked"]).as_array().unwrap().len(), 0);
}

#[test]
fn wrong_settings_are_named_and_a_read_only_or_broken_store_says_so() {
    let folder = Folder::new();
    let (code, error) = folder.failure(&["store", "create", "--settings", "other.json"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("TokenCacheDbConnStr") && error.contains("other.json"), "{error}");
    folder.text(&["store", "create"]);
    std::fs::write(folder.0.path().join("appsettings.json"), "{ \"AzureAd\": ").unwrap();
    let (code, error) = folder.failure(&["accounts", "list"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("appsettings.json"), "{error}");

    let folder = Folder::new();
    folder.text(&["store", "create"]);
    std::fs::write(folder.0.path().join("tokens.db"), "this is no database, whatever its name says").unwrap();
    for left in ["tokens.db-wal", "tokens.db-shm"] {
        let _ = std::fs::remove_file(folder.0.path().join(left));
    }
    let (code, error) = folder.failure(&["accounts", "list"]);
    assert!(matches!(code, Some(2 | 3)), "{error}");
    assert!(error.contains("tokens.db"), "{error}");
    assert_eq!(folder.failure(&["accounts"]).0, Some(2));
}

#[cfg(unix)]
#[test]
fn the_emulator_runs_until_it_is_interrupted() {
    use std::io::{BufRead as _, BufReader};
    let folder = Folder::new();
    let mut child = folder
        .command(&["emulator", "run", "--http", "--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(ready["url"].as_str().unwrap().starts_with("http://localhost:"));
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn trust_names_the_file_and_changes_nothing() {
    let folder = Folder::new();
    let text = folder.text(&["emulator", "trust", "--data", "entra"]);
    assert!(
        text.contains("ca.pem") && text.contains("NODE_EXTRA_CA_CERTS") && text.contains("not there yet"),
        "{text}"
    );
    assert!(!folder.0.path().join("entra").exists());
}

#[test]
fn a_certificate_is_made_and_the_settings_that_take_it_are_named() {
    let folder = Folder::new();
    let text = folder.text(&["emulator", "certificate", "--data", "entra", "--out", "app"]);
    assert!(text.contains("Kestrel:Certificates:Default:Path") && text.contains("certificate-key.pem"), "{text}");
    for file in ["entra/ca.pem", "app/certificate.pem", "app/certificate-key.pem"] {
        assert!(folder.0.path().join(file).exists(), "{file}");
    }
    let output = folder
        .command(&["emulator", "certificate", "--data", "entra", "--out", "app", "--host", "contoso.example"])
        .output()
        .unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && why.contains("loopback names alone"), "{why}");
}

#[test]
fn the_help_says_what_exit_codes_mean() {
    let folder = Folder::new();
    let text = folder.text(&["--help"]);
    assert!(text.contains("Exit codes:") && text.contains("3  the store did not answer"), "{text}");
}
