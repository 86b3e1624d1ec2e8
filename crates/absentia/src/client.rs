//! The app.

use std::{fmt, sync::Arc, time::Duration};

use absentia_cache::{Adopted, Identity, LongRunningKey, Random, Subject, Then, TokenCache};
use absentia_core::{AccountId, Authority, Error};
use absentia_store::{Account, AccountQuery, Clock, Grant, GrantKind};

use crate::{
    acquirer::TokenAcquirer,
    assertion::UserAssertion,
    credential::ClientCredential,
    discovery::Discovery,
    flights::Flights,
    remembered::Remembered,
    transport::{HttpClient, SystemHttp},
    want::Material,
};

/// A confidential client: an app with a credential of its own. Cheap to clone; clones are one client, with one set of
/// flights.
#[derive(Clone)]
#[doc(alias = "ConfidentialClientApplication")]
pub struct ConfidentialClient(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) authority: Authority,
    pub(crate) client_id: Arc<str>,
    pub(crate) credential: ClientCredential,
    pub(crate) user_cache: TokenCache,
    pub(crate) app_cache: TokenCache,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) flights: Flights,
    pub(crate) remembered: Remembered,
    pub(crate) lease: Option<Duration>,
    pub(crate) records_activity: bool,
}

/// What a client is made of.
pub struct Builder {
    authority: Authority,
    client_id: String,
    credential: ClientCredential,
    user_cache: Option<TokenCache>,
    app_cache: Option<TokenCache>,
    http: Option<Arc<dyn HttpClient>>,
    lease: Option<Duration>,
    coalesce: bool,
    records_activity: bool,
}

impl ConfidentialClient {
    /// A client of `authority` with this client id and credential.
    pub fn builder(authority: Authority, client_id: impl Into<String>, credential: ClientCredential) -> Builder {
        Builder {
            authority,
            client_id: client_id.into(),
            credential,
            user_cache: None,
            app_cache: None,
            http: None,
            lease: Some(Duration::from_secs(10)),
            coalesce: true,
            records_activity: true,
        }
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The client id, as it was given.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// The cache of users' tokens.
    pub fn cache(&self) -> &TokenCache {
        &self.0.user_cache
    }

    /// Whether it acts in the users' absence: see [`Builder::background`].
    pub fn is_background(&self) -> bool {
        !self.0.records_activity
    }

    /// The authority's metadata and signing keys.
    pub fn discovery(&self) -> &Arc<Discovery> {
        &self.0.discovery
    }

    /// Tokens for the app itself (client credentials). Scopes have the form `{resource}/.default`.
    #[doc(alias = "AcquireTokenForClient")]
    pub fn app(&self) -> TokenAcquirer {
        TokenAcquirer::app(self.0.clone())
    }

    /// Tokens for a user who signed in before, in whatever process.
    #[doc(alias = "AcquireTokenSilent")]
    pub fn account(&self, id: &AccountId) -> TokenAcquirer {
        self.acquirer(Subject::Account(id.clone()), Material::Stored)
    }

    /// Tokens for the caller who presented `assertion`. Like MSAL this keeps no refresh token: when the assertion has
    /// expired, so has this. For work that goes on longer see [`start_long_running`](Self::start_long_running).
    #[doc(alias = "AcquireTokenOnBehalfOf")]
    pub fn on_behalf_of(&self, assertion: &UserAssertion) -> TokenAcquirer {
        self.acquirer(Subject::Assertion { hash: assertion.hash().clone() }, Material::Assertion(assertion.clone()))
    }

    /// Tokens of a long-running process that was started before, in whatever process. Whoever knows the key can go on with
    /// it: in web handlers use [`long_running_of`](Self::long_running_of).
    #[doc(alias = "AcquireTokenInLongRunningProcess")]
    pub fn long_running(&self, key: &LongRunningKey) -> TokenAcquirer {
        self.acquirer(Subject::LongRunning(key.clone()), Material::Stored)
    }

    /// Tokens of a long-running process of this user: a process of somebody else under the same key is refused.
    pub fn long_running_of(&self, account: &AccountId, key: &LongRunningKey) -> TokenAcquirer {
        self.long_running(key).owned_by(account.clone())
    }

    /// Tokens through a grant as the account store lists it.
    ///
    /// # Errors
    /// `Config` for an assertion's row: it can act for nobody.
    pub fn grant(&self, account: &Account, grant: &Grant) -> Result<TokenAcquirer, Error> {
        let invalid = || Error::config(format!("The account id {} is none", account.account_id));
        let id = AccountId::parse(&account.account_id).ok_or_else(invalid)?;
        match grant.kind {
            GrantKind::Account => Ok(self.account(&id)),
            GrantKind::LongRunning => {
                let key = LongRunningKey::of_entry(&grant.key, self.cache().layout())?;
                Ok(self.long_running_of(&id, &key))
            }
            GrantKind::Assertion => Err(Error::config("A grant of a single assertion can act for nobody later")),
        }
    }

    /// The accounts of this client, with their grants: who can be acted for. At most 1,000 at a time; the next page begins
    /// after the last. Cancel safe.
    ///
    /// # Errors
    /// `Config` when no accounts are kept, `Unavailable` when the store did not answer.
    #[doc(alias = "GetAccountsAsync")]
    pub async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, Error> {
        let cache = &self.0.user_cache;
        let accounts = cache
            .backend()
            .accounts
            .as_ref()
            .ok_or_else(|| Error::config(format!("The store {} keeps no accounts", cache.backend().name)))?;
        let query = AccountQuery { client_id: Some(self.0.client_id.to_string()), ..query.clone() };
        accounts.accounts(&query).await.map_err(|error| cache.store_error(error))
    }

    /// Makes entries that Microsoft.Identity.Web wrote known to [`accounts`](Self::accounts) and to workers: see
    /// [`TokenCache::adopt`]. A worker calls it at its start and every ten minutes. Cancel safe.
    ///
    /// # Errors
    /// `Unavailable` when a store did not answer.
    pub async fn adopt(&self) -> Result<Adopted, Error> {
        self.0.user_cache.adopt(&self.0.client_id, &self.0.authority).await
    }

    pub(crate) fn identity(&self, subject: Subject) -> Identity {
        Identity {
            client_id: self.0.client_id.clone(),
            authority: self.0.authority.clone(),
            subject,
            layout: self.0.user_cache.layout(),
        }
    }

    pub(crate) fn acquirer(&self, subject: Subject, material: Material) -> TokenAcquirer {
        TokenAcquirer::user(self.0.clone(), self.identity(subject), material)
    }
}

impl Inner {
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.user_cache.clock()
    }

    pub(crate) fn now(&self) -> u64 {
        self.user_cache.now()
    }

    pub(crate) fn random(&self) -> &Arc<dyn Random> {
        self.user_cache.random()
    }

    pub(crate) fn new_id(&self) -> Result<String, Error> {
        let mut bytes = [0; 16];
        self.random().fill(&mut bytes)?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}

impl fmt::Debug for ConfidentialClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfidentialClient")
            .field("client_id", &self.0.client_id)
            .field("authority", &self.0.authority.token_endpoint())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// The cache of users' and, unless it is given apart, of the app's tokens.
    #[must_use]
    pub fn cache(mut self, cache: &TokenCache) -> Self {
        self.user_cache = Some(cache.clone());
        self
    }

    /// A cache of its own for the app's tokens.
    #[must_use]
    pub fn app_cache(mut self, cache: &TokenCache) -> Self {
        self.app_cache = Some(cache.clone());
        self
    }

    /// The HTTP client. The machine's by default.
    #[must_use]
    pub fn http(mut self, http: Arc<dyn HttpClient>) -> Self {
        self.http = Some(http);
        self
    }

    /// How long a lease on a redemption holds without being renewed. 10 s by default; it is renewed at a third of that.
    #[must_use]
    pub fn lease(mut self, ttl: Duration) -> Self {
        self.lease = Some(ttl);
        self
    }

    /// Switches off that callers who want the same share one request, within the process and across processes. For
    /// tests that show what it is for.
    #[must_use]
    pub fn without_flights(mut self) -> Self {
        self.coalesce = false;
        self.lease = None;
        self
    }

    /// Acts in the users' absence: what this client does leaves the time of their last activity as it is, and Entra is asked
    /// for nothing of a user whom an operator [blocked](absentia_store::AccountStore::block): then
    /// [`account`](ConfidentialClient::account) and [`long_running`](ConfidentialClient::long_running) answer `Rejected` where a
    /// cached token does not serve.
    #[must_use]
    pub fn background(mut self) -> Self {
        self.records_activity = false;
        self
    }

    /// The client. Does nothing else: no request is sent and no task started.
    ///
    /// # Errors
    /// `Config` when the client id is no GUID, no cache was given, or TLS cannot be set up.
    pub fn build(self) -> Result<ConfidentialClient, Error> {
        if uuid::Uuid::try_parse(&self.client_id).is_err() || self.client_id.len() != 36 {
            return Err(Error::config("The client id is not a GUID")
                .advise("Set AzureAd:ClientId to the application (client) id of the app registration"));
        }
        let user_cache = self
            .user_cache
            .ok_or_else(|| Error::config("No token cache was given").advise("Call cache(..) before build()"))?;
        if !self.records_activity && user_cache.store_failure().then == Then::Miss {
            return Err(Error::config("A background client would take a broken store for users who must sign in")
                .advise("Leave TokenCache:StoreFailure:Then out for workers"));
        }
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(SystemHttp::new()?),
        };
        Ok(ConfidentialClient(Arc::new(Inner {
            discovery: Arc::new(Discovery::new(self.authority.clone(), http.clone(), user_cache.clock().clone())),
            authority: self.authority,
            client_id: self.client_id.into(),
            credential: self.credential,
            app_cache: self.app_cache.unwrap_or_else(|| user_cache.clone()),
            user_cache,
            http,
            flights: Flights::new(self.coalesce),
            remembered: Remembered::default(),
            lease: self.lease,
            records_activity: self.records_activity,
        })))
    }
}
