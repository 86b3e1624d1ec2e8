//! `emulator run`, `emulator trust` and `emulator certificate` as library functions, for the binary of this crate and for other command lines.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::builder::StartError;
use crate::directory::Directory;
use crate::emulator::Emulator;
use crate::tls::{self, TlsError};

/// Options of `run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunOptions {
    /// Address to listen on. The switches ask nobody for a password: keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:8400", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Speak plain HTTP, not TLS.
    #[arg(long)]
    pub http: bool,
    /// What clients call it, when something stands in front of it; https://localhost and the port if not given.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Tenants, users and app registrations, in JSON; the built-in demo directory if not given.
    #[arg(long, value_name = "FILE")]
    pub directory: Option<PathBuf>,
    /// Folder for a signing key and a certificate authority of its own, made at the first start. If not given, the
    /// published key signs, and the authority is in the user's data folder.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Print one line of JSON with all addresses and ids when ready.
    #[arg(long)]
    pub print_json: bool,
    /// Keep a copy of every secret given out and show it under /_admin/issued. For tests.
    #[arg(long)]
    pub remember_issued: bool,
}

/// Options of `trust`.
#[derive(Clone, Debug, clap::Args)]
pub struct TrustOptions {
    /// The folder given to `run`; the user's data folder if not given.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

/// Options of `certificate`.
#[derive(Clone, Debug, clap::Args)]
pub struct CertificateOptions {
    /// A host to vouch for, on this machine; may be given again. localhost, 127.0.0.1 and ::1 if not given.
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// The folder to write certificate.pem and certificate-key.pem to, in place of those that are there.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The folder given to `run`; the user's data folder if not given.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
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
    let mut ca_file = None;
    if !options.http {
        let folder = authority_folder(options.data.as_deref())?;
        ca_file = Some(tls::certificate_in(&folder));
        builder = builder.https(true).authority_folder(folder);
    }
    let stopped = stopped()?;
    let emulator = builder.start().await?;
    announce(&emulator, ca_file.as_deref(), options.print_json).map_err(RunError::Output)?;
    stopped.await;
    emulator.stop().await;
    Ok(())
}

fn authority_folder(data: Option<&Path>) -> Result<PathBuf, StartError> {
    match data {
        Some(folder) => Ok(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())),
        None => Ok(tls::default_folder().ok_or(TlsError::NoFolder)?),
    }
}

/// Says how clients can trust the emulator's certificate authority, with its file as it lies there. Changes nothing.
///
/// # Errors
/// [`RunError`] when there is no such folder, or standard output cannot be written.
pub fn trust(options: &TrustOptions) -> Result<(), RunError> {
    let file = tls::certificate_in(&authority_folder(options.data.as_deref())?);
    let pem = std::fs::read_to_string(&file).ok();
    let text = crate::trust::text(&file, pem.as_deref().and_then(tls::public_key_hash).as_deref());
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(RunError::Output)
}

/// Makes a server certificate for another program of this machine, such as a web app: good for 90 days, vouched for by the
/// emulator's authority, which is made if there is none yet. Answers the certificate's file and the key's.
///
/// # Errors
/// [`RunError`] when a host is not on this machine, or files cannot be written.
pub fn certificate(options: &CertificateOptions) -> Result<(PathBuf, PathBuf), RunError> {
    let hosts: Vec<&str> = match options.hosts.as_slice() {
        [] => tls::NAMES.to_vec(),
        hosts => hosts.iter().map(String::as_str).collect(),
    };
    let now = crate::clock::wall_millis().div_euclid(1000);
    let made = || -> Result<_, StartError> {
        let authority = tls::in_folder(&authority_folder(options.data.as_deref())?, now)?;
        let (certificate, key) = authority.issue_pem(&hosts, now)?;
        let out = std::path::absolute(&options.out).unwrap_or_else(|_| options.out.clone());
        Ok(tls::keep_server(&out, &certificate, &key)?)
    };
    let files = made()?;
    let mut out = std::io::stdout().lock();
    let said = write!(
        out,
        "For {}, good for 90 days; `emulator trust` says how clients trust it.\n\
         Kestrel:Certificates:Default:Path     {}\nKestrel:Certificates:Default:KeyPath  {}\n",
        hosts.join(", "),
        files.0.display(),
        files.1.display()
    );
    said.and_then(|()| out.flush()).map_err(RunError::Output)?;
    Ok(files)
}

fn announce(emulator: &Emulator, ca_file: Option<&Path>, as_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", description(emulator, ca_file))?;
    } else {
        writeln!(out, "Entra emulator at {}", emulator.url())?;
        writeln!(out, "  authority  {}", emulator.authority())?;
        writeln!(out, "  graph      {}/v1.0/me", emulator.graph_url())?;
        if emulator.directory().is_built_in {
            let user = emulator.user("ada");
            writeln!(out, "  sign in as {} with {}", user.upn(), user.password())?;
        }
        if let Some(file) = ca_file {
            writeln!(out, "  its certificate is vouched for by {}", file.display())?;
            writeln!(out, "  `emulator trust` says how clients trust it; --http does without")?;
        }
    }
    out.flush()
}

/// What `--print-json` prints: passwords and secrets only of the built-in directory, where they are published anyway.
fn description(emulator: &Emulator, ca_file: Option<&Path>) -> Value {
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
        "ca_file": ca_file,
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
