//! The demo, as a stranger plays it, and as a saboteur does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::process::{Command, Stdio};

fn demo(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    // The programs of this run are known by their folder for temporary files.
    command.env("TMPDIR", folder.path()).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Processes of this run that are still there.
#[cfg(target_os = "linux")]
fn left_over(folder: &tempfile::TempDir) -> Vec<String> {
    let mark = folder.path().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&mark) {
            found.push(std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default());
        }
    }
    found
}

#[test]
fn everything_holds_and_nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(&folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Everything holds.") && !text.contains("FAILS"), "{text}");
    for shown in
        ["AADSTS50173", "entry_missing", "Ada Lovelace", "long-running", "identity provider", "waiting, not tried"]
    {
        assert!(text.contains(shown), "{shown} is missing from\n{text}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(left_over(&folder), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files are left");
}

#[test]
fn the_verdict_notices_what_was_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(&folder).env("ABSENTIA_DEMO_SABOTAGE", "skip-revoke").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("FAILS  grace"), "{text}");
    #[cfg(target_os = "linux")]
    assert_eq!(left_over(&folder), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_stops_all_it_started() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(&folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("signed in to the web app")));
    assert!(left_over(&folder).len() >= 4, "the demo, Entra and two apps");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(!child.wait().unwrap().success());
    assert_eq!(left_over(&folder), Vec::<String>::new());
}

#[cfg(feature = "redis")]
#[test]
fn it_is_told_over_redis_too() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "redis-server is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = demo(&folder).args(["--store", "redis"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("a throw-away Redis") && text.contains("Everything holds."), "{text}");
    #[cfg(target_os = "linux")]
    assert_eq!(left_over(&folder), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files are left");
    // A server that nobody started is named with what to do.
    let output = demo(&folder).args(["--store", "redis", "--connection", "127.0.0.1:1"]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nobody listens there") && said.contains("127.0.0.1:1"), "{said}");
}
