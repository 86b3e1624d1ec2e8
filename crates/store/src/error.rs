use std::fmt;

/// What a store answers when it could not do what it was asked.
///
/// Absence, a lost race and an expired entry are answers, not errors. An error says that the store did not answer, or
/// that its set-up is wrong; the caller may not conclude anything about what is stored.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The set-up is wrong: no schema, a schema of a newer version, a path that is no database. Somebody must act.
    Config,
    /// The store has no room. Reads go on, writes do not.
    Full,
    /// The store may be read but not written.
    ReadOnly,
    /// No answer now: busy, unreachable, too slow, broken. Try again later.
    Unavailable,
}

/// The result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind`. `message` names the store and what to do next, and never holds a stored value.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
