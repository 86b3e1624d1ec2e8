//! Under which address the browser knows this app.

use http::{HeaderMap, header::HOST};

/// Scheme, host and port, as the browser sees them: `http://localhost:44321`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Origin(String);

impl Origin {
    /// The configured address, else that of the request's `Host`, over https or http. Forwarding headers are not trusted:
    /// behind a proxy the address is configured. `None` when there is no `Host` that could be part of a URL.
    pub(crate) fn of(configured: Option<&str>, https: bool, headers: &HeaderMap) -> Option<Self> {
        if let Some(configured) = configured {
            return Some(Self(configured.to_owned()));
        }
        let host = headers.get(HOST)?.to_str().ok()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        (!host.is_empty() && host.len() <= 255 && host.bytes().all(fits)).then(|| {
            let scheme = if https { "https" } else { "http" };
            Self(format!("{scheme}://{host}"))
        })
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The URL of a path of this app.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// The origin of a configured address. `None` when it is no http(s) URL, or one with a path.
pub(crate) fn configured(url: &str) -> Option<String> {
    let url = url::Url::parse(url.trim()).ok()?;
    let origin = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
    origin.then(|| url.origin().ascii_serialization())
}
