//! `cargo xtask test`: everything CI checks, one step after the other, all of them also when one fails.

use std::process::{Command, ExitCode, Stdio};

use crate::{
    laws::Laws,
    step::{Counts, check, tests},
};

/// The version of cargo-deny that is installed when there is none.
const CARGO_DENY: &str = "^0.20";

/// Runs every step and prints `N passed, N failed, N skipped` as the last line.
pub(crate) fn run() -> ExitCode {
    let ci = std::env::var_os("CI").is_some();
    let mut total = Counts::default();

    total.add(check("format", cargo(["fmt", "--all", "--check"]).env_remove("RUSTFLAGS")));
    total.add(check(
        "lints",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    ));
    total.add(check(
        "documents",
        cargo(["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    ));
    total.add(dependencies(ci));
    // The binaries the tests start must be those of this source.
    total.add(check("programs", &mut cargo(["build", "--workspace", "--all-features", "--bins"])));
    let most = ["test", "--workspace", "--all-features", "--no-fail-fast", "--exclude", "absentia-redis"];
    let mut laws = Laws::default();
    total.add(tests("tests", &mut cargo(most), |line| laws.see(line)));
    let redis = redis(ci, &mut laws);
    total.add(redis);
    let expected = ["memory", "sqlite", "redis_single", "redis_tls", "redis_cluster", "redis_sentinel"];
    total.add(laws.conclude(if redis.skipped == 1 && redis.passed == 0 { &expected[..2] } else { &expected }));
    total.add(browser(ci));
    total.add(witnesses(ci));
    total.add(check("demo", Command::new(env!("CARGO")).args(["run", "--quiet", "--package", "xtask", "--", "demo"])));

    println!("\n{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Licences, banned crates and sources, without a network. In CI cargo-deny is installed when it is missing; elsewhere the
/// check is skipped by name.
fn dependencies(ci: bool) -> Counts {
    let mut deny = cargo(["deny", "--version"]);
    let there = deny.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !there && !ci {
        return skipped("dependencies", "cargo-deny is not installed: cargo install cargo-deny --locked");
    }
    if !there {
        let installed =
            check("install cargo-deny", &mut cargo(["install", "cargo-deny", "--locked", "--version", CARGO_DENY]));
        if installed.failed > 0 {
            return installed;
        }
    }
    // Crates of other platforms too: cargo-deny looks at the whole graph, and asks for nothing itself.
    let fetched = check("fetch", &mut cargo(["fetch", "--locked"]));
    if fetched.failed > 0 {
        return fetched;
    }
    check("dependencies", &mut cargo(["deny", "--offline", "check", "bans", "licenses", "sources"]))
}

/// The apps in Debian's Chromium. In CI what is missing fails; elsewhere the group is skipped by name.
fn browser(ci: bool) -> Counts {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let missing: Vec<&str> = [("node", "node"), ("npm", "npm"), (chromium.as_str(), "Debian's chromium")]
        .into_iter()
        .filter(|(program, _)| !answers(program))
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() && !ci {
        return skipped("browser", &format!("not installed: {}", missing.join(", ")));
    }
    tests("browser", Command::new("node").arg("tests/e2e/run.mjs"), |_| {})
}

/// Microsoft's other client libraries against the emulator. Each says for itself what it misses; all need Node.
fn witnesses(ci: bool) -> Counts {
    if !answers("node") && !ci {
        return skipped("witnesses", "not installed: node");
    }
    tests("witnesses", Command::new("node").arg("tests/witnesses/run.mjs"), |_| {})
}

/// The Redis backend against servers of Debian's packages. In CI what is missing fails; elsewhere the group is skipped by
/// name.
fn redis(ci: bool, laws: &mut Laws) -> Counts {
    let programs = ["redis-server", "redis-sentinel", "redis-cli"];
    let missing: Vec<&str> = programs.into_iter().filter(|program| !answers(program)).collect();
    if !missing.is_empty() && !ci {
        return skipped("redis", &format!("not installed: {}", missing.join(", ")));
    }
    // Where time is the server's the laws mostly wait, so more of them than cores run at once.
    let mut run = cargo(["test", "--package", "absentia-redis", "--no-fail-fast"]);
    tests("redis", run.env("RUST_TEST_THREADS", "6"), |line| laws.see(line))
}

fn skipped(name: &str, reason: &str) -> Counts {
    println!("\nskipped: {name} ({reason})");
    Counts { skipped: 1, ..Counts::default() }
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments);
    command
}
