//! HTTP as it is passed in.

use std::{error::Error as StdError, fmt, path::Path, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use zeroize::Zeroizing;

/// The longest answer that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// One request. `Debug` shows method and host only: URLs and bodies may hold secrets.
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body; wiped when dropped.
    pub body: Zeroizing<String>,
}

/// The methods that are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// One answer.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case. A header that came twice is there twice.
    pub headers: Vec<(String, String)>,
    /// The body, at most 1 MiB.
    pub body: Bytes,
}

impl HttpResponse {
    /// The values of a header, by its lower-case name.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How long the server asks to wait: `Retry-After` as it is read everywhere here. `now` is unix seconds. `None` when it
    /// says nothing that can be read.
    pub fn retry_after(&self, now: u64) -> Option<Duration> {
        self.header("retry-after").filter_map(|line| absentia_core::response::wait(line, now)).max()
    }
}

/// No answer came. Holds neither URL nor body.
#[derive(Debug)]
pub struct HttpError {
    /// Whether the request may have reached the server.
    pub sent: bool,
    message: String,
}

impl HttpError {
    /// No answer, and why. `sent` says whether the server may have seen the request.
    pub fn new(sent: bool, message: impl Into<String>) -> Self {
        Self { sent, message: message.into() }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for HttpError {}

/// Sends one request and reads its answer. No redirects, no retries: who asks decides about both.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends `request`. Cancel safe; a cancelled request may have been seen by the server.
    ///
    /// # Errors
    /// When no complete answer came.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// The HTTP client of this machine: rustls on aws-lc-rs, the system's trusted roots and proxies.
#[derive(Clone, Debug)]
pub struct SystemHttp(reqwest::Client);

impl SystemHttp {
    /// A client with a pool of its own. Installs rustls' provider for the process if none is.
    ///
    /// # Errors
    /// `Config` when TLS cannot be set up: the system's roots cannot be read.
    pub fn new() -> Result<Self, absentia_core::Error> {
        Self::trusting(Vec::new())
    }

    /// As [`new`](Self::new), trusting the certificate authorities of a PEM file besides the system's.
    ///
    /// # Errors
    /// `Config` when the file cannot be read or holds no certificate, or TLS cannot be set up.
    pub fn with_roots(pem_file: impl AsRef<Path>) -> Result<Self, absentia_core::Error> {
        let path = pem_file.as_ref();
        let refused = |what: &str| {
            absentia_core::Error::config(format!("The file of extra root certificates {} {what}", path.display()))
                .advise("Name a PEM file of certificate authorities in AzureAd:ExtraRootCertificates")
        };
        let pem = std::fs::read(path).map_err(|error| refused("cannot be read").caused_by(error))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| refused("holds something else than certificates").caused_by(error))?;
        if roots.is_empty() {
            return Err(refused("holds no certificate"));
        }
        Self::trusting(roots)
    }

    fn trusting(roots: Vec<reqwest::Certificate>) -> Result<Self, absentia_core::Error> {
        // Fails when one is installed already, and then that one is used.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(50))
            .user_agent(concat!("absentia/", env!("CARGO_PKG_VERSION")));
        if !roots.is_empty() {
            builder = builder.tls_certs_merge(roots);
        }
        builder.build().map(Self).map_err(|error| {
            absentia_core::Error::config("TLS could not be set up")
                .caused_by(error)
                .advise("Check SSL_CERT_FILE, AzureAd:ExtraRootCertificates and the system's certificates")
        })
    }
}

#[async_trait]
impl HttpClient for SystemHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let HttpRequest { method, url, headers, body } = request;
        let mut builder = match method {
            Method::Get => self.0.get(url),
            Method::Post => self.0.post(url).body(body.as_bytes().to_vec()),
        };
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let mut answer = builder.send().await.map_err(describe)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(describe)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(HttpError::new(true, "the answer is over 1 MiB long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, headers, body: body.into() })
    }
}

/// The innermost cause, without the URL.
fn describe(error: reqwest::Error) -> HttpError {
    let sent = !error.is_connect() && !error.is_builder();
    let what = match &error {
        error if error.is_timeout() => "it took too long",
        error if error.is_connect() => "no connection",
        _ => "the connection broke",
    };
    let error = error.without_url();
    let mut cause: &dyn StdError = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    HttpError::new(sent, format!("{what}: {cause}"))
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = url::Url::parse(&self.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        write!(f, "{:?} {origin}", self.method)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}
