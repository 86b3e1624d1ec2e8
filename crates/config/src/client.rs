//! From settings to a cache and a client.

use std::{path::PathBuf, sync::Arc};

use absentia::{
    Authority, ClientCredential, DotNetExpiry, DotNetProtection, Error, ErrorKind, KeyRing, Layout, Secret, TokenCache,
    store::{Backend, Clock, Opener, SystemClock, Target},
    transport::SystemHttp,
};
use absentia_cache::OsRandom;

use crate::{
    Need, Settings, data_protection::RingProtector, error::Problem, opener::pick, plan::StorePlan, setting,
    setting::Setting,
};

/// What `absentia store create` made.
#[derive(Clone, Debug)]
pub struct Created {
    /// What the store is, without a password.
    pub store: String,
    /// The key ring; none where .NET's keys protect the entries and no other is asked for.
    pub key_ring: Option<PathBuf>,
    /// Whether the key ring was made now; `false` when it was there.
    pub new_key_ring: bool,
}

impl Settings {
    /// The authority of `AzureAd:Instance` and `AzureAd:TenantId`.
    ///
    /// # Errors
    /// `Config`, naming what is missing or wrong.
    pub fn authority(&self) -> Result<Authority, Error> {
        self.require(&[Need::TenantId]).map_err(config)?;
        Authority::new(&self.azure_ad.instance, self.azure_ad.tenant_id.as_deref().unwrap_or_default())
    }

    /// The client of the section `AzureAd`: give it a cache and build it.
    ///
    /// # Errors
    /// `Config`, naming everything that is missing or wrong.
    pub fn confidential_client(&self) -> Result<absentia::Builder, Error> {
        self.require(&[Need::TenantId, Need::ClientId, Need::ClientSecret]).map_err(config)?;
        let secret = self.azure_ad.client_secret.clone().unwrap_or_else(|| Secret::new(""));
        let client_id = self.azure_ad.client_id.clone().unwrap_or_default();
        let builder =
            absentia::ConfidentialClient::builder(self.authority()?, client_id, ClientCredential::secret(secret)?);
        Ok(match self.azure_ad.extra_root_certificates {
            Some(_) => builder.http(Arc::new(self.http_client()?)),
            None => builder,
        })
    }

    /// The HTTP client of this machine, trusting what `AzureAd:ExtraRootCertificates` adds. For the app's own requests to
    /// the same hosts.
    ///
    /// # Errors
    /// `Config` when the file cannot be used or TLS cannot be set up.
    pub fn http_client(&self) -> Result<SystemHttp, Error> {
        match &self.azure_ad.extra_root_certificates {
            Some(file) => SystemHttp::with_roots(file),
            None => SystemHttp::new(),
        }
    }

    /// The cache in the stores that the connection strings name, sealed under the key ring beside them. Opens what is
    /// there and makes nothing. `openers` are those of the backends this program links.
    ///
    /// # Errors
    /// `Config` when a string cannot be read, a backend is not linked, the store was not created, or the key ring is
    /// missing, unreadable, readable by others or damaged; `Unavailable` when the store does not answer.
    pub async fn token_cache(&self, openers: &[Box<dyn Opener>]) -> Result<TokenCache, Error> {
        let plan = self.store_plan().map_err(config)?;
        // The keys first: without them nothing may be opened.
        let keys = self.keys(openers, &plan).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut backend = open(openers, &plan.tokens, &clock).await?;
        if let Some(accounts) = &plan.accounts {
            let second = open(openers, accounts, &clock).await?;
            backend.name = format!("{}, accounts in {}", backend.name, second.name);
            backend.accounts = second.accounts;
        }
        // A store that hangs must not hang its callers.
        let backend = backend.with_deadlines(&clock);
        let wanted = &self.token_cache;
        let mut builder = match keys {
            Keys::Native(ring) => TokenCache::sealed(backend, ring),
            Keys::DotNet(protection, ring) => {
                let expiry = DotNetExpiry { sliding: wanted.sliding_expiration, relative: wanted.relative_expiration };
                let builder = TokenCache::dotnet(backend, protection).dotnet_expiry(expiry);
                ring.into_iter().fold(builder, absentia::CacheBuilder::app_ring)
            }
        };
        if let Some(window) = wanted.sliding_expiration {
            builder = builder.sliding_expiration(window);
        }
        if let Some(bytes) = wanted.size_limit.filter(|_| !wanted.disable_l1).or(wanted.disable_l1.then_some(0)) {
            builder = builder.memory_limit(bytes);
        }
        Ok(builder.store_failure(wanted.store_failure).clock(clock).build())
    }

    async fn keys(&self, openers: &[Box<dyn Opener>], plan: &StorePlan) -> Result<Keys, Error> {
        let ring = self.key_ring()?.map(|(_, ring)| ring);
        if self.token_cache.layout == Layout::Native {
            return ring.map(Keys::Native).ok_or_else(no_ring_file);
        }
        let protection = if self.token_cache.encrypt == Some(true) {
            let protector = RingProtector::open(&self.data_protection, openers, &plan.tokens).await?;
            let protection = DotNetProtection::data_protection(Arc::new(protector));
            match self.token_cache.accept_plain_until {
                Some(date) => protection.accept_plain_until(date),
                None => protection,
            }
        } else {
            DotNetProtection::plain()
        };
        Ok(Keys::DotNet(protection, ring))
    }

    /// `TokenCache:KeyRing`; else beside the file of a SQLite database. In .NET's layout its keys protect entries; a ring is
    /// for the sessions of a web app, and may be absent.
    pub(crate) fn ring_file(&self, plan: &StorePlan) -> Result<Option<PathBuf>, Error> {
        let beside = || {
            std::iter::once(&plan.tokens).chain(&plan.accounts).find_map(|target| match target {
                Target::Sqlite(sqlite) => sqlite.key_ring(),
                _ => None,
            })
        };
        match self.token_cache.key_ring.clone().or_else(beside) {
            None if self.token_cache.layout == Layout::Native => Err(no_ring_file()),
            file => Ok(file),
        }
    }

    /// Makes the store and the key ring, or what of them is missing: what `absentia store create` does. Repeatable. A key
    /// ring that is there is checked and kept.
    ///
    /// # Errors
    /// As [`token_cache`](Self::token_cache).
    pub async fn create_store(&self, openers: &[Box<dyn Opener>]) -> Result<Created, Error> {
        let plan = self.store_plan().map_err(config)?;
        let ring = self.ring_file(&plan)?;
        let new_key_ring = ring.as_ref().is_some_and(|ring| !ring.exists());
        if let Some(ring) = &ring {
            if new_key_ring {
                KeyRing::create(ring, SystemClock.now(), &OsRandom)?;
            }
            KeyRing::load(ring)?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut names = Vec::new();
        for target in std::iter::once(&plan.tokens).chain(&plan.accounts) {
            let opener = pick(openers, target).map_err(config)?;
            names.push(opener.create(target, clock.clone()).await.map_err(store)?.name);
        }
        Ok(Created { store: names.join(", accounts in "), key_ring: ring, new_key_ring })
    }
}

async fn open(openers: &[Box<dyn Opener>], target: &Target, clock: &Arc<dyn Clock>) -> Result<Backend, Error> {
    pick(openers, target).map_err(config)?.open(target, clock.clone()).await.map_err(store)
}

/// What opens the entries.
enum Keys {
    Native(KeyRing),
    /// The ring is for what the app itself seals.
    DotNet(DotNetProtection, Option<KeyRing>),
}

fn no_ring_file() -> Error {
    let Setting { key, is, .. } = setting::KEY_RING;
    let message = format!(
        "{key} is not set, and a store in memory or on a server has no file beside which its key ring could lie. It is {is}; \
         all processes that share the store need the same file"
    );
    config(Problem::new(message).into())
}

pub(crate) fn config(error: crate::Error) -> Error {
    Error::config(error.to_string())
}

pub(crate) fn store(error: absentia::store::Error) -> Error {
    let kind = match error.kind() {
        absentia::store::ErrorKind::Config => ErrorKind::Config,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, error.to_string()).caused_by(error)
}
