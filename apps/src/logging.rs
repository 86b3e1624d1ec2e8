//! Logs: to standard error, so that standard output is the program's answer alone.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging at the level of `ABSENTIA_LOG` (a level, or directives as `RUST_LOG` has them), `default` if it is not
/// set. Called once, by `main`.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env("ABSENTIA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}
