//! Everything the programs say while the whole story plays, at their most talkative, is searched for every secret Entra gave
//! out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{collections::BTreeMap, fs, process::Command};

use absentia_tests::secrecy::{Sought, find};
use serde_json::Value;

/// What Entra gives out in this story.
const KINDS: [&str; 6] =
    ["access_token", "authorization_code", "client_secret", "id_token", "refresh_token", "session_cookie"];

#[test]
fn no_program_says_a_secret() {
    let (folder, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let played = Command::new(env!("CARGO_BIN_EXE_demo"))
        .env("TMPDIR", folder.path())
        .env("ABSENTIA_DEMO_OUTPUT", output.path())
        .env("ABSENTIA_LOG", "trace")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stdout));

    let issued: Value = serde_json::from_slice(&fs::read(output.path().join("issued.txt")).unwrap()).unwrap();
    let issued = issued.as_array().or_else(|| issued["issued"].as_array()).unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut secrets = Vec::new();
    for secret in issued {
        let (kind, value) = (secret["kind"].as_str().unwrap(), secret["value"].as_str().unwrap());
        *kinds.entry(kind).or_default() += 1;
        // The demo users' passwords are published, and typed by people.
        if kind != "password" {
            secrets.push(Sought::new(kind, value));
        }
    }
    for kind in KINDS {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "no {kind} was given out: {kinds:?}");
    }

    let mut said = vec![("the demo".to_owned(), [played.stdout, played.stderr].concat())];
    for file in fs::read_dir(output.path()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut text = fs::read(&path).unwrap();
        if name == "the-emulator.txt" {
            // Its first answer is for programs, and holds the secret published with it.
            let text_start = text.iter().position(|byte| *byte == b'\n').unwrap();
            text.drain(..text_start);
        }
        if name != "issued.txt" {
            said.push((name, text));
        }
    }
    for program in ["web-app.txt", "web-api.txt", "background-worker.txt"] {
        let (_, text) = said.iter().find(|(name, _)| name == program).unwrap();
        // Talkative indeed, or nothing was searched.
        assert!(
            String::from_utf8_lossy(text).contains("TRACE") || text.len() > 2_000,
            "{program} said next to nothing"
        );
    }
    for (name, text) in &said {
        let found = find(&secrets, text);
        assert!(found.is_empty(), "{name} says {found:?}");
    }

    // The search itself can find: one secret said on purpose.
    let (_, mut text) = said.swap_remove(0);
    text.extend_from_slice(secrets[0].reveal());
    assert!(!find(&secrets, text).is_empty());
}
