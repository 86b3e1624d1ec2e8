//! `web-api --settings appsettings.json`

use std::{path::PathBuf, process::ExitCode};

use absentia_apps::{logging, serve, web_api};
use clap::Parser;

/// Serves the profile of whoever calls, from Microsoft Graph, on her behalf.
#[derive(Parser)]
#[command(version, after_help = "Exit codes: 0 stopped, 1 store or network out of order, 2 wrong settings or set-up.")]
struct Arguments {
    /// The settings file. Environment variables override it: AzureAd__ClientId=…
    #[arg(long, value_name = "FILE", default_value = "appsettings.json")]
    settings: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start("info");
    serve::exit("web-api", web_api::run(&arguments.settings).await)
}
