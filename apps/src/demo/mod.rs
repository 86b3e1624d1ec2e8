//! The demo: the whole story with real processes, real HTTP, a real database file and real tokens.
//!
//! Users sign in, the apps go away, a worker keeps acting for the users, and the one whose session was revoked is reported
//! and left alone until she returns. What is true is read from Entra's journal and from the database, not from what the
//! demo did. With `--spa` a person plays, with a browser.

mod admin;
mod browser;
mod by_hand;
mod child;
mod node;
mod say;
mod spa;
mod store;
mod story;
mod table;
mod verdict;
mod worker;
mod world;

use std::process::ExitCode;

use absentia_emulator::cli::RunOptions;
use clap::{Parser, Subcommand};

/// Users sign in, the apps go away, and a worker goes on acting for them.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Options {
    /// Leave the apps running at the end, and print where and as whom to sign in. Ctrl-C ends them.
    #[arg(long)]
    keep: bool,
    /// Play no story: start the single-page app, the web API, the worker and Entra for a person with a browser, and print
    /// where to click and as whom. Needs Node. Ctrl-C ends all of it.
    #[arg(long, conflicts_with = "keep")]
    spa: bool,
    /// With --spa: take free ports rather than 3000, 44351 and 8400.
    #[arg(long, requires = "spa")]
    free_ports: bool,
    /// Where tokens are kept.
    #[arg(long, value_enum, default_value_t)]
    store: store::Kind,
    /// With --store redis: a server that runs, as StackExchange.Redis or a redis:// URL names it. Without it one is started and
    /// thrown away.
    #[arg(long)]
    connection: Option<String>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The local Entra, as the demo starts it.
    #[command(hide = true)]
    Emulator(RunOptions),
}

/// Plays the story. 0 only if everything that must hold holds.
pub async fn main() -> ExitCode {
    match Options::parse() {
        Options { part: Some(Part::Emulator(options)), .. } => match absentia_emulator::cli::run(&options).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        },
        Options { store: store::Kind::Sqlite, connection: Some(_), .. } => {
            eprintln!("--connection is for --store redis");
            ExitCode::from(2)
        }
        Options { spa: true, free_ports, store, connection, .. } => {
            by_hand::play(free_ports, store, connection.as_deref()).await
        }
        Options { keep, store, connection, .. } => story::play(keep, store, connection.as_deref()).await,
    }
}

/// Why the demo cannot go on. What holds a secret is not in it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
