//! Signing in and out with a browser: what it is configured with, and its routes.

pub(crate) mod begin;
mod callback;
mod remote;
mod sign_out;

use std::{fmt, sync::Arc};

use absentia::{
    ConfidentialClient, Error, ErrorKind, KeyRing, TokenCache,
    store::{Account, AccountStore},
};
use absentia_config::Settings;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};

pub(crate) use self::begin::Begin;
use crate::{
    cookies::Cookie,
    csrf,
    notice::{Notice, Render},
    origin::{self, Origin},
    session::Session,
};

/// Where a sign-in begins: `GET /sign-in?return_url=/page`.
pub const SIGN_IN_PATH: &str = "/sign-in";
/// Where a sign-out begins: `POST /sign-out`.
pub const SIGN_OUT_PATH: &str = "/sign-out";

/// How this app signs users in. Cheap to clone; it belongs into the router's state.
#[derive(Clone)]
pub struct SignIn(Arc<Inner>);

struct Inner {
    client: ConfidentialClient,
    ring: KeyRing,
    accounts: Arc<dyn AccountStore>,
    scopes: String,
    callback_path: String,
    signed_out_path: String,
    remote_path: String,
    public_url: Option<String>,
    https: bool,
    render: Render,
}

/// What a [`SignIn`] is made of.
pub struct Builder {
    client: ConfidentialClient,
    scopes: String,
    callback_path: String,
    signed_out_path: String,
    remote_path: String,
    public_url: Option<String>,
    https: bool,
    render: Option<Render>,
}

/// The routes of signing in and out: [`SIGN_IN_PATH`], [`SIGN_OUT_PATH`], the two paths Entra sends the browser back to, and
/// the one it loads in a frame when a user signed out elsewhere.
///
/// `POST /sign-out` refuses what another site's page sent. The callback changes nothing for whoever did not begin a sign-in in
/// the same browser; over https it is a POST that comes from Entra's site, so no layer of the app may refuse those there.
/// The frame ends the sessions of the `sid` it names, and Entra alone may frame it: keep layers from adding `X-Frame-Options`.
pub fn routes<S: Clone + Send + Sync + 'static>(sign_in: &SignIn) -> Router<S> {
    let inner = &*sign_in.0;
    Router::new()
        .route(SIGN_OUT_PATH, post(sign_out::sign_out))
        .route_layer(csrf::layer(inner.public_url.as_deref(), &inner.render))
        .route(SIGN_IN_PATH, get(begin::begin))
        .route(
            &inner.callback_path,
            get(callback::callback).post(callback::posted).layer(DefaultBodyLimit::max(callback::LONGEST_FORM)),
        )
        .route(&inner.signed_out_path, get(sign_out::signed_out))
        .route(&inner.remote_path, get(remote::sign_out))
        .with_state(sign_in.clone())
}

impl SignIn {
    /// Sign-in for `client`, which asks for `scopes` (words separated by blanks).
    pub fn builder(client: &ConfidentialClient, scopes: impl Into<String>) -> Builder {
        Builder {
            client: client.clone(),
            scopes: scopes.into(),
            callback_path: "/signin-oidc".to_owned(),
            signed_out_path: "/signout-callback-oidc".to_owned(),
            remote_path: "/signout-oidc".to_owned(),
            public_url: None,
            https: false,
            render: None,
        }
    }

    /// The client.
    pub fn client(&self) -> &ConfidentialClient {
        &self.0.client
    }

    pub(crate) fn cache(&self) -> &TokenCache {
        self.0.client.cache()
    }

    pub(crate) fn ring(&self) -> &KeyRing {
        &self.0.ring
    }

    pub(crate) fn render(&self) -> &Render {
        &self.0.render
    }

    pub(crate) fn origin(&self, headers: &HeaderMap) -> Result<Origin, Notice> {
        Origin::of(self.0.public_url.as_deref(), self.0.https, headers).ok_or_else(|| {
            Notice::new(StatusCode::BAD_REQUEST, "Bad request", "The request does not say which host it is for.")
        })
    }

    /// Whose session the request carries, if the session is still good: the account and Entra's session are asked for each
    /// time, so that a sign-out on any node ends it everywhere.
    ///
    /// # Errors
    /// When the store did not answer: then nobody knows, and nobody must sign in for it.
    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Result<Option<(Session, Account)>, Error> {
        let Some(session) = self.presented(headers, origin) else { return Ok(None) };
        let account = self.account(&session).await?;
        let good = |account: &Account| account.revoked_at.is_none() && account.generation == session.generation;
        let Some(account) = account.filter(good) else { return Ok(None) };
        let goes_on = match &session.at_entra {
            Some(at_entra) => self.goes_on(at_entra).await?,
            None => true,
        };
        Ok(goes_on.then_some((session, account)))
    }

    /// The session the request carries, good or over.
    fn presented(&self, headers: &HeaderMap, origin: &Origin) -> Option<Session> {
        Cookie::Session.read(headers, origin).find_map(|cookie| Session::open(&self.0.ring, cookie, self.cache().now()))
    }

    async fn account(&self, session: &Session) -> Result<Option<Account>, Error> {
        let id = session.account.as_str();
        self.0.accounts.account(self.0.client.client_id(), id).await.map_err(|error| self.cache().store_error(error))
    }
}

impl Builder {
    /// Takes `AzureAd:CallbackPath`, `AzureAd:SignedOutCallbackPath`, `AzureAd:RemoteSignOutPath`, `PublicUrl`, and from
    /// `Kestrel:Endpoints` whether this program itself speaks https.
    #[must_use]
    pub fn settings(mut self, settings: &Settings) -> Self {
        self.callback_path.clone_from(&settings.azure_ad.callback_path);
        self.signed_out_path.clone_from(&settings.azure_ad.signed_out_callback_path);
        self.remote_path.clone_from(&settings.azure_ad.remote_sign_out_path);
        self.https = settings.endpoints.iter().any(|endpoint| endpoint.url.to_ascii_lowercase().starts_with("https:"));
        self.public_url = settings.configuration().get("PublicUrl").map(|value| value.text().trim().to_owned());
        self
    }

    /// The path Entra sends the browser to after signing in. `/signin-oidc` by default.
    #[must_use]
    pub fn callback_path(mut self, path: impl Into<String>) -> Self {
        self.callback_path = path.into();
        self
    }

    /// The path Entra sends the browser to after signing out. `/signout-callback-oidc` by default.
    #[must_use]
    pub fn signed_out_callback_path(mut self, path: impl Into<String>) -> Self {
        self.signed_out_path = path.into();
        self
    }

    /// The path of the front-channel logout URL, which Entra loads in a frame. `/signout-oidc` by default.
    #[must_use]
    pub fn remote_sign_out_path(mut self, path: impl Into<String>) -> Self {
        self.remote_path = path.into();
        self
    }

    /// Whether browsers reach this program itself over https, at what they send as `Host`. Then cookies are `Secure`, and
    /// Entra posts its answer. Not, by default.
    #[must_use]
    pub fn https(mut self, https: bool) -> Self {
        self.https = https;
        self
    }

    /// Scheme, host and port under which browsers know this app, when that is not what they send as `Host`: behind a reverse
    /// proxy that speaks https, `https://app.contoso.example`. Its scheme counts instead of [`https`](Self::https).
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// How notices become pages. All they hold is plain text: escape it. A plain page by default.
    #[must_use]
    pub fn pages(mut self, render: impl Fn(&Notice) -> String + Send + Sync + 'static) -> Self {
        self.render = Some(Arc::new(render));
        self
    }

    /// The configuration.
    ///
    /// # Errors
    /// `Config` when the client's cache is not sealed or keeps no accounts, no scope is asked for, or a path or the public
    /// address is none.
    pub fn build(self) -> Result<SignIn, Error> {
        let cache = self.client.cache();
        let ring = cache.key_ring().cloned().ok_or_else(|| {
            Error::config("Sessions need a key ring, which seals their cookies, and this cache has none")
                .advise("Set TokenCache:KeyRing to a file and run `absentia store create`")
        })?;
        let accounts = cache
            .backend()
            .accounts
            .clone()
            .ok_or_else(|| Error::config(format!("The store {} keeps no accounts", cache.backend().name)))?;
        if self.scopes.trim().is_empty() {
            return Err(Error::config("No scope is asked for at sign-in").advise("Ask for `User.Read`, for example"));
        }
        let paths = [
            ("AzureAd:CallbackPath", &self.callback_path),
            ("AzureAd:SignedOutCallbackPath", &self.signed_out_path),
            ("AzureAd:RemoteSignOutPath", &self.remote_path),
        ];
        for (at, (key, path)) in paths.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
            if !path.starts_with('/') || *path == "/" || !path.bytes().all(plain) {
                return Err(Error::config(format!("{key} is not a path this app could serve"))
                    .advise("Write it as in `/signin-oidc`: a slash, then letters, digits, `-`, `.`, `_`, `~`"));
            }
            if [SIGN_IN_PATH, SIGN_OUT_PATH].contains(&path.as_str()) {
                return Err(Error::config(format!("{key} is {path}, which this app serves itself")));
            }
            if let Some((other, _)) = paths.iter().take(at).find(|(_, before)| before == path) {
                return Err(Error::config(format!("{other} and {key} are the same")));
            }
        }
        let public_url = match self.public_url {
            Some(url) => Some(origin::configured(&url).ok_or_else(|| {
                Error::config("PublicUrl is not an address").advise("Write it as in `https://app.contoso.example`")
            })?),
            None => None,
        };
        Ok(SignIn(Arc::new(Inner {
            ring,
            accounts,
            client: self.client,
            scopes: self.scopes,
            callback_path: self.callback_path,
            signed_out_path: self.signed_out_path,
            remote_path: self.remote_path,
            public_url,
            https: self.https,
            render: self.render.unwrap_or_else(|| Arc::new(Notice::to_string)),
        })))
    }
}

/// What a person is told about an error. The technical words go to the log, with the correlation id, which is also shown.
pub(crate) fn notice_of(error: &Error) -> Notice {
    let said = error.entra();
    let mut notice = match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Throttled => Notice::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not available right now",
            "Something this page needs does not answer. Nobody has to sign in for it; try again in a moment.",
        ),
        ErrorKind::InteractionRequired => {
            Notice::new(StatusCode::UNAUTHORIZED, "Sign in again", "Your sign-in has to be renewed.")
        }
        _ => Notice::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This does not work",
            "The app is not set up for what you asked. Trying again does not help; tell whoever runs it.",
        ),
    };
    if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Throttled) {
        notice.retry_after = Some(error.retry_after().unwrap_or(std::time::Duration::from_secs(10)));
    }
    if let Some(code) = error.aadsts() {
        notice.text.push_str(&format!(" (AADSTS{code})"));
    }
    if let Some(id) = &said.correlation_id {
        notice.text.push_str(&format!(" Correlation id: {id}."));
    }
    notice
}

/// An answer and its log line. `what` says what was being done.
pub(crate) fn failed(sign_in: &SignIn, error: &Error, what: &'static str) -> Response {
    tracing::warn!(%error, "{what} failed");
    let mut notice = notice_of(error);
    if error.kind() == ErrorKind::InteractionRequired {
        notice = notice.offer_sign_in("/");
    }
    notice.respond(Some(sign_in.render()))
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("client", &self.0.client)
            .field("scopes", &self.0.scopes)
            .field("callback_path", &self.0.callback_path)
            .field("public_url", &self.0.public_url)
            .finish_non_exhaustive()
    }
}
