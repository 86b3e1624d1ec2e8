//! Which crate may build on which. DESIGN's picture, as a test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::process::Command;

use serde_json::Value;

/// Everything a crate of ours may depend on of ours. Development dependencies of tests are free.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("absentia", &["absentia-cache", "absentia-core", "absentia-store"]),
    (
        "absentia-apps",
        &[
            "absentia",
            "absentia-axum",
            "absentia-cache",
            "absentia-config",
            "absentia-core",
            "absentia-emulator",
            "absentia-redis",
            "absentia-sqlite",
            "absentia-store",
            "absentia-worker",
        ],
    ),
    ("absentia-axum", &["absentia", "absentia-config", "absentia-core"]),
    (
        "absentia-benches",
        &[
            "absentia",
            "absentia-cache",
            "absentia-core",
            "absentia-emulator",
            "absentia-redis",
            "absentia-sqlite",
            "absentia-store",
        ],
    ),
    ("absentia-cache", &["absentia-core", "absentia-store"]),
    (
        "absentia-cli",
        &["absentia", "absentia-config", "absentia-emulator", "absentia-redis", "absentia-sqlite", "absentia-store"],
    ),
    ("absentia-config", &["absentia", "absentia-cache", "absentia-data-protection", "absentia-store"]),
    ("absentia-core", &[]),
    ("absentia-data-protection", &["absentia-core"]),
    ("absentia-emulator", &[]),
    ("absentia-redis", &["absentia-store"]),
    ("absentia-sqlite", &["absentia-store"]),
    ("absentia-store", &[]),
    (
        "absentia-tests",
        &[
            "absentia",
            "absentia-cache",
            "absentia-config",
            "absentia-core",
            "absentia-emulator",
            "absentia-redis",
            "absentia-sqlite",
            "absentia-store",
        ],
    ),
    ("absentia-worker", &["absentia", "absentia-store"]),
    ("xtask", &[]),
];

/// The edges that must not be, as `crate -> dependency`.
fn forbidden(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let ours: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let mut edges = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            edges.push(format!("{name} is not in the picture: say what it may depend on"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let target = dependency["name"].as_str().unwrap();
            let development = dependency["kind"].as_str() == Some("dev");
            if ours.contains(&target) && !development && !allowed.contains(&target) {
                edges.push(format!("{name} -> {target}"));
            }
        }
    }
    edges
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn dependencies_point_one_way() {
    assert_eq!(forbidden(&metadata()), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_found() {
    let mut metadata = metadata();
    let packages = metadata["packages"].as_array_mut().unwrap();
    let core = packages.iter_mut().find(|package| package["name"] == "absentia-core").unwrap();
    core["dependencies"].as_array_mut().unwrap().push(serde_json::json!({"name": "absentia-store", "kind": null}));
    assert_eq!(forbidden(&metadata), ["absentia-core -> absentia-store"]);
}

/// What must not be linked into an app that uses one backend: another one's driver, another TLS or crypto stack.
#[test]
fn core_does_no_io() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "absentia-core", "--edges", "normal", "--prefix", "none", "--offline"])
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("absentia-core"), "{tree}");
    for banned in ["tokio ", "reqwest ", "hyper ", "rusqlite ", "socket2 ", "mio "] {
        assert!(!tree.contains(banned), "absentia-core reaches {banned}");
    }
}
