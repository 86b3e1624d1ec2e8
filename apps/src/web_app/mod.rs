//! The web app: sign-in, pages with the user's profile and mail from Microsoft Graph, sign-out.

mod headers;
mod home;
mod mail;
mod pages;
mod token;

use std::{path::Path, sync::Arc};

use absentia::{ConfidentialClient, Error};
use absentia_axum::{SignIn, sign_in};
use absentia_config::Settings;
use axum::{
    Router,
    extract::FromRef,
    http::{StatusCode, header},
    response::Html,
    routing::get,
};

use crate::{
    graph::Graph,
    serve::{self, Deployment, healthz},
};

/// The port of `http://localhost:44321`, where the sample's web app listens.
pub const DEFAULT_PORT: u16 = 44321;
/// What the app asks for.
pub const SCOPES: &str = "User.Read";

/// What the handlers work with.
#[derive(Clone, Debug)]
struct App {
    sign_in: SignIn,
    graph: Graph,
}

impl FromRef<App> for SignIn {
    fn from_ref(app: &App) -> Self {
        app.sign_in.clone()
    }
}

impl FromRef<App> for Graph {
    fn from_ref(app: &App) -> Self {
        app.graph.clone()
    }
}

/// The whole app, without its listener.
///
/// # Errors
/// `Config` when settings do not fit together.
pub fn router(settings: &Settings, client: &ConfidentialClient, graph: Graph) -> Result<Router, Error> {
    let sign_in = SignIn::builder(client, SCOPES)
        .settings(settings)
        .pages(|notice| pages::notice(notice).into_string())
        .build()?;
    let pages = Router::new()
        .route("/", get(home::home))
        .route("/mail", get(mail::mail))
        .merge(sign_in::routes(&sign_in))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(pages::not_found().into_string())) })
        .with_state(App { sign_in, graph })
        .route("/style.css", get(style))
        .route("/healthz", get(healthz).with_state(client.clone()));
    Ok(serve::around(headers::add(pages, client.authority())))
}

async fn style() -> ([(header::HeaderName, &'static str); 2], &'static str) {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("style.css"))
}

/// Graph as the settings name it: `GraphApiUrl`, else `MicrosoftGraphBaseUrl`, else the public one.
///
/// # Errors
/// `Config` when TLS cannot be set up, or the extra root certificates cannot be used.
pub fn graph_of(settings: &Settings, client: &ConfidentialClient) -> Result<Graph, Error> {
    let url = settings.graph_api_url.as_ref().or(settings.microsoft_graph_base_url.as_ref());
    let url = url.map_or("https://graph.microsoft.com/v1.0", String::as_str);
    Ok(Graph::new(url, Arc::new(settings.http_client()?), client.cache().clock().clone()))
}

/// Runs the app until Ctrl-C or SIGTERM.
///
/// # Errors
/// `Config` for wrong settings, `Unavailable` when the store does not answer or the listener broke.
pub async fn run(settings: &Path) -> Result<(), Error> {
    let stop = serve::stop_signal()?;
    let Deployment { settings, client } = Deployment::open(settings).await?;
    let router = router(&settings, &client, graph_of(&settings, &client)?)?;
    let (listener, url) = serve::listen(&settings, DEFAULT_PORT).await?;
    let upkeep = tokio::spawn(client.cache().clone().upkeep(stop.clone().cancelled_owned()));
    anstream::println!("web app listening on {url}");
    let served = serve::serve(listener, router, stop.clone()).await;
    stop.cancel();
    let _ = upkeep.await; // it ends with `stop`
    served
}
