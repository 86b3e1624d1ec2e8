//! `cargo xtask soak`: what takes too long for every run.

use std::process::{Command, ExitCode};

use crate::step::tests;

/// Races of 10^5 operations between two processes, over SQLite and, where it is installed, over Redis.
pub(crate) fn run() -> ExitCode {
    let mut soak = Command::new(env!("CARGO"));
    soak.args(["test", "--package", "absentia-tests", "--test", "races", "--", "--ignored", "--nocapture"]);
    let counts = tests("soak", &mut soak, |_| {});
    println!("\n{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
