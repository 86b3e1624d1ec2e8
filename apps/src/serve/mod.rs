//! What the two servers have in common: where they listen, how they stop, whether they are well, and what they log.

mod address;
mod certificate;
mod listener;

use std::{future::IntoFuture as _, path::Path, sync::Arc, time::Duration};

use absentia::{ConfidentialClient, Error, store::Clock as _};
use absentia_config::{Need, Settings};
use axum::{
    Router,
    extract::State,
    http::{Request, StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, trace::TraceLayer};

use self::address::Address;
pub use self::listener::{Listener, TlsListener};
use crate::stores;

/// The longest request body, in bytes. The samples take none that matter.
const LONGEST_BODY: usize = 64 * 1024;
/// How long requests in hand may take to end when the program stops.
const GRACE: Duration = Duration::from_secs(10);

/// What a server is made of once its settings are read: the cache is open and nothing runs yet.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The settings.
    pub settings: Settings,
    /// The app.
    pub client: ConfidentialClient,
}

impl Deployment {
    /// Reads settings and opens the token cache they name.
    ///
    /// # Errors
    /// `Config` with everything that is wrong or missing; `Unavailable` when the store does not answer.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let needs = [Need::TenantId, Need::ClientId, Need::ClientSecret, Need::Store];
        let settings = Settings::load_for(path, &needs).map_err(|error| Error::config(error.to_string()))?;
        // Before the store is opened: what is wrong with the address is wrong whether the store is there or not.
        Endpoint::of(&settings, 0)?;
        let cache = settings.token_cache(&stores::openers()).await?;
        let client = settings.confidential_client()?.cache(&cache).build()?;
        Ok(Self { settings, client })
    }
}

/// An address, and what is needed to speak https there.
struct Endpoint {
    address: Address,
    tls: Option<Arc<ServerConfig>>,
}

impl Endpoint {
    fn of(settings: &Settings, default_port: u16) -> Result<Self, Error> {
        let address = Address::of(settings, default_port)?;
        let tls = match &address.endpoint {
            Some(endpoint) if address.https => Some(certificate::tls(settings, endpoint)?),
            _ => None,
        };
        Ok(Self { address, tls })
    }
}

/// Listens where `Kestrel:Endpoints` says, else on `default_port` of localhost over http. Also says the URL, with the real
/// port. Over https, the certificate is that of `Kestrel:Certificates:Default` or the endpoint's own, in PEM files.
///
/// # Errors
/// `Config` when the address is not one this program can listen on, or is in use, or has no certificate that can be used.
pub async fn listen(settings: &Settings, default_port: u16) -> Result<(Listener, String), Error> {
    let Endpoint { address: Address { bind, host, port, https, endpoint }, tls } =
        Endpoint::of(settings, default_port)?;
    let failed = |error: std::io::Error| {
        let name = endpoint.as_deref().unwrap_or("Http");
        let advice = format!("Stop the program that has it, or set Kestrel:Endpoints:{name}:Url to another address");
        Error::config(format!("{host}:{port} cannot be listened on: {error}")).advise(advice)
    };
    let tcp = TcpListener::bind((bind.as_str(), port)).await.map_err(failed)?;
    let port = tcp.local_addr().map_err(failed)?.port();
    let listener = match tls {
        Some(config) => Listener::Https(TlsListener::new(tcp, config)),
        None => Listener::Http(tcp),
    };
    Ok((listener, format!("{}://{host}:{port}", if https { "https" } else { "http" })))
}

/// Serves until `stop`, then lets requests in hand end.
///
/// # Errors
/// `Unavailable` when the listener broke.
pub async fn serve(listener: Listener, router: Router, stop: CancellationToken) -> Result<(), Error> {
    match listener {
        Listener::Http(listener) => serve_on(listener, router, stop).await,
        Listener::Https(listener) => serve_on(listener, router, stop).await,
    }
}

async fn serve_on<L>(listener: L, router: Router, stop: CancellationToken) -> Result<(), Error>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let stopped = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { stopped.cancelled().await });
    let too_long = async {
        stop.cancelled().await;
        absentia::store::SystemClock.sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => {
            served.map_err(|error| Error::unavailable("The listener broke").caused_by(error))
        }
        () = too_long => {
            tracing::warn!("requests in hand did not end in time");
            Ok(())
        }
    }
}

/// Cancelled by Ctrl-C or SIGTERM.
///
/// # Errors
/// `Unavailable` when the system does not let signals be handled.
pub fn stop_signal() -> Result<CancellationToken, Error> {
    let stop = CancellationToken::new();
    let told = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Error::unavailable("Signals cannot be handled").caused_by(error))?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
        told.cancel();
    });
    Ok(stop)
}

/// `GET /healthz`: `ok`, or 503 when the store does not answer. Says nothing else.
pub async fn healthz(State(client): State<ConfidentialClient>) -> impl IntoResponse {
    let answer = match &client.cache().backend().accounts {
        Some(accounts) => accounts.generation(client.client_id(), "healthz").await.map(|_| ()),
        None => Ok(()),
    };
    let (status, word) = match answer {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(%error, "not healthy");
            (StatusCode::SERVICE_UNAVAILABLE, "the token store does not answer")
        }
    };
    (status, [(CACHE_CONTROL, "no-store")], word)
}

/// What surrounds every route: a log line per request with its path and never its query, bounds, and a panic that ends one
/// request only.
pub fn around(router: Router) -> Router {
    let span = |request: &Request<axum::body::Body>| tracing::info_span!("request", method = %request.method(), path = request.uri().path());
    router
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http().make_span_with(span))
}

/// Runs a server to its end. What is wrong goes to standard error; the exit code is 0, 2 for wrong set-up, 1 for all else.
pub fn exit(name: &str, result: Result<(), Error>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{name}: {error}");
            std::process::ExitCode::from(if error.kind() == absentia::ErrorKind::Config { 2 } else { 1 })
        }
    }
}
