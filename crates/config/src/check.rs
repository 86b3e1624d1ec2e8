use std::time::{Duration, SystemTime};

use url::{Host, Url};

/// Hosts that may be reached without TLS, because nobody can listen on the way.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

/// An https URL, or http on a loopback host, without user, query and fragment.
pub(crate) fn safe_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "is not a URL")?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("is not https; only localhost, 127.0.0.1 and [::1] may go without"),
        _ => return Err("is not an https URL"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("holds a user, a query or a fragment, which do not belong there");
    }
    Ok(url)
}

/// `Instance` in one form, without a final slash: blanks around, slashes at the end and `/{0}` are ways of writing it.
pub(crate) fn instance(text: &str) -> Result<String, &'static str> {
    let text = text.trim().trim_end_matches('/');
    let url = safe_url(text.strip_suffix("{0}").unwrap_or(text).trim_end_matches('/'))?;
    if url.path() != "/" {
        return Err("holds a path; a tenant belongs in TenantId");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The base of an API, without a final slash.
pub(crate) fn base_url(text: &str) -> Result<String, &'static str> {
    safe_url(text).map(|url| url.as_str().trim_end_matches('/').to_owned())
}

/// An origin as browsers send it: no path, no final slash, no default port. `*` is kept.
pub(crate) fn origin(text: &str) -> Result<String, &'static str> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).map_err(|_| "holds something that is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.path() != "/" || url.query().is_some() {
        return Err("holds something that is not an origin");
    }
    Ok(url.origin().ascii_serialization())
}

/// `true` or `false`, as .NET reads them.
pub(crate) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false"),
    }
}

/// A day, from its beginning in UTC, or an instant with its offset.
pub(crate) fn date(text: &str) -> Result<SystemTime, &'static str> {
    let text = text.trim();
    let written = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let instant = written.parse::<jiff::Timestamp>().ok().and_then(|instant| u64::try_from(instant.as_second()).ok());
    instant
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .ok_or("is neither a day nor an instant")
}

/// 8-4-4-4-12 hex digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A GUID, a verified domain, or one of Entra's words for many tenants.
pub(crate) fn is_tenant(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    is_guid(text)
        || ["common", "organizations", "consumers"].iter().any(|word| word.eq_ignore_ascii_case(text))
        || (text.contains('.') && text.split('.').all(is_label))
}

/// What the samples ship for a person to replace: `[Enter the Client Id …]`, `<client id>`,
/// `Enter_the_Tenant_Info_Here`.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let within = |open, close| text.len() > 1 && text.starts_with(open) && text.ends_with(close);
    let start = text.get(..10).unwrap_or_default().to_ascii_lowercase();
    within('[', ']') || within('<', '>') || ["enter the ", "enter_the_", "enter-the-"].contains(&start.as_str())
}

/// What is odd about a secret that was refused, for the message about it. Says nothing of its content. Secrets are sent
/// as they are written, so an odd one is not corrected.
///
/// ```
/// use absentia_config::secret_advice;
///
/// assert_eq!(secret_advice("abc  "), Some("ends with a blank"));
/// assert_eq!(secret_advice("abc"), None);
/// ```
pub fn secret_advice(secret: &str) -> Option<&'static str> {
    let quoted = |quote| secret.len() > 1 && secret.starts_with(quote) && secret.ends_with(quote);
    if secret.is_empty() {
        Some("is empty")
    } else if secret.ends_with(['\n', '\r']) {
        Some("ends with a line break")
    } else if secret.ends_with(char::is_whitespace) {
        Some("ends with a blank")
    } else if secret.starts_with(char::is_whitespace) {
        Some("begins with a blank")
    } else if quoted('"') || quoted('\'') {
        Some("starts and ends with a quote")
    } else if is_guid(secret) {
        Some("looks like a secret id: a GUID; the secret is the value beside it")
    } else if is_placeholder(secret) {
        Some("is the placeholder of the sample")
    } else {
        None
    }
}
