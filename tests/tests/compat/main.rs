//! What is stored, by us and by others: every spelling is read, and what is written is what MSAL.NET writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

mod checklist;
mod libraries;
mod partition_keys;
mod properties;
mod read_back;
mod recorded;
mod support;

use std::{fs, path::Path};

use absentia_cache::{Partition, Section};
use serde_json::Value;

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/dotnet");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() >= 50, "only {} fixtures", found.len());
    found
}

/// Values, order of sections, order of members and item keys are MSAL.NET's own. Only the order of items in a section and
/// the spelling of characters (`\u002B` for `+`) are free.
#[test]
fn what_dotnet_wrote_is_written_back_the_same() {
    let mut differing = Vec::new();
    for (name, bytes) in fixtures() {
        let partition = Partition::parse(&bytes).unwrap_or_else(|| panic!("{name} cannot be read"));
        let ours: Value = serde_json::from_slice(&partition.to_json()).unwrap();
        let theirs: Value = serde_json::from_slice(&bytes).unwrap();
        // As text too: the order of members counts.
        let (our_text, their_text) = (ours.to_string(), theirs.to_string());
        if ours != theirs || our_text != their_text {
            differing.push(name);
        }
    }
    assert_eq!(differing, Vec::<String>::new());
}

#[test]
fn the_fixtures_hold_what_they_say() {
    let of = |name: &str| {
        let (_, bytes) = fixtures().into_iter().find(|(file, _)| file == name).unwrap();
        Partition::parse(&bytes).unwrap()
    };
    assert!(of("obo.json").section(Section::RefreshToken).is_empty());
    assert!(of("obo-long-running-custom.json").has_refresh_token());
    assert_eq!(of("app-two-resources.json").section(Section::AccessToken).len(), 2);
    assert_eq!(of("user-two-clients.json").section(Section::RefreshToken).len(), 2);
}
