//! What the tests across crates share: one Entra, one cache, one client, one clock.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "test support: a failed set-up is a failed test"
)]

pub mod calling;
pub mod canaries;
pub mod committing;
pub mod dice;
pub mod history;
pub mod place;
pub mod racing;
pub mod secrecy;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use absentia::{
    AccessToken, AccountId, Authority, ClientCredential, ConfidentialClient, Error, Secret, SignedIn, TokenCache,
    UserAssertion,
    transport::{HttpClient, HttpRequest, Method, SystemHttp},
};
use absentia_cache::{KeyRing, OsRandom};
use absentia_emulator::{Emulator, UserHandle};
use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Backend, Clock as _, ManualClock, MemoryStore, SystemClock};

/// Where the sample's web app takes its codes.
pub const REDIRECT: &str = "http://localhost:44321/signin-oidc";

/// Entra in process, and one client of it over one cache.
pub struct World {
    /// Entra.
    pub entra: Emulator,
    /// The client's clock; moved together with Entra's by [`advance`](Self::advance).
    pub clock: ManualClock,
    /// The stores, as the cache has them.
    pub backend: Backend,
    /// The key ring.
    pub ring: KeyRing,
    /// The cache.
    pub cache: TokenCache,
    /// The client.
    pub client: ConfidentialClient,
    /// One HTTP client for all.
    pub http: Arc<dyn HttpClient>,
}

impl World {
    /// Over a store in memory.
    pub async fn new() -> Self {
        let clock = ManualClock::at(SystemTime::now());
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::over(Backend::of("memory", &store), clock).await
    }

    /// Over these stores.
    pub async fn over(backend: Backend, clock: ManualClock) -> Self {
        Self::with(Emulator::start().await, backend, clock)
    }

    /// Over a new SQLite file.
    pub async fn sqlite() -> (Self, SqliteFile) {
        Self::sqlite_as(|_| {}).await
    }

    /// Over a new SQLite file opened in a way of its own.
    pub async fn sqlite_as(change: impl FnOnce(&mut SqliteConfig)) -> (Self, SqliteFile) {
        let clock = ManualClock::at(SystemTime::now());
        let file = SqliteFile::create(&clock, change).await;
        (Self::over(file.open(&clock).await, clock).await, file)
    }

    /// Of this Entra, whose first tenant has an app `contoso-app`.
    pub fn with(entra: Emulator, backend: Backend, clock: ManualClock) -> Self {
        Self::under(KeyRing::ephemeral(&OsRandom).unwrap(), entra, backend, clock)
    }

    /// Sealed under this ring.
    pub fn under(ring: KeyRing, entra: Emulator, backend: Backend, clock: ManualClock) -> Self {
        let http: Arc<dyn HttpClient> = Arc::new(SystemHttp::new().unwrap());
        let cache = TokenCache::sealed(backend.clone(), ring.clone()).clock(Arc::new(clock.clone())).build();
        let client = builder(&entra, &cache, &http).build().unwrap();
        Self { entra, clock, backend, ring, cache, client, http }
    }

    /// Another process: a cache and a client of their own over the same stores.
    pub fn another(&self) -> Process {
        self.process(self.another_cache())
    }

    /// A process with this cache.
    pub fn process(&self, cache: TokenCache) -> Process {
        let client = builder(&self.entra, &cache, &self.http).build().unwrap();
        Process { cache, client }
    }

    /// A cache of its own over the same stores.
    pub fn another_cache(&self) -> TokenCache {
        TokenCache::sealed(self.backend.clone(), self.ring.clone()).clock(Arc::new(self.clock.clone())).build()
    }

    /// A builder of a client of this Entra.
    pub fn builder(&self, cache: &TokenCache) -> absentia::Builder {
        builder(&self.entra, cache, &self.http)
    }

    /// Lets time pass, here and at Entra.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.entra.advance(by);
    }

    /// Signs a user in to the web app, with PKCE and nonce, as the app does it.
    pub async fn sign_in(&self, user: &UserHandle) -> Result<SignedIn, Error> {
        self.sign_in_for(&self.client, user, "User.Read").await
    }

    /// Signs a user in through this client.
    pub async fn sign_in_for(
        &self,
        client: &ConfidentialClient,
        user: &UserHandle,
        scopes: &str,
    ) -> Result<SignedIn, Error> {
        let pending = client.begin_sign_in()?;
        let url = client.sign_in_url(&pending, REDIRECT, scopes, "state", &Default::default());
        let url = url::Url::parse(&url).unwrap();
        let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let app = self.entra.app("contoso-app");
        let code = user
            .sign_in(&app, REDIRECT, &parameter("scope"))
            .at(self.entra.tenant_id())
            .code_challenge(&parameter("code_challenge"))
            .with("nonce", &parameter("nonce"))
            .await
            .unwrap();
        client.complete_sign_in(&pending, &Secret::new(code), REDIRECT, scopes).await
    }

    /// An access token of the browser side for our API, as its callers present it.
    pub async fn assertion(&self, user: &UserHandle) -> UserAssertion {
        let spa = self.entra.app("contoso-spa");
        let api = self.entra.app("contoso-app");
        let redirect = "http://localhost";
        let verifier = "a-verifier-of-the-browser-side-that-is-long-enough-000";
        let challenge = absentia_core::encoding::sha256_base64url(verifier);
        let scope = format!("api://{}/.default openid offline_access", api.client_id());
        let code =
            user.sign_in(&spa, redirect, &scope).at(self.entra.tenant_id()).code_challenge(&challenge).await.unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("client_id", spa.client_id())
            .append_pair("code", &code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", verifier)
            .append_pair("scope", &scope)
            .finish();
        let url = format!("{}/oauth2/v2.0/token", self.entra.authority());
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let request = HttpRequest { method: Method::Post, url, headers, body: body.into() };
        let answer = self.http.send(request).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        UserAssertion::unverified(json["access_token"].as_str().unwrap_or_else(|| panic!("{json}")))
    }

    /// The user's home account id.
    pub fn id(&self, user: &UserHandle) -> AccountId {
        AccountId::parse(user.home_account_id()).unwrap()
    }

    /// How many token requests of a grant Entra has seen for a user.
    pub fn requests(&self, user: &UserHandle, grant: &str) -> usize {
        self.entra.journal().token_requests().of(user).grant(grant).count()
    }
}

/// Waits for `answer` while time passes for those who sleep by `clock`.
pub async fn while_time_passes<T>(clock: &ManualClock, answer: impl Future<Output = T>) -> T {
    let passing = async {
        loop {
            if clock.sleepers() > 0 {
                clock.advance(Duration::from_secs(1));
            }
            SystemClock.sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        answer = answer => answer,
        never = passing => never,
    }
}

/// A SQLite database in a folder of its own.
pub struct SqliteFile {
    /// The database, and how it is opened.
    pub config: SqliteConfig,
    _folder: tempfile::TempDir,
}

impl SqliteFile {
    /// Makes it. `change` says how it is opened from then on.
    pub async fn create(clock: &ManualClock, change: impl FnOnce(&mut SqliteConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SqliteConfig::new(folder.path().join("tokens.db"));
        SqliteStore::create(&config, Arc::new(clock.clone())).await.unwrap();
        change(&mut config);
        Self { config, _folder: folder }
    }

    /// Connections of their own, as another process has them.
    pub async fn open(&self, clock: &ManualClock) -> Backend {
        let store = Arc::new(SqliteStore::open(&self.config, Arc::new(clock.clone())).await.unwrap());
        Backend::of(format!("sqlite {}", self.config.path.display()), &store)
    }
}

/// A second process over the same stores.
pub struct Process {
    /// Its cache.
    pub cache: TokenCache,
    /// Its client.
    pub client: ConfidentialClient,
}

fn builder(entra: &Emulator, cache: &TokenCache, http: &Arc<dyn HttpClient>) -> absentia::Builder {
    let app = entra.app("contoso-app");
    let authority = Authority::new(entra.url(), entra.tenant_id()).unwrap();
    let secret = ClientCredential::secret(Secret::new(app.secret())).unwrap();
    ConfidentialClient::builder(authority, app.client_id(), secret).cache(cache).http(http.clone())
}

/// The claims of an access token, unverified.
pub fn claims(token: &AccessToken) -> serde_json::Value {
    let jwt = absentia_core::jwt::Jwt::parse(token.secret().expose()).unwrap();
    serde_json::from_slice(&jwt.payload).unwrap()
}
