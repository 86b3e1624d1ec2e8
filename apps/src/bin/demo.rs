//! `cargo demo`: the whole story with real processes.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    absentia_apps::demo::main().await
}
