//! `cargo xtask bench`: the figures of `docs/performance.md`, and what a clean build costs.

use std::process::{Command, ExitCode};

use crate::step::target_folder;

/// Measures. Words choose figures by name; `--build` measures a clean build of the default members instead.
pub(crate) fn run(words: &[String]) -> ExitCode {
    if words == ["--build"] {
        return build();
    }
    let mut bench = Command::new(env!("CARGO"));
    bench.args(["bench", "--package", "absentia-benches", "--bench", "figures", "--bench", "redis", "--"]).args(words);
    succeeded(bench)
}

/// Builds the default members into a folder of their own, which is removed afterwards.
fn build() -> ExitCode {
    let folder = target_folder().join("clean-build");
    let _ = std::fs::remove_dir_all(&folder);
    let before = cpu_seconds_of_children();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked"]).env("CARGO_TARGET_DIR", &folder);
    let code = succeeded(build);
    match (before, cpu_seconds_of_children()) {
        _ if code != ExitCode::SUCCESS => println!("it did not build, so there is no figure"),
        (Some(before), Some(after)) => {
            println!("clean build of the default members: {:.0} CPU-seconds", after - before)
        }
        _ => println!("this system does not say what a child process cost"),
    }
    let _ = std::fs::remove_dir_all(&folder);
    code
}

fn succeeded(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("cargo did not start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// User and system time of the children that ended, with theirs: members 16 and 17 of Linux's `/proc/self/stat`, in
/// hundredths of a second.
fn cpu_seconds_of_children() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(") ")?; // member 2 is the program's name, which may hold blanks
    let mut members = rest.split_ascii_whitespace().skip(13);
    let mut ticks = || members.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}
