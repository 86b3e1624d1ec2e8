//! The background worker: calls Graph for users who are not there.
//!
//! It shares the app registration and the token cache of the web app and the web API, and nothing else: it runs when they
//! do not. Each account whose user was idle long enough gets one call of `/me` with delegated permissions.

mod arguments;
mod json;
mod print;

use std::{process::ExitCode, sync::Arc, time::Duration};

use absentia::{ConfidentialClient, Error, ErrorKind, transport::HttpClient};
use absentia_config::{Need, Settings};
use absentia_worker::{AbsentUser, Report, Stop, Worker};
use clap::Parser as _;

use self::arguments::Arguments;
use crate::graph::{self, Graph, Me};

/// What the samples ask Graph for.
const SCOPES: &str = "User.Read";
/// Properties of the profile.
const PROPERTIES: [&str; 2] = ["displayName", "userPrincipalName"];

/// The program. What each exit code means is in its `--help`.
#[tokio::main]
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    crate::logging::start("warn");
    match run(&arguments).await {
        Ok(code) => code,
        Err(stop) => {
            anstream::eprintln!("background-worker: {stop}");
            code_of(&stop)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let settings = settings(arguments)?;
    let http: Arc<dyn HttpClient> = Arc::new(settings.http_client().map_err(Stop::Failed)?);
    let client = client(&settings, http.clone()).await.map_err(Stop::Failed)?;
    let url = settings.graph_api_url.as_deref().or(settings.microsoft_graph_base_url.as_deref()).unwrap_or_default();
    let clock = client.cache().clock().clone();
    let graph = &Graph::new(url, http, clock.clone());

    let mut worker = Worker::new(&client)
        .idle(arguments.idle)
        .every(arguments.interval)
        .poll(arguments.interval.clamp(Duration::from_millis(100), Duration::from_secs(10)));
    if let Some(user) = &arguments.user {
        worker = worker.user(user);
    }
    let act = |absent: AbsentUser| async move { act(graph, &absent).await };
    let tell = |report: &Report<Me>| {
        if arguments.json {
            json::print(report, clock.now());
        } else {
            if !arguments.once {
                print::time(clock.now());
            }
            print::print(report, clock.now());
        }
    };
    if arguments.once {
        let report = worker.once(stopped(), act).await;
        tell(&report);
        return match report.stop {
            Some(stop) => Err(stop),
            None if report.counts.unwritten > 0 => Ok(ExitCode::from(3)),
            None if report.counts.failed > 0 => Ok(ExitCode::from(1)),
            None => Ok(ExitCode::SUCCESS),
        };
    }
    if !arguments.json {
        print::begun(arguments);
    }
    worker.run_reporting(stopped(), act, |report| tell(&report)).await.map(|()| ExitCode::SUCCESS)
}

/// One absent user: her profile, by her own permission.
async fn act(graph: &Graph, absent: &AbsentUser) -> Result<Me, Error> {
    let token = absent.token(SCOPES).await?;
    let token = match graph.me(&token, &PROPERTIES).await {
        // Perhaps Entra gives a token with these claims without asking her; if not, its error says what she must do.
        Err(graph::Error::Challenge { claims }) => absent.token(SCOPES).claims(claims.as_str()).await?,
        // Perhaps another token is accepted.
        Err(graph::Error::Refused { status: 401, .. }) => absent.token(SCOPES).instead_of(&token).await?,
        answer => return Ok(answer?),
    };
    Ok(graph.me(&token, &PROPERTIES).await?)
}

fn settings(arguments: &Arguments) -> Result<Settings, Stop> {
    let needs = [Need::TenantId, Need::ClientId, Need::ClientSecret, Need::Store];
    let failed = |error: absentia_config::Error| Stop::Failed(Error::config(error.to_string()));
    let settings = Settings::load_for(&arguments.settings, &needs).map_err(failed)?;
    if settings.microsoft_graph_base_url.is_none() {
        settings.require(&[Need::GraphApiUrl]).map_err(failed)?;
    }
    Ok(settings)
}

async fn client(settings: &Settings, http: Arc<dyn HttpClient>) -> Result<ConfidentialClient, Error> {
    let cache = settings.token_cache(&crate::stores::openers()).await?;
    settings.confidential_client()?.cache(&cache).http(http).background().build()
}

fn code_of(stop: &Stop) -> ExitCode {
    ExitCode::from(match stop {
        Stop::Failed(error) if error.kind() == ErrorKind::Unavailable => 3,
        Stop::Failed(_) => 2,
        _ => 4,
    })
}

/// Ends at the first Ctrl-C or SIGTERM; the second Ctrl-C ends the process.
async fn stopped() {
    first_signal().await;
    anstream::eprintln!("background-worker: finishing the accounts in hand; Ctrl-C again to give up");
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}

#[cfg(unix)]
async fn first_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let one = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            // Without signals to wait for, it runs until its process is ended.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = one(SignalKind::interrupt()) => {}
        () = one(SignalKind::terminate()) => {}
    }
}

#[cfg(not(unix))]
async fn first_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
