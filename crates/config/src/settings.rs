use std::path::{Path, PathBuf};

use absentia::Secret;
use absentia_store::{RedisTarget, Target};

use crate::{
    check,
    connection_string::{database_target, redis_target},
    environment,
    error::{Error, Problem},
    plan::StorePlan,
    reader::{Reader, missing},
    setting::{self, Setting},
    token_cache::{DataProtectionSettings, TokenCacheSettings},
    values::Configuration,
};

/// What the apps are told, read and checked. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The app registration.
    pub azure_ad: AzureAd,
    /// Where tokens and accounts are kept.
    pub connection_strings: ConnectionStrings,
    /// `GraphApiUrl`, without a final slash.
    pub graph_api_url: Option<String>,
    /// `MicrosoftGraphBaseUrl`, without a final slash.
    pub microsoft_graph_base_url: Option<String>,
    /// `Kestrel:Endpoints`: where to listen, by name.
    pub endpoints: Vec<Endpoint>,
    /// `Cors:AllowedOrigins`, as browsers spell origins.
    pub allowed_origins: Vec<String>,
    /// How entries are kept.
    pub token_cache: TokenCacheSettings,
    /// The keys of .NET's layout.
    pub data_protection: DataProtectionSettings,
    configuration: Configuration,
}

/// The section `AzureAd`, or the same keys at the root. Where both are given, the section wins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AzureAd {
    /// Scheme, host and port of the cloud, without a final slash; the public cloud if not set.
    pub instance: String,
    /// A domain of the tenant.
    pub domain: Option<String>,
    /// A GUID, a domain, or `common`, `organizations`, `consumers`.
    pub tenant_id: Option<String>,
    /// A GUID, in the case it was written in: .NET's keys of app tokens hold it so.
    pub client_id: Option<String>,
    /// As it is written, blanks and all.
    pub client_secret: Option<Secret>,
    /// `/signin-oidc` if not set.
    pub callback_path: String,
    /// `/signout-callback-oidc` if not set.
    pub signed_out_callback_path: String,
    /// `/signout-oidc` if not set.
    pub remote_sign_out_path: String,
    /// The audience of tokens for this API, if it is not the client id.
    pub audience: Option<String>,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub extra_root_certificates: Option<PathBuf>,
}

/// The section `ConnectionStrings`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionStrings {
    /// `TokenCacheDbConnStr`.
    pub database: Option<Target>,
    /// `TokenCacheRedisConnStr`.
    pub redis: Option<Target>,
    /// `TokenCacheRedisInstaceName`, as the sample spells it, or `TokenCacheRedisInstanceName`.
    pub redis_instance_name: Option<String>,
}

/// One of `Kestrel:Endpoints`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// `Http`, `Https`, or any other name.
    pub name: String,
    /// Such as `https://localhost:44321`, or with a wildcard host as Kestrel has it: `http://*:5000`.
    pub url: String,
}

/// What an app cannot do without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Need {
    /// `Cors:AllowedOrigins`.
    AllowedOrigins,
    /// `AzureAd:ClientId`.
    ClientId,
    /// `AzureAd:ClientSecret`.
    ClientSecret,
    /// `Kestrel:Endpoints`.
    Endpoints,
    /// `GraphApiUrl`.
    GraphApiUrl,
    /// `MicrosoftGraphBaseUrl`.
    MicrosoftGraphBaseUrl,
    /// One of `TokenCacheDbConnStr` and `TokenCacheRedisConnStr`.
    Store,
    /// `AzureAd:TenantId`.
    TenantId,
}

impl Settings {
    /// Reads `path`, the file of the environment beside it, and the variables of this process, as
    /// [`Configuration::load`] does.
    ///
    /// # Errors
    /// With everything that is wrong in what was read. What is absent is no error here; see [`load_for`](Self::load_for).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_for(path, &[])
    }

    /// The same, and everything in `needs` must be there.
    ///
    /// # Errors
    /// With everything that is wrong and everything that is missing, at once.
    pub fn load_for(path: impl AsRef<Path>, needs: &[Need]) -> Result<Self, Error> {
        Self::from_configuration(&Configuration::load(path, environment::from_process())?, needs)
    }

    /// The settings of a configuration that was read already.
    ///
    /// # Errors
    /// With everything that is wrong and everything in `needs` that is missing, at once.
    pub fn from_configuration(configuration: &Configuration, needs: &[Need]) -> Result<Self, Error> {
        let mut reader = Reader { configuration, problems: Vec::new() };
        let settings = Self::read(&mut reader);
        let mut problems = reader.problems;
        // What is wrong counts as there: its owner should correct one thing, not read two messages.
        let absent = settings.absent(needs).filter(|problem| problems.iter().all(|other| other.key() != problem.key()));
        let absent: Vec<_> = absent.collect();
        problems.extend(absent);
        if problems.is_empty() { Ok(settings) } else { Err(Error::of(problems)) }
    }

    /// Checks that everything in `needs` is there.
    ///
    /// # Errors
    /// With everything that is missing, at once: the key, where it was looked for, the variable that sets it, and what
    /// belongs there.
    pub fn require(&self, needs: &[Need]) -> Result<(), Error> {
        let problems: Vec<_> = self.absent(needs).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::of(problems)) }
    }

    /// Which store keeps what. With both strings given, tokens and leases are in Redis, grants and accounts in the
    /// database, as the sample has it.
    ///
    /// # Errors
    /// When neither string is given.
    pub fn store_plan(&self) -> Result<StorePlan, Error> {
        let ConnectionStrings { database, redis, .. } = &self.connection_strings;
        match (redis, database) {
            (Some(redis), accounts) => Ok(StorePlan {
                tokens: self.named(redis),
                accounts: accounts.as_ref().map(|target| self.named(target)),
            }),
            (None, Some(database)) => Ok(StorePlan { tokens: self.named(database), accounts: None }),
            (None, None) => Err(missing(&self.configuration, &setting::DATABASE).into()),
        }
    }

    /// The target with the instance name, if it is Redis.
    fn named(&self, target: &Target) -> Target {
        match target {
            Target::Redis(redis) => Target::Redis(RedisTarget {
                instance_name: self.connection_strings.redis_instance_name.clone().unwrap_or_default(),
                ..redis.clone()
            }),
            other => other.clone(),
        }
    }

    /// What all this was read from, for settings of the app's own.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let path = |text: &str| {
            let text = text.trim();
            if text.starts_with('/') { Ok(text.to_owned()) } else { Err("does not begin with `/`") }
        };
        let token_cache = TokenCacheSettings::read(reader);
        Self {
            azure_ad: AzureAd {
                instance: reader
                    .parsed(&setting::INSTANCE, check::instance)
                    .unwrap_or_else(|| "https://login.microsoftonline.com".to_owned()),
                domain: reader.text(&setting::DOMAIN),
                tenant_id: reader.parsed(&setting::TENANT_ID, |text| {
                    let text = text.trim();
                    if check::is_tenant(text) { Ok(text.to_owned()) } else { Err("is none of these") }
                }),
                client_id: reader.parsed(&setting::CLIENT_ID, |text| {
                    let text = text.trim();
                    if check::is_guid(text) { Ok(text.to_owned()) } else { Err("is not a GUID") }
                }),
                client_secret: reader.value(&setting::CLIENT_SECRET).map(|value| Secret::new(value.text().to_owned())),
                callback_path: reader
                    .parsed(&setting::CALLBACK_PATH, path)
                    .unwrap_or_else(|| "/signin-oidc".to_owned()),
                signed_out_callback_path: reader
                    .parsed(&setting::SIGNED_OUT_CALLBACK_PATH, path)
                    .unwrap_or_else(|| "/signout-callback-oidc".to_owned()),
                remote_sign_out_path: reader
                    .parsed(&setting::REMOTE_SIGN_OUT_PATH, path)
                    .unwrap_or_else(|| "/signout-oidc".to_owned()),
                audience: reader.text(&setting::AUDIENCE),
                extra_root_certificates: reader.text(&setting::EXTRA_ROOT_CERTIFICATES).map(PathBuf::from),
            },
            connection_strings: ConnectionStrings {
                database: reader.parsed(&setting::DATABASE, |text| {
                    database_target(text).map_err(|error| format!("cannot be read: {error}"))
                }),
                redis: reader.parsed(&setting::REDIS, |text| {
                    redis_target(text).map_err(|error| format!("cannot be read: {error}"))
                }),
                redis_instance_name: reader.value(&setting::REDIS_INSTANCE_NAME).map(|value| value.text().to_owned()),
            },
            graph_api_url: reader.parsed(&setting::GRAPH_API_URL, check::base_url),
            microsoft_graph_base_url: reader.parsed(&setting::GRAPH_BASE_URL, check::base_url),
            endpoints: endpoints(reader),
            allowed_origins: allowed_origins(reader),
            data_protection: DataProtectionSettings::read(reader, token_cache.encrypt == Some(true)),
            token_cache,
            configuration: reader.configuration.clone(),
        }
    }

    fn absent<'a>(&'a self, needs: &'a [Need]) -> impl Iterator<Item = Problem> + 'a {
        let strings = &self.connection_strings;
        needs.iter().filter_map(move |need| {
            let (there, setting): (bool, Setting) = match need {
                Need::AllowedOrigins => (!self.allowed_origins.is_empty(), setting::ALLOWED_ORIGINS),
                Need::ClientId => (self.azure_ad.client_id.is_some(), setting::CLIENT_ID),
                Need::ClientSecret => (self.azure_ad.client_secret.is_some(), setting::CLIENT_SECRET),
                Need::Endpoints => (!self.endpoints.is_empty(), setting::ENDPOINTS),
                Need::GraphApiUrl => (self.graph_api_url.is_some(), setting::GRAPH_API_URL),
                Need::MicrosoftGraphBaseUrl => (self.microsoft_graph_base_url.is_some(), setting::GRAPH_BASE_URL),
                Need::Store => (strings.database.is_some() || strings.redis.is_some(), setting::DATABASE),
                Need::TenantId => (self.azure_ad.tenant_id.is_some(), setting::TENANT_ID),
            };
            (!there).then(|| missing(&self.configuration, &setting))
        })
    }
}

fn endpoints(reader: &mut Reader<'_>) -> Vec<Endpoint> {
    let section = setting::ENDPOINTS.key;
    let mut endpoints = Vec::new();
    for name in reader.configuration.children(section) {
        let Some(value) = reader.configuration.get(&format!("{section}:{name}:Url")) else { continue };
        let url = value.text().trim();
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if matches!(scheme.as_deref(), Some("http" | "https")) {
            endpoints.push(Endpoint { name, url: url.to_owned() });
        } else {
            reader.wrong(&setting::ENDPOINTS, &value, "is not an http or https URL");
        }
    }
    endpoints
}

fn allowed_origins(reader: &mut Reader<'_>) -> Vec<String> {
    let setting = &setting::ALLOWED_ORIGINS;
    let words = match reader.configuration.words(setting.key) {
        Ok(words) => words.unwrap_or_default(),
        Err(error) => {
            reader.problems.extend(error.problems().iter().cloned());
            return Vec::new();
        }
    };
    let separators = [',', ';'];
    let origins = words.iter().flat_map(|word| word.split(separators)).filter(|word| !word.is_empty());
    match origins.map(check::origin).collect() {
        Ok(origins) => origins,
        Err(what) => {
            let message = format!("{} {what}. It is {}", setting.key, setting.is);
            reader.problems.push(Problem::of_key(setting.key, message));
            Vec::new()
        }
    }
}
