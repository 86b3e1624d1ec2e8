//! What the authority says of itself: metadata and signing keys, fetched when they are needed and kept a day.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use absentia_core::{Authority, Error, discovery::Metadata, jwk::KeySet};
use absentia_store::Clock;
use zeroize::Zeroizing;

use crate::transport::{HttpClient, HttpRequest, Method};

/// Documents are fetched again after this.
const KEEP: Duration = Duration::from_secs(24 * 3600);
/// An unknown key is looked for this often at most.
const RELOAD: Duration = Duration::from_secs(5 * 60);
/// A failed fetch is repeated this often at most. Meanwhile older documents serve on; where there are none, its failure is
/// everybody's.
const RETRY: Duration = Duration::from_secs(10);

/// An authority's documents. What was good once serves on while the authority does not answer.
pub struct Discovery {
    authority: Authority,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    v1: Cell,
    v2: Cell,
}

/// Metadata and keys of one version of the endpoint.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The metadata.
    pub metadata: Arc<Metadata>,
    /// The signing keys.
    pub keys: Arc<KeySet>,
}

#[derive(Default)]
struct Cell {
    held: Mutex<Option<Held>>,
    /// The last failure and when it was, while nothing is held.
    failed: Mutex<Option<(Duration, Error)>>,
    /// One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    documents: Documents,
    fetched: Duration,
    tried: Duration,
}

/// Which version of the endpoint issued a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// `https://sts.windows.net/{tid}/`.
    V1,
    /// `https://login.microsoftonline.com/{tid}/v2.0`.
    V2,
}

impl Discovery {
    pub(crate) fn new(authority: Authority, http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>) -> Self {
        Self { authority, http, clock, v1: Cell::default(), v2: Cell::default() }
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The clock it was given.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The v2.0 metadata. Cancel safe.
    ///
    /// # Errors
    /// `Unavailable` when the authority does not answer and never did; `Config` when it answers for somebody else.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        Ok(self.documents(Version::V2).await?.metadata)
    }

    /// Metadata and keys, at most a day old. Cancel safe.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata).
    pub async fn documents(&self, version: Version) -> Result<Documents, Error> {
        self.at_most(version, KEEP).await
    }

    /// Metadata and keys fetched again, because a key was not among them; at most once in five minutes. Cancel safe.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata).
    pub async fn reloaded(&self, version: Version) -> Result<Documents, Error> {
        self.at_most(version, RELOAD).await
    }

    async fn at_most(&self, version: Version, age: Duration) -> Result<Documents, Error> {
        let cell = match version {
            Version::V1 => &self.v1,
            Version::V2 => &self.v2,
        };
        if let Some(documents) = cell.serve(self.clock.monotonic(), age) {
            return Ok(documents);
        }
        let _one = cell.fetching.lock().await;
        let now = self.clock.monotonic();
        if let Some(documents) = cell.serve(now, age) {
            return Ok(documents);
        }
        if let Some(error) = cell.failure(now) {
            return Err(error);
        }
        let fetched = self.fetch(version).await;
        cell.keep(fetched, self.clock.monotonic())
    }

    async fn fetch(&self, version: Version) -> Result<Documents, Error> {
        let url = match version {
            Version::V1 => self.authority.metadata_url_v1(),
            Version::V2 => self.authority.metadata_url(),
        };
        let metadata = Metadata::parse(&self.get(url).await?, &self.authority)?;
        let keys = KeySet::parse(&self.get(metadata.jwks_uri.clone()).await?)?;
        if keys.is_empty() {
            return Err(Error::unavailable(format!(
                "{} published no signing key that can be used",
                self.authority.base()
            ))
            .advise("Try again later"));
        }
        Ok(Documents { metadata: Arc::new(metadata), keys: Arc::new(keys) })
    }

    async fn get(&self, url: String) -> Result<bytes::Bytes, Error> {
        let base = self.authority.base();
        let request = HttpRequest {
            method: Method::Get,
            url,
            headers: vec![("accept", "application/json".to_owned())],
            body: Zeroizing::default(),
        };
        let answer = self.http.send(request).await.map_err(|error| {
            Error::unavailable(format!("{base} did not answer: {error}"))
                .advise("Try again later; if it stays, check AzureAd:Instance and the network")
        })?;
        match answer.status {
            200 => Ok(answer.body),
            400 => Err(Error::config(format!("{base} does not know the tenant {}", self.authority.tenant()))
                .advise("Check AzureAd:TenantId")),
            status => Err(Error::unavailable(format!("{base} answered {status} to a request for its metadata"))
                .advise("Try again later; if it stays, check AzureAd:Instance")),
        }
    }
}

impl Cell {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, now: Duration, age: Duration) -> Option<Documents> {
        let held = self.lock();
        let held = held.as_ref()?;
        let young = now.saturating_sub(held.fetched) < age;
        let rests = now.saturating_sub(held.tried) < RETRY;
        (young || rests).then(|| held.documents.clone())
    }

    /// The failure that nobody repeats yet.
    fn failure(&self, now: Duration) -> Option<Error> {
        if self.lock().is_some() {
            return None;
        }
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(at, _)| now.saturating_sub(*at) < RETRY).map(|(_, error)| error.clone())
    }

    /// Keeps what was fetched. What was good before serves on when nothing was.
    fn keep(&self, fetched: Result<Documents, Error>, now: Duration) -> Result<Documents, Error> {
        let mut held = self.lock();
        match (fetched, &mut *held) {
            (Ok(documents), held) => {
                *held = Some(Held { documents: documents.clone(), fetched: now, tried: now });
                Ok(documents)
            }
            (Err(error), Some(older)) => {
                tracing::warn!(%error, "the authority's metadata could not be fetched; what it said before serves on");
                older.tried = now;
                Ok(older.documents.clone())
            }
            (Err(error), None) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, error.clone()));
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").field("authority", &self.authority).finish_non_exhaustive()
    }
}
