//! What the two servers have in common: where they listen, how they stop, whether they are well, and what they log.

use std::{future::IntoFuture as _, net::Ipv4Addr, path::Path, time::Duration};

use absentia::{ConfidentialClient, Error, store::Clock as _};
use absentia_config::{Need, Settings};
use axum::{
    Router,
    extract::State,
    http::{Request, StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, trace::TraceLayer};

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
        address(&settings, 0)?;
        let cache = settings.token_cache(&stores::openers()).await?;
        let client = settings.confidential_client()?.cache(&cache).build()?;
        Ok(Self { settings, client })
    }
}

/// Host and port to listen on, and the host as a person writes it.
fn address(settings: &Settings, default_port: u16) -> Result<(String, String, u16), Error> {
    let wrong = |what: &str| {
        Err(Error::config(format!("Kestrel:Endpoints {what}"))
            .advise("Give one address, such as `http://localhost:5000`"))
    };
    let endpoint = match settings.endpoints.as_slice() {
        [] => return Ok((Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned(), default_port)),
        [endpoint] => endpoint,
        _ => return wrong("holds several addresses; this program listens on one"),
    };
    if endpoint.url.to_ascii_lowercase().starts_with("https:") {
        return Err(Error::config(format!(
            "Kestrel:Endpoints:{}:Url is https, and this program speaks http only so far",
            endpoint.name
        ))
        .advise(
            "Give an http address here, let a reverse proxy speak https, and set PublicUrl to the proxy's address",
        ));
    }
    let rest = endpoint.url.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (host, port),
            Err(_) => return wrong("holds an address whose port is no number"),
        },
        _ => (rest, 80),
    };
    if host.is_empty() || host.contains('/') {
        return wrong("holds an address without a host, or with a path");
    }
    let bind = match host {
        "*" | "+" => "0.0.0.0",
        host if host.eq_ignore_ascii_case("localhost") => "127.0.0.1",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    };
    Ok((bind.to_owned(), if host == "*" || host == "+" { "localhost" } else { host }.to_owned(), port))
}

/// Listens where `Kestrel:Endpoints` says, else on `default_port` of localhost. Also says the URL, with the real port.
///
/// # Errors
/// `Config` when the address is not one this program can listen on, or is in use.
pub async fn listen(settings: &Settings, default_port: u16) -> Result<(TcpListener, String), Error> {
    let (bind, host, port) = address(settings, default_port)?;
    let failed = |error: std::io::Error| {
        let advice = "Stop the program that has it, or set Kestrel:Endpoints:Http:Url to another address";
        Error::config(format!("{host}:{port} cannot be listened on: {error}")).advise(advice)
    };
    let listener = TcpListener::bind((bind.as_str(), port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, format!("http://{host}:{port}")))
}

/// Serves until `stop`, then lets requests in hand end.
///
/// # Errors
/// `Unavailable` when the listener broke.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use absentia_config::Configuration;

    use super::*;

    fn at(url: &str) -> Result<(String, String, u16), Error> {
        let json = format!(r#"{{"Kestrel":{{"Endpoints":{{"Web":{{"Url":"{url}"}}}}}}}}"#);
        let configuration = Configuration::parse("test", json.as_bytes(), []).unwrap();
        address(&Settings::from_configuration(&configuration, &[]).unwrap(), 44321)
    }

    #[test]
    fn addresses_are_kestrels() {
        let is = |bind: &str, host: &str, port| (bind.to_owned(), host.to_owned(), port);
        assert_eq!(at("http://localhost:0").unwrap(), is("127.0.0.1", "localhost", 0));
        assert_eq!(at("http://*:5000/").unwrap(), is("0.0.0.0", "localhost", 5000));
        assert_eq!(at("http://[::1]:5000").unwrap(), is("::1", "[::1]", 5000));
        assert_eq!(at("http://[::1]").unwrap(), is("::1", "[::1]", 80));
        assert_eq!(at("http://10.0.0.7").unwrap(), is("10.0.0.7", "10.0.0.7", 80));
        assert!(at("https://localhost:44321").unwrap_err().to_string().contains("reverse proxy"));
        for bad in ["http://localhost:x", "http://:1", "http://localhost/a"] {
            assert!(at(bad).unwrap_err().to_string().contains("Kestrel:Endpoints"), "{bad}");
        }
    }
}
