//! An emulator, a store and the apps, in this process; and a browser.
#![allow(dead_code, unused_imports, reason = "each test file uses a part")]

mod browser;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use absentia::{
    ConfidentialClient, KeyRing, TokenCache,
    store::{
        Backend, Clock, MemoryStore, SystemClock,
        wrap::{Faulty, Switches},
    },
};
use absentia_apps::{
    graph::Graph,
    serve::{Listener, listen},
    web_api, web_app,
};
use absentia_cache::OsRandom;
use absentia_config::{Configuration, Settings};
use absentia_emulator::{Directory, Emulator};
use axum::Router;

pub(crate) use browser::{Browser, Page, client};

/// The machine's clock, ahead by what a test let pass: as the emulator's.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<Mutex<Duration>>);

impl Ahead {
    fn by(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemClock.now() + self.by()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + self.by()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep(duration)
    }
}

/// One deployment: Entra, a store that can be made to fail, and a key ring. Apps on it are nodes.
pub(crate) struct World {
    pub(crate) entra: Emulator,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) switches: Switches,
    pub(crate) ring: KeyRing,
    pub(crate) clock: Ahead,
    backend: Backend,
    tls: Option<Tls>,
}

/// Of a world of https: where the files are, and where the web app listens.
struct Tls {
    folder: tempfile::TempDir,
    url: String,
    listener: Mutex<Option<Listener>>,
}

/// A served app.
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) client: ConfidentialClient,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Emulator::start().await)
    }

    /// One where `gus` of another tenant is a guest.
    pub(crate) async fn with_guest() -> Self {
        let mut json: serde_json::Value =
            serde_json::from_str(include_str!("../../../emulator/src/directory/built-in.json")).unwrap();
        let (home, gus) = ("66666666-dddd-4eee-8fff-000000000006", "77777777-aaaa-4bbb-8ccc-000000000007");
        json["tenants"][0]["users"].as_array_mut().unwrap().push(serde_json::json!({
            "name": "gus-as-guest", "id": "88888888-aaaa-4bbb-8ccc-000000000008", "displayName": "Gus of Fabrikam",
            "userPrincipalName": "gus_fabrikam.example#EXT#@contoso.example", "home": { "tenantId": home, "id": gus },
        }));
        json["tenants"].as_array_mut().unwrap().push(serde_json::json!({
            "id": home, "displayName": "Fabrikam", "domains": ["fabrikam.example"], "users": [{
                "name": "gus", "id": gus, "userPrincipalName": "gus@fabrikam.example", "displayName": "Gus",
                "password": "Gus-demo-password-6",
            }],
        }));
        let directory = Directory::from_json(&json.to_string()).unwrap();
        Self::of(Emulator::builder().directory(directory).remember_issued(true).start().await.unwrap())
    }

    fn of(entra: Emulator) -> Self {
        let clock = Ahead::default();
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let faulty = Arc::new(Faulty::new(store.clone(), Arc::new(clock.clone())));
        let backend = Backend {
            entries: faulty.clone(),
            accounts: Some(faulty.clone()),
            leases: Some(faulty.clone()),
            ..Backend::of("memory", &store)
        };
        let ring = KeyRing::ephemeral(&OsRandom).unwrap();
        Self { entra, store, switches: faulty.switches(), ring, clock, backend, tls: None }
    }

    /// One of https, where the web app is on this host, and Entra on localhost.
    pub(crate) async fn https(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        // The certificate comes first, then the app's port, then the registration that names the port.
        let with_authority = || Emulator::builder().https(true).authority_folder(folder.path());
        let (certificate, key) = with_authority().start().await.unwrap().certificate_for(&[host]).unwrap();
        std::fs::write(file("certificate.pem"), certificate).unwrap();
        std::fs::write(file("certificate-key.pem"), key).unwrap();
        let kestrel = kestrel(folder.path(), &format!("https://{host}:0"));
        let configuration = Configuration::parse("test", format!("{{ {kestrel} }}").as_bytes(), []).unwrap();
        let settings = Settings::from_configuration(&configuration, &[]).unwrap();
        let (listener, url) = listen(&settings, 0).await.unwrap();
        let built_in = include_str!("../../../emulator/src/directory/built-in.json");
        let mut json: serde_json::Value = serde_json::from_str(built_in).unwrap();
        json["tenants"][0]["applications"][0]["web"] = serde_json::json!({
            "redirectUris": [format!("{url}/signin-oidc"), format!("{url}/signout-callback-oidc")],
            "logoutUrl": format!("{url}/signout-oidc"),
        });
        let directory = Directory::from_json(&json.to_string()).unwrap();
        let entra = with_authority().directory(directory).remember_issued(true).start().await.unwrap();
        Self { tls: Some(Tls { folder, url, listener: Mutex::new(Some(listener)) }), ..Self::of(entra) }
    }

    /// A browser that trusts what is served here.
    pub(crate) fn browser(&self) -> Browser {
        self.entra.ca_pem().map_or_else(Browser::new, Browser::trusting)
    }

    /// Settings as a file would have them, `more` being further members.
    pub(crate) fn settings(&self, more: &str) -> Settings {
        let app = self.entra.app("contoso-web");
        let (azure_ad, kestrel) = self.tls.as_ref().map_or_else(Default::default, |tls| {
            let ca = tls.folder.path().join("ca.pem");
            let roots = format!(r#", "ExtraRootCertificates": "{}""#, ca.display());
            (roots, format!(", {}", kestrel(tls.folder.path(), &tls.url)))
        });
        let json = format!(
            r#"{{ "AzureAd": {{ "Instance": "{}", "TenantId": "{}", "ClientId": "{}", "ClientSecret": "{}" {azure_ad} }}
                {kestrel} {more} }}"#,
            self.entra.url(),
            self.entra.tenant_id(),
            app.client_id(),
            app.secret()
        );
        let configuration = Configuration::parse("test", json.as_bytes(), []).unwrap();
        Settings::from_configuration(&configuration, &[]).unwrap()
    }

    /// A client as a new process has it: nothing in memory, the same store and ring.
    pub(crate) fn client(&self) -> ConfidentialClient {
        let cache =
            TokenCache::sealed(self.backend.clone(), self.ring.clone()).clock(Arc::new(self.clock.clone())).build();
        self.settings("").confidential_client().unwrap().cache(&cache).build().unwrap()
    }

    pub(crate) fn graph(&self) -> Graph {
        let http = Arc::new(self.settings("").http_client().unwrap());
        Graph::new(&format!("{}/v1.0", self.entra.graph_url()), http, Arc::new(SystemClock))
    }

    pub(crate) async fn web_app(&self) -> Node {
        self.web_app_with("").await
    }

    pub(crate) async fn web_app_with(&self, more: &str) -> Node {
        let client = self.client();
        let router = web_app::router(&self.settings(more), &client, self.graph()).unwrap();
        let Some(Tls { url, listener, .. }) = &self.tls else { return serve(client, router).await };
        let listener = listener.lock().unwrap().take().expect("a world of https has one web app");
        let stop = tokio_util::sync::CancellationToken::new();
        let task = tokio::spawn(async move { absentia_apps::serve::serve(listener, router, stop).await.unwrap() });
        Node { url: url.clone(), client, task }
    }

    pub(crate) async fn web_api(&self, more: &str) -> Node {
        let client = self.client();
        let router = web_api::router(&self.settings(more), &client, self.graph()).unwrap();
        serve(client, router).await
    }

    /// Time passes, here and at Entra.
    pub(crate) fn advance(&self, by: Duration) {
        *self.clock.0.lock().unwrap() += by;
        self.entra.advance(by);
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.entra.journal().token_requests().count()
    }
}

pub(crate) async fn serve(client: ConfidentialClient, router: Router) -> Node {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Node { url, client, task }
}

/// The section `Kestrel` for https, with the certificate of a folder.
fn kestrel(folder: &std::path::Path, url: &str) -> String {
    format!(
        r#""Kestrel": {{ "Endpoints": {{ "Https": {{ "Url": "{url}" }} }},
            "Certificates": {{ "Default": {{ "Path": "{}", "KeyPath": "{}" }} }} }}"#,
        folder.join("certificate.pem").display(),
        folder.join("certificate-key.pem").display()
    )
}
