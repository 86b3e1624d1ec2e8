//! What is stored, by us and by others: every spelling is read, and what is written is what MSAL.NET writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

mod checklist;
mod libraries;
mod partition_keys;
mod properties;
mod read_back;
mod recorded;
mod support;

use std::{
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use absentia_cache::{KeyId, KeyRing, KeyState, OsRandom, Partition, Section};
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

/// A ring as each form of its file has it, what was sealed under it, and the key that seals at the start of 2027.
#[test]
fn every_form_of_our_key_ring_is_read() {
    const A: &str = "616201a874a3e901e13bb79d69172c12c4a3eba90dae77b3515ce22e88728011626fb0cd0103f5ef";
    const B: &str = "61620161db31a0f839297c3421f1aa6749ece2eda6bd5ac3bc95836c5a43f4a9006713ebcb6a8104";
    const C: &str = "6162017ccdfaf5726cb01c22c1064b135bf79c394ba5d75b4c4c4115c9fa2af8b58a6af79a83287a";
    let now = UNIX_EPOCH + Duration::from_secs(1_798_761_600);
    for (name, sealed, active) in [
        ("first", &[("a", A), ("b", B)][..], "a874a3e901e13bb7"),
        ("second", &[("a", A), ("b", B), ("c", C)], "7ccdfaf5726cb01c"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/key-ring").join(name).with_extension("json");
        fs::copy(fixture, &path).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let ring = KeyRing::load(&path).unwrap();
        let opens_all = |ring: &KeyRing| {
            for (plain, sealed) in sealed {
                let sealed: Vec<u8> = (0..sealed.len() / 2)
                    .map(|at| u8::from_str_radix(&sealed[2 * at..2 * at + 2], 16).unwrap())
                    .collect();
                assert_eq!(&ring.open("absentia compat", &sealed, now).unwrap()[..], plain.as_bytes(), "{name}");
            }
        };
        opens_all(&ring);
        let keys = ring.keys(now).unwrap();
        let seals: Vec<_> =
            keys.iter().filter(|key| key.state == KeyState::Active).map(|key| key.id.to_string()).collect();
        assert_eq!(seals, [active], "{name}");
        assert_eq!(ring.seal("x", b"x", now, &OsRandom).unwrap()[3..11], KeyId::parse(active).unwrap().bytes());
        // Changed, it has the present form, and opens the same.
        ring.rotate(now, &OsRandom).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("\"absentia_key_ring\": 2"));
        opens_all(&KeyRing::load(&path).unwrap());
    }
}
