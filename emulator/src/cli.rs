//! `emulator run` as a library function, for the binary of this crate and for other command lines.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::builder::StartError;
use crate::directory::Directory;
use crate::emulator::Emulator;

/// Options of `run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunOptions {
    /// Address to listen on. There is no TLS: keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:8400", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// What clients call it, when something in front of it speaks TLS; http://localhost and the port if not given.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Tenants, users and app registrations, in JSON; the built-in demo directory if not given.
    #[arg(long, value_name = "FILE")]
    pub directory: Option<PathBuf>,
    /// Folder for a signing key of its own, made at the first start; the published one signs if not given.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Print one line of JSON with all addresses and ids when ready.
    #[arg(long)]
    pub print_json: bool,
    /// Keep a copy of every secret given out and show it under /_admin/issued. For tests.
    #[arg(long)]
    pub remember_issued: bool,
}

/// Why `run` ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What it says could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Starts an emulator and serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`RunError`] says what is in the way.
pub async fn run(options: &RunOptions) -> Result<(), RunError> {
    let mut builder = Emulator::builder().listen(options.listen).remember_issued(options.remember_issued);
    if let Some(url) = &options.public_url {
        builder = builder.public_url(url);
    }
    if let Some(path) = &options.directory {
        builder = builder.directory(Directory::read(path).map_err(StartError::from)?);
    }
    if let Some(folder) = &options.data {
        builder = builder.data_folder(folder);
    }
    let stopped = stopped()?;
    let emulator = builder.start().await?;
    announce(&emulator, options.print_json).map_err(RunError::Output)?;
    stopped.await;
    emulator.stop().await;
    Ok(())
}

fn announce(emulator: &Emulator, as_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", description(emulator))?;
    } else {
        writeln!(out, "Entra emulator at {}", emulator.url())?;
        writeln!(out, "  authority  {}", emulator.authority())?;
        writeln!(out, "  graph      {}/v1.0/me", emulator.graph_url())?;
        if emulator.directory().is_built_in {
            let user = emulator.user("ada");
            writeln!(out, "  sign in as {} with {}", user.upn(), user.password())?;
        }
    }
    out.flush()
}

/// What `--print-json` prints: passwords and secrets only of the built-in directory, where they are published anyway.
fn description(emulator: &Emulator) -> Value {
    let directory = emulator.directory();
    let published = |secret: Option<&String>| secret.filter(|s| directory.is_built_in && !s.is_empty()).cloned();
    let tenants: Vec<Value> = directory
        .tenants
        .iter()
        .map(|tenant| {
            let apps: Vec<Value> = tenant
                .applications
                .iter()
                .map(|app| {
                    let secret = published(app.password_credentials.first().map(|c| &c.secret_text));
                    with(
                        "secret",
                        secret,
                        json!({ "name": app.display_name, "names": app.names, "client_id": app.app_id }),
                    )
                })
                .collect();
            let users: Vec<Value> = tenant
                .users
                .iter()
                .map(|user| {
                    let known = json!({ "name": user.name, "upn": user.user_principal_name, "oid": user.id });
                    with("password", published(Some(&user.password)), known)
                })
                .collect();
            json!({ "tenant_id": tenant.id, "domains": tenant.domains, "apps": apps, "users": users })
        })
        .collect();
    let first = tenants.first().cloned().unwrap_or_default();
    json!({
        "url": emulator.url(),
        "tenant_id": emulator.tenant_id(),
        "authority": emulator.authority(),
        "graph_url": emulator.graph_url(),
        "apps": first.get("apps"),
        "users": first.get("users"),
        "tenants": tenants,
    })
}

fn with(name: &str, value: Option<String>, mut object: Value) -> Value {
    if let (Some(value), Some(members)) = (value, object.as_object_mut()) {
        members.insert(name.to_owned(), json!(value));
    }
    object
}

/// Listens for signals from now on; the future ends at the first.
fn stopped() -> Result<impl Future<Output = ()>, RunError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            // Without signals to wait for, the emulator runs until its process is ended.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
