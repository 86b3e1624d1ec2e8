//! What story and scenario play in: a folder, a database, an Entra, and settings for three programs.

use std::path::{Path, PathBuf};

use absentia_config::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Failure,
    admin::Admin,
    child::{OUTPUT, Program},
    store::{Kind, Store},
};
use crate::stores;

/// A user of the story.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) upn: String,
    pub(crate) password: String,
}

/// Where Entra and the apps are to be.
pub(crate) struct Places {
    /// Entra's port, 0 for any.
    pub(crate) entra: u16,
    /// Whether Entra speaks TLS, which MSAL.js wants.
    pub(crate) https: bool,
    /// The web API's port, 0 for any.
    pub(crate) api: u16,
    /// Origin of the pages that may call the web API.
    pub(crate) spa: String,
}

/// The set.
pub(crate) struct World {
    /// Dropped before its folder is.
    pub(crate) store: Store,
    folder: TempDir,
    programs: PathBuf,
    pub(crate) entra_url: String,
    /// The certificate authority that vouches for Entra, if it speaks TLS.
    pub(crate) ca_file: Option<String>,
    pub(crate) tenant_id: String,
    pub(crate) app_id: String,
    pub(crate) spa_id: String,
    pub(crate) people: Vec<Person>,
    pub(crate) admin: Admin,
    pub(crate) http: reqwest::Client,
}

impl World {
    /// Starts Entra, writes the settings, creates store and key ring as `absentia store create` does.
    pub(crate) async fn build(
        places: &Places,
        kind: Kind,
        connection: Option<&str>,
    ) -> Result<(Self, Program), Failure> {
        // Installs the TLS provider that the client below needs.
        absentia::transport::SystemHttp::new()?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(30))
            .no_proxy()
            .build()?;
        let this = std::env::current_exe()?;
        let programs = this.parent().ok_or("this program lies nowhere")?.to_owned();
        let listen = format!("127.0.0.1:{}", places.entra);
        let mut arguments = vec!["emulator", "--listen", &listen, "--print-json"];
        if !places.https {
            arguments.push("--http");
        }
        if std::env::var_os(OUTPUT).is_some() {
            arguments.push("--remember-issued"); // whoever searches the output must know for what
        }
        let (entra, about) =
            Program::start("the emulator", &this, &arguments, |line| serde_json::from_str::<Value>(line).ok()).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the emulator described itself differently");
        let find = |list: &str, key: &str, name: &str| {
            about[list]
                .as_array()
                .and_then(|all| all.iter().find(|one| one[key].as_str() == Some(name)))
                .cloned()
                .ok_or(format!("the emulator has no {name}"))
        };
        let mut people = Vec::new();
        for name in ["ada", "grace", "alan", "edsger"] {
            let user = find("users", "name", name)?;
            people.push(Person { name, upn: text(&user["upn"])?, password: text(&user["password"])? });
        }
        let app = find("apps", "name", "Contoso App")?;
        let url = text(&about["url"])?;
        let folder = TempDir::with_prefix("absentia-demo-")?;
        let world = Self {
            store: Store::make(kind, connection, folder.path()).await?,
            folder,
            programs,
            tenant_id: text(&about["tenant_id"])?,
            app_id: text(&app["client_id"])?,
            spa_id: text(&find("apps", "name", "Contoso SPA")?["client_id"])?,
            people,
            admin: Admin::new(http.clone(), &url),
            http,
            ca_file: about["ca_file"].as_str().map(str::to_owned),
            entra_url: url,
        };
        world.write_settings(&text(&app["secret"])?, places)?;
        Settings::load(world.settings("web-app"))?.create_store(&stores::openers()).await?;
        Ok((world, entra))
    }

    /// The settings file of a program.
    pub(crate) fn settings(&self, program: &str) -> PathBuf {
        self.folder.path().join(format!("{program}.appsettings.json"))
    }

    /// The folder, which goes when the set does.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program beside this one.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    pub(crate) fn person(&self, name: &str) -> Result<&Person, Failure> {
        self.people.iter().find(|person| person.name == name).ok_or_else(|| format!("nobody is called {name}").into())
    }

    /// The settings as the sample has them: nested for the apps, flat for the worker.
    fn write_settings(&self, secret: &str, places: &Places) -> Result<(), Failure> {
        let mut azure_ad = json!({
            "Instance": self.entra_url,
            "TenantId": self.tenant_id,
            "ClientId": self.app_id,
            "ClientSecret": secret,
        });
        if let Some(file) = &self.ca_file {
            azure_ad["ExtraRootCertificates"] = json!(file);
        }
        let strings = self.store.connection_strings();
        let token_cache = json!({ "KeyRing": self.folder.path().join("tokens.keys") });
        let graph = format!("{}/v1.0", self.entra_url);
        let app = |port: u16| {
            json!({
                "AzureAd": azure_ad,
                "ConnectionStrings": strings,
                "TokenCache": token_cache,
                "GraphApiUrl": graph,
                "MicrosoftGraphBaseUrl": graph,
                "Kestrel": { "Endpoints": { "Http": { "Url": format!("http://localhost:{port}") } } },
                "Cors": { "AllowedOrigins": [places.spa] },
            })
        };
        self.write("web-app", &app(0))?;
        self.write("web-api", &app(places.api))?;
        let mut worker = azure_ad;
        worker["ConnectionStrings"] = strings;
        worker["TokenCache"] = token_cache;
        worker["MicrosoftGraphBaseUrl"] = json!(graph);
        self.write("background-worker", &worker)
    }

    fn write(&self, program: &str, settings: &Value) -> Result<(), Failure> {
        Ok(std::fs::write(self.settings(program), serde_json::to_string_pretty(settings)?)?)
    }

    /// Starts one of the apps and waits for its URL.
    pub(crate) async fn start_app(&self, name: &'static str) -> Result<(Program, url::Url), Failure> {
        let settings = self.settings(name);
        let arguments = ["--settings", path(&settings)?];
        Program::start(name, &self.program(name), &arguments, |line| {
            url::Url::parse(line.split_ascii_whitespace().find(|word| word.starts_with("http://"))?).ok()
        })
        .await
    }
}

pub(crate) fn path(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| "a path is no text".into())
}
