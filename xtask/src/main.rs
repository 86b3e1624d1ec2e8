//! Chores of the workspace: `cargo xtask test`, `cargo xtask soak`, `cargo xtask bench`, `cargo demo`. Without
//! dependencies, so that it is there in seconds.

mod bench;
mod demo;
mod laws;
mod soak;
mod step;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test            everything CI checks: format, lints, documents, tests, dependencies, the demo,
                  the apps in a browser, the emulator before Microsoft's libraries
  soak            long races between processes: 100,000 operations over each store
  bench [NAME]    the figures of docs/performance.md; with --build, what a clean build costs
  demo [OPTIONS]  builds the samples and plays the story (cargo demo is short for it)
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    match command.as_deref() {
        Some("test") if rest.is_empty() => test::run(),
        Some("soak") if rest.is_empty() => soak::run(),
        Some("bench") => bench::run(&rest),
        Some("demo") => demo::run(&rest),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}
