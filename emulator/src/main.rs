//! The `absentia-emulator` program.

use std::process::ExitCode;

use absentia_emulator::cli::{CertificateOptions, RunOptions, TrustOptions, certificate, run, trust};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A local Entra ID and a slice of Microsoft Graph.
#[derive(Parser)]
#[command(name = "absentia-emulator", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until Ctrl-C.
    Run(RunOptions),
    /// Say how clients trust the certificate authority. Changes nothing.
    Trust(TrustOptions),
    /// Make a certificate for another server of this machine.
    Certificate(CertificateOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .init();
    let done = match Arguments::parse().command {
        Command::Run(options) => run(&options).await,
        Command::Trust(options) => trust(&options),
        Command::Certificate(options) => certificate(&options).map(drop),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::debug!(?error);
            eprintln!("absentia-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}
