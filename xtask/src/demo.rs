//! `cargo demo`: the story's programs are built, then the one that tells it runs.

use std::process::{Command, ExitCode};

/// Builds the samples and runs the demo with `arguments`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    // The alias has a `--` of its own, so that of `cargo demo -- --keep` comes through.
    let arguments = match arguments {
        [dashes, rest @ ..] if dashes == "--" => rest,
        all => all,
    };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "absentia-apps", "--bins"]);
    // The first command of a stranger builds one backend.
    if arguments.iter().any(|argument| argument.contains("redis")) {
        build.args(["--features", "redis"]);
    }
    let build = build.status();
    if !build.is_ok_and(|status| status.success()) {
        eprintln!("the samples did not build");
        return ExitCode::FAILURE;
    }
    let demo = crate::step::target_folder().join("debug").join(format!("demo{}", std::env::consts::EXE_SUFFIX));
    match Command::new(&demo).args(arguments).status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("{} did not start: {error}", demo.display());
            ExitCode::FAILURE
        }
    }
}
