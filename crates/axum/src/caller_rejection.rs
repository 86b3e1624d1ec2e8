//! What a caller is refused with: RFC 6750, and what Microsoft's APIs answer.

use std::{fmt::Write as _, time::Duration};

use absentia::{ConfidentialClient, Error, ErrorKind};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;

/// Why a call is refused.
///
/// | | status | `WWW-Authenticate` |
/// |---|---|---|
/// | no token | 401 | `Bearer` |
/// | a bad token | 401 | `Bearer error="invalid_token", error_description="…"` |
/// | no scope that opens it | 403 | |
/// | the user must sign in ([`InteractionRequired`](ErrorKind::InteractionRequired)) | 401 | `… error="insufficient_claims", claims="…"`, or `error="interaction_required"` where there are no claims to ask for |
/// | [`Unavailable`](ErrorKind::Unavailable), [`Throttled`](ErrorKind::Throttled) | 503, `Retry-After` | |
/// | [`Rejected`](ErrorKind::Rejected) | 502 | |
/// | [`Config`](ErrorKind::Config) | 500 | |
#[derive(Debug)]
pub struct CallerRejection(Box<Why>);

#[derive(Debug)]
enum Why {
    NoToken,
    Invalid(String),
    Scope,
    Failed { error: Error, authorization_uri: Option<String>, client_id: Option<String> },
}

impl CallerRejection {
    pub(crate) fn no_token() -> Self {
        Self(Box::new(Why::NoToken))
    }

    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self(Box::new(Why::Invalid(why.into())))
    }

    pub(crate) fn scope(wanted: &[&str]) -> Self {
        tracing::info!(?wanted, "a caller's token does not grant what is asked for here");
        Self(Box::new(Why::Scope))
    }

    pub(crate) fn of(error: Error, api: Option<&ConfidentialClient>) -> Self {
        Self(Box::new(Why::Failed {
            error,
            authorization_uri: api.map(|client| client.authority().authorization_endpoint()),
            client_id: api.map(|client| client.client_id().to_owned()),
        }))
    }

    /// The error, if a call that was made for the caller failed.
    pub fn error(&self) -> Option<&Error> {
        match &*self.0 {
            Why::Failed { error, .. } => Some(error),
            Why::NoToken | Why::Invalid(_) | Why::Scope => None,
        }
    }
}

impl From<Error> for CallerRejection {
    fn from(error: Error) -> Self {
        Self::of(error, None)
    }
}

impl IntoResponse for CallerRejection {
    fn into_response(self) -> Response {
        let mut response = match *self.0 {
            Why::NoToken => challenge(StatusCode::UNAUTHORIZED.into_response(), "Bearer"),
            Why::Invalid(why) => {
                tracing::info!(why, "a caller's token was refused");
                let header = format!(r#"Bearer error="invalid_token", error_description="{}""#, quoted(&why));
                challenge(StatusCode::UNAUTHORIZED.into_response(), &header)
            }
            Why::Scope => StatusCode::FORBIDDEN.into_response(),
            Why::Failed { error, authorization_uri, client_id } => failed(&error, authorization_uri, client_id),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn failed(error: &Error, authorization_uri: Option<String>, client_id: Option<String>) -> Response {
    let (status, word) = match error.kind() {
        ErrorKind::InteractionRequired if error.claims().is_some() => (StatusCode::UNAUTHORIZED, "insufficient_claims"),
        ErrorKind::InteractionRequired => (StatusCode::UNAUTHORIZED, "interaction_required"),
        ErrorKind::Unavailable | ErrorKind::Throttled => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        ErrorKind::Rejected => (StatusCode::BAD_GATEWAY, "downstream_refused"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    };
    if status == StatusCode::UNAUTHORIZED {
        tracing::info!(%error, "a caller must sign in again");
    } else {
        tracing::warn!(%error, "a call could not be served");
    }
    // What went wrong in detail is for the log: settings and stores are nothing a caller should read about.
    let body = json!({
        "error": word,
        "reason": (status == StatusCode::UNAUTHORIZED).then(|| error.reason()),
        "correlation_id": error.entra().correlation_id,
    });
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let mut header = String::from("Bearer realm=\"\"");
        for (name, value) in [("authorization_uri", authorization_uri), ("client_id", client_id)] {
            if let Some(value) = value {
                let _ = write!(header, ", {name}=\"{}\"", quoted(&value)); // writing to a string does not fail
            }
        }
        let _ = write!(header, ", error=\"{word}\"");
        if let Some(claims) = error.claims() {
            let _ = write!(header, ", claims=\"{}\"", base64(claims.as_bytes()));
        }
        response = challenge(response, &header);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let wait = error.retry_after().unwrap_or(Duration::from_secs(10)).as_secs().max(1);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

fn challenge(mut response: Response, header: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(header) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// Text inside a quoted string: printable ASCII without quote and backslash.
fn quoted(text: &str) -> String {
    text.chars().filter(|c| (c.is_ascii_graphic() || *c == ' ') && *c != '"' && *c != '\\').take(300).collect()
}

/// Standard base64 with padding, as Microsoft's APIs write claims.
fn base64(bytes: &[u8]) -> String {
    let mut text = absentia_core::encoding::base64url(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
