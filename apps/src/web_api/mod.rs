//! The web API: the caller's profile from Microsoft Graph, on her behalf, with one long-running grant per user.

mod profile;

use std::path::Path;

use absentia::{ConfidentialClient, Error};
use absentia_axum::{Api, cors};
use absentia_config::Settings;
use axum::{Router, extract::FromRef, routing::get};

use crate::{
    graph::Graph,
    serve::{self, Deployment, healthz},
    web_app::graph_of,
};

/// The port of `http://localhost:44351`, where the sample's API listens.
pub const DEFAULT_PORT: u16 = 44351;
/// Either of these opens the API.
pub const SCOPES: [&str; 2] = ["Profile.Read", "Profile.ReadWrite"];

/// What the handlers work with.
#[derive(Clone, Debug)]
struct App {
    api: Api,
    graph: Graph,
}

impl FromRef<App> for Api {
    fn from_ref(app: &App) -> Self {
        app.api.clone()
    }
}

impl FromRef<App> for Graph {
    fn from_ref(app: &App) -> Self {
        app.graph.clone()
    }
}

/// The whole API, without its listener.
///
/// # Errors
/// `Config` when settings do not fit together.
pub fn router(settings: &Settings, client: &ConfidentialClient, graph: Graph) -> Result<Router, Error> {
    let api = Api::new(client, settings.azure_ad.audience.as_deref(), &SCOPES)?;
    let routes = Router::new()
        .route("/api/profile", get(profile::profile))
        .layer(cors(&settings.allowed_origins)?)
        .with_state(App { api, graph })
        .route("/healthz", get(healthz).with_state(client.clone()));
    Ok(serve::around(routes))
}

/// Runs the API until Ctrl-C or SIGTERM.
///
/// # Errors
/// `Config` for wrong settings, `Unavailable` when the store does not answer or the listener broke.
pub async fn run(settings: &Path) -> Result<(), Error> {
    let stop = serve::stop_signal()?;
    let Deployment { settings, client } = Deployment::open(settings).await?;
    let router = router(&settings, &client, graph_of(&settings, &client)?)?;
    let (listener, url) = serve::listen(&settings, DEFAULT_PORT).await?;
    let upkeep = tokio::spawn(client.cache().clone().upkeep(stop.clone().cancelled_owned()));
    anstream::println!("web API listening on {url}");
    let served = serve::serve(listener, router, stop.clone()).await;
    stop.cancel();
    let _ = upkeep.await; // it ends with `stop`
    served
}
