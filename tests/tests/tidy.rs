//! Rules of the repository that no compiler checks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where a secret may leave its type, and how often. A new caller is a decision: add it here, with a reason in the code.
const EXPOSED: [(&str, usize); 17] = [
    // A public client of its own, as the browser side is.
    ("apps/src/demo/spa.rs", 2),
    ("crates/absentia/src/assertion.rs", 2),
    ("crates/absentia/src/bearer.rs", 1),
    ("crates/absentia/src/credential.rs", 1),
    ("crates/absentia/src/entities.rs", 5),
    ("crates/absentia/src/flight.rs", 1),
    ("crates/absentia/src/flight/landing.rs", 2),
    ("crates/absentia/src/sign_in.rs", 1),
    ("crates/absentia/src/want.rs", 1),
    ("crates/core/src/grant/mod.rs", 1),
    ("crates/core/src/pkce.rs", 1),
    ("crates/core/src/response.rs", 1),
    ("crates/core/src/secret.rs", 0),
    ("crates/cache/src", 0),
    // PEM text and the password of a PFX, to read a private key.
    ("crates/data-protection/src/certificate.rs", 2),
    ("crates/data-protection/src", 0),
    ("crates/worker/src", 0),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(below: &str, extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", ".git", "node_modules"].contains(&name.as_str()) {
                    walk(&path, extensions, found);
                }
            } else if extensions.iter().any(|extension| name.ends_with(extension)) {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(below), extensions, &mut found);
    found
        .into_iter()
        .filter_map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            Some((name, fs::read_to_string(path).ok()?))
        })
        .collect()
}

/// The part of a file that is not its unit tests.
fn product(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |tests| &text[..tests])
}

#[test]
fn secrets_leave_their_type_only_where_it_was_decided() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for below in [
        "crates/absentia/src",
        "crates/core/src",
        "crates/cache/src",
        "crates/data-protection/src",
        "crates/worker/src",
        "apps/src",
    ] {
        for (name, text) in sources(below, &[".rs"]) {
            let calls = product(&text)
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .fold(0, |calls, line| calls + line.matches(".expose()").count());
            let listed = EXPOSED.iter().map(|(name, _)| *name).find(|listed| name.starts_with(listed)).unwrap_or(&name);
            *found.entry(listed.to_owned()).or_default() += calls;
        }
    }
    found.retain(|_, calls| *calls > 0);
    let expected: BTreeMap<String, usize> =
        EXPOSED.iter().filter(|(_, calls)| *calls > 0).map(|(name, calls)| ((*name).to_owned(), *calls)).collect();
    assert_eq!(found, expected, "callers of Secret::expose changed");
}

#[test]
fn nothing_speaks_of_one_machine() {
    let extensions = [".rs", ".md", ".toml", ".json", ".sh", "run"];
    // Written apart, so that this list does not find itself.
    let words = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/tm", "p/")];
    for (name, text) in sources("", &extensions) {
        for word in words {
            assert!(!text.contains(word), "{name} holds a path of one machine: {word}");
        }
    }
}

#[test]
fn the_token_endpoint_is_asked_in_one_place() {
    for (name, text) in sources("crates/absentia/src", &[".rs"]) {
        let asks = product(&text).contains("token_endpoint()");
        let may = ["crates/absentia/src/redeem.rs", "crates/absentia/src/client.rs"].contains(&name.as_str());
        assert!(!asks || may, "{name} names the token endpoint; only redeem.rs may ask it");
    }
}

#[test]
fn only_sign_out_and_stop_remove_unconditionally() {
    for below in ["crates/absentia/src", "crates/cache/src", "crates/worker/src", "apps/src"] {
        for (name, text) in sources(below, &[".rs"]) {
            let removes = product(&text).contains("Removal::SignOut");
            // The demo deletes an entry by hand, because that is part of its story.
            let may = ["crates/cache/src/remove.rs", "apps/src/demo/story.rs"].contains(&name.as_str());
            assert!(!removes || may, "{name} removes unconditionally");
        }
    }
    for (name, text) in sources("crates/absentia/src", &[".rs"]) {
        let removes = product(&text).contains("remove_for_sign_out(");
        let may = ["sign_out.rs", "long_running.rs"].iter().any(|may| name.ends_with(may));
        assert!(!removes || may, "{name} removes for a sign-out");
    }
}

#[test]
fn constructors_are_inert() {
    for below in ["crates/absentia/src", "crates/cache/src"] {
        for (name, text) in sources(below, &[".rs"]) {
            let spawns = product(&text).contains("spawn(");
            assert!(!spawns || name == "crates/absentia/src/flights.rs", "{name} spawns a task");
        }
    }
}
