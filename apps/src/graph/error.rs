//! Why Graph gave no answer, and what to do about it.

use std::time::Duration;

use absentia::{Entra, ErrorKind, challenge::Challenge, transport::HttpResponse};
use serde::Deserialize;

/// How long to wait after a 429 that does not say, as with Entra's.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// The longest error code and message that are kept.
const LONGEST: usize = 200;

/// Why Graph gave no answer. Each kind is one instruction. Never holds a token or a URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token is not enough any more: ask for one with these claims (JSON text) and call again. When that token is refused
    /// too, the user must sign in with them.
    #[error("Graph wants a token with other claims")]
    Challenge {
        /// What to ask for.
        claims: String,
    },
    /// Asked too often, and the deadline does not leave time to wait.
    #[error("Graph is asked too often; try again in {} s", .retry_after.as_secs())]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Graph does not serve this request. Do not repeat it.
    #[error("Graph refused with {status} {code}{}", sentence(.message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Graph's code: `Authorization_RequestDenied`; empty when there was none.
        code: String,
        /// What Graph said about it.
        message: String,
    },
    /// No answer now. Try again later.
    #[error("{message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// How long to wait, if Graph said so.
        retry_after: Option<Duration>,
    },
}

impl Error {
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into(), retry_after: None }
    }

    /// How long to wait before trying again, if it makes sense to.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Challenge { .. } | Self::Refused { .. } => None,
        }
    }
}

/// So that `?` hands it to a worker or a request handler, where each kind has its arm.
impl From<Error> for absentia::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let said = |code: &str, status, claims| Entra {
            error: Some(code.to_owned()).filter(|code| !code.is_empty()),
            claims,
            status,
            ..Entra::default()
        };
        match error {
            Error::Challenge { claims } => Self::interaction_required(message)
                .said(said("insufficient_claims", Some(401), Some(claims)))
                .advise("The user must sign in again"),
            Error::Throttled { retry_after } => {
                Self::new(ErrorKind::Throttled, message).retry_in(Some(retry_after)).said(said("", Some(429), None))
            }
            Error::Refused { status, code, .. } => {
                let code = if code.is_empty() { format!("HTTP {status}") } else { code };
                Self::new(ErrorKind::Rejected, message).said(said(&code, Some(status), None))
            }
            Error::Unavailable { retry_after, .. } => Self::unavailable(message).retry_in(retry_after),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Default, Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What an answer other than 200 means. `now` is unix seconds.
pub(super) fn of_answer(answer: &HttpResponse, now: u64) -> Error {
    let status = answer.status;
    let wait = answer.retry_after(now);
    match status {
        401 => match answer.header("www-authenticate").find_map(|line| Challenge::parse(line)?.claims()) {
            Some(claims) => Error::Challenge { claims },
            None => refused(answer),
        },
        429 => Error::Throttled { retry_after: wait.unwrap_or(DEFAULT_WAIT) },
        400..=499 => refused(answer),
        _ => Error::Unavailable { message: format!("Graph answered {status}"), retry_after: wait },
    }
}

fn refused(answer: &HttpResponse) -> Error {
    let Inner { code, message } =
        serde_json::from_slice::<Body>(&answer.body).map(|body| body.error).unwrap_or_default();
    Error::Refused { status: answer.status, code: clean(&code), message: clean(&message) }
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect::<String>().trim().to_owned()
}

fn sentence(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
