//! Why there is no token, and what to do about it.

use std::{fmt, sync::Arc, time::Duration};

/// What the caller can do about an [`Error`]. Each kind is one instruction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The set-up is wrong: settings, credentials, keys. Somebody must change something; do not try again.
    Config,
    /// The user must sign in (with [`Error::claims`], if any). Nothing else helps.
    InteractionRequired,
    /// Entra refused for good. Do not repeat the same request.
    Rejected,
    /// Asked too often. Try again after [`Error::retry_after`].
    Throttled,
    /// No answer now, from Entra or from the store. Try again later; nobody needs to sign in for it.
    Unavailable,
}

/// Why there is no token. Cheap to clone: callers that waited for one request share its failure.
///
/// `Display` is one line with the AADSTS code and the next step, and never shows a secret.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    advice: Option<String>,
    entra: Entra,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What Entra said: the members of its error body (reference: Entra, "Error response").
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entra {
    /// `error`: `invalid_grant`, `interaction_required`, …
    pub error: Option<String>,
    /// `error_codes`: the AADSTS numbers.
    pub codes: Vec<u32>,
    /// `suberror`: `bad_token`, `consent_required`, …
    pub suberror: Option<String>,
    /// `claims`: what the next sign-in must ask for, as JSON text.
    pub claims: Option<String>,
    /// `correlation_id`: ours, sent back.
    pub correlation_id: Option<String>,
    /// `trace_id`: what Microsoft's support asks for.
    pub trace_id: Option<String>,
    /// `timestamp`, as sent.
    pub timestamp: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
}

impl Error {
    /// An error of `kind`. `message` says what is wrong and holds no secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            advice: None,
            entra: Entra::default(),
            retry_after: None,
            source: None,
        }))
    }

    /// The set-up is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// The user must sign in.
    pub fn interaction_required(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InteractionRequired, message)
    }

    /// No answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// The same error with the next step.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).advice = Some(advice.into());
        self
    }

    /// The same error with what Entra said.
    #[must_use]
    pub fn said(mut self, entra: Entra) -> Self {
        Arc::make_mut(&mut self.0).entra = entra;
        self
    }

    /// The same error with how long to wait.
    #[must_use]
    pub fn retry_in(mut self, wait: Option<Duration>) -> Self {
        Arc::make_mut(&mut self.0).retry_after = wait;
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// What to do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What Entra said; empty when it was not Entra.
    pub fn entra(&self) -> &Entra {
        &self.0.entra
    }

    /// The first AADSTS number, if Entra sent one.
    pub fn aadsts(&self) -> Option<u32> {
        self.0.entra.codes.first().copied()
    }

    /// The claims to ask for at the next sign-in, as JSON text.
    #[doc(alias = "MsalClaimsChallengeException")]
    pub fn claims(&self) -> Option<&str> {
        self.0.entra.claims.as_deref()
    }

    /// How long to wait before trying again, if anybody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What is wrong, without code and next step.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The next step, if there is one to name.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// A few words for a table or a stored reason: the AADSTS code, else Entra's error word, else the kind.
    pub fn reason(&self) -> String {
        match (self.aadsts(), &self.0.entra.error) {
            (Some(code), _) => format!("AADSTS{code}"),
            (None, Some(error)) => error.clone(),
            (None, None) => format!("{:?}", self.0.kind),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(&inner.message)?;
        let words: Vec<String> = inner
            .entra
            .codes
            .iter()
            .map(|code| format!("AADSTS{code}"))
            .chain(inner.entra.error.clone())
            .chain(inner.entra.suberror.clone())
            .chain(inner.entra.correlation_id.as_ref().map(|id| format!("correlation id {id}")))
            .collect();
        if !words.is_empty() {
            write!(f, " ({})", words.join(", "))?;
        }
        if let Some(advice) = &inner.advice {
            write!(f, ". {advice}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("entra", &self.0.entra)
            .field("retry_after", &self.0.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
