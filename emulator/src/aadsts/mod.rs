//! Refusals as Entra ID words them: an OAuth error, an AADSTS number, a text, sometimes a suberror.

mod client;
mod grant;
mod request;
mod sign_in;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{UnixSeconds, error_timestamp};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// HTTP status of the token endpoint's answer.
    pub(crate) status: u16,
    /// OAuth error code, e.g. `invalid_grant`.
    pub(crate) error: &'static str,
    /// The number after `AADSTS`.
    pub(crate) code: u32,
    /// The sentence after it, without trace, correlation and time.
    pub(crate) message: String,
    /// `bad_token`, `consent_required`, …
    pub(crate) suberror: Option<&'static str>,
    /// The claims to ask for at the next sign-in, in JSON.
    pub(crate) claims: Option<String>,
    /// Seconds for the `Retry-After` header.
    pub(crate) retry_after: Option<u64>,
}

/// What identifies one request in an error's text and headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    pub(crate) trace_id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) at: UnixSeconds,
}

impl Refusal {
    /// A refusal at the token endpoint.
    pub(crate) fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Refusal {
        Refusal { status, error, code, message: message.into(), suberror: None, claims: None, retry_after: None }
    }

    pub(crate) fn with_suberror(self, suberror: &'static str) -> Refusal {
        Refusal { suberror: Some(suberror), ..self }
    }

    /// The same condition under the name the authorization endpoint has for it.
    pub(crate) fn named(self, error: &'static str) -> Refusal {
        Refusal { error, ..self }
    }

    /// Something failed inside; no detail of it is of use to the caller.
    pub(crate) fn internal() -> Refusal {
        Refusal::new(
            500,
            "server_error",
            50000,
            "There was an error issuing a token or an issue with our sign-in service.",
        )
    }

    /// `AADSTS50173: … Trace ID: … Correlation ID: … Timestamp: …`, joined with spaces as the service does since
    /// 2023.
    pub(crate) fn description(&self, trace: &Trace) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.code,
            self.message,
            trace.trace_id,
            trace.correlation_id,
            error_timestamp(trace.at)
        )
    }

    /// Where a person can read about the number.
    pub(crate) fn uri(&self, base: &str) -> String {
        format!("{base}/error?code={}", self.code)
    }

    /// The body of an error answer.
    pub(crate) fn body(&self, base: &str, trace: &Trace) -> Value {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace),
            "error_codes": [self.code],
            "timestamp": error_timestamp(trace.at),
            "trace_id": trace.trace_id.to_string(),
            "correlation_id": trace.correlation_id.to_string(),
            "error_uri": self.uri(base),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.suberror.map(|suberror| ("suberror".to_owned(), json!(suberror))));
            members.extend(self.claims.as_ref().map(|claims| ("claims".to_owned(), json!(claims))));
        }
        body
    }
}
