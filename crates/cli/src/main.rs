//! The `absentia` command: makes stores, shows and ends what is kept for users, and runs a local Entra.

mod commands;
mod context;
mod failure;
mod find;
mod output;
mod reasons;

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{
    commands::{
        accounts_block, accounts_list, accounts_sign_out, emulator_certificate, emulator_run, emulator_trust, explain,
        keys_create, keys_list, keys_retire, keys_rotate, store_create,
    },
    context::Context,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  not done: no such account or key, several of that name, the key is in use, or the answer was no
  2  the settings or the arguments are wrong
  3  the store did not answer

Variables override settings: AzureAd__ClientId=…; ABSENTIA_LOG sets the level of the log on standard error.";

/// Looks after the token cache that acts for users in their absence.
#[derive(Parser)]
#[command(name = "absentia", version, after_help = EXIT_CODES)]
struct Arguments {
    /// The settings, as ASP.NET Core's apps have them.
    #[arg(long, global = true, value_name = "FILE", default_value = "appsettings.json")]
    settings: PathBuf,
    /// Answer with JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The store of tokens and accounts.
    #[command(subcommand)]
    Store(Store),
    /// The users that can be acted for.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Why a token for a user is a hit, a refresh or a miss, from what is stored: Entra is not asked.
    Explain(explain::Options),
    /// The keys that protect what is stored.
    #[command(subcommand)]
    Keys(Keys),
    /// A local Entra ID and a slice of Microsoft Graph.
    #[command(subcommand)]
    Emulator(Emulator),
}

#[derive(Subcommand)]
enum Store {
    /// Make the store and its key ring, or what of them is missing. Repeatable.
    Create,
}

#[derive(Subcommand)]
enum Accounts {
    /// Who can be acted for, who must sign in again, and why.
    List(accounts_list::Options),
    /// End everything that is kept for a user.
    SignOut(accounts_sign_out::Options),
    /// Stop acting for a user in the user's absence, whoever signs in or out, until it is lifted. Repeatable.
    Block(accounts_block::Options),
    /// Lift a block. Repeatable.
    Unblock(accounts_block::Options),
}

#[derive(Subcommand)]
enum Keys {
    /// Which keys there are, and which of them seals.
    List(keys_list::Options),
    /// Add a key to .NET's ring. Nothing in that ring is changed.
    Create(keys_create::Options),
    /// Add a key to our ring: it seals ten minutes later. Programs may run meanwhile.
    Rotate,
    /// Seal what is stored under an old key of our ring anew, then delete that key. Programs may run meanwhile.
    Retire(keys_retire::Options),
}

#[derive(Subcommand)]
enum Emulator {
    /// Serve until Ctrl-C.
    Run(absentia_emulator::cli::RunOptions),
    /// Say how clients trust its certificate authority. Changes nothing.
    Trust(absentia_emulator::cli::TrustOptions),
    /// Make a certificate for another server of this machine, such as the web app.
    Certificate(absentia_emulator::cli::CertificateOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("ABSENTIA_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let context = Context { settings: arguments.settings, json: arguments.json };
    let done = match arguments.command {
        Command::Store(Store::Create) => store_create::run(&context).await,
        Command::Accounts(Accounts::List(options)) => accounts_list::run(&context, &options).await,
        Command::Accounts(Accounts::SignOut(options)) => accounts_sign_out::run(&context, &options).await,
        Command::Accounts(Accounts::Block(options)) => accounts_block::block(&context, &options).await,
        Command::Accounts(Accounts::Unblock(options)) => accounts_block::unblock(&context, &options).await,
        Command::Explain(options) => explain::run(&context, &options).await,
        Command::Keys(Keys::List(options)) => keys_list::run(&context, &options).await,
        Command::Keys(Keys::Create(options)) => keys_create::run(&context, &options).await,
        Command::Keys(Keys::Rotate) => keys_rotate::run(&context),
        Command::Keys(Keys::Retire(options)) => keys_retire::run(&context, &options).await,
        Command::Emulator(Emulator::Run(options)) => emulator_run::run(&context, options).await,
        Command::Emulator(Emulator::Trust(options)) => emulator_trust::run(&options),
        Command::Emulator(Emulator::Certificate(options)) => emulator_certificate::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("absentia: {failure}");
            failure.code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
