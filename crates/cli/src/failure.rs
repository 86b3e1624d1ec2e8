//! Why a command did not do what it was asked.

use std::{fmt, process::ExitCode};

use absentia::{Error, ErrorKind};

/// What is told and returned to the shell.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not done, and nothing is wrong with the set-up.
    NotDone(String),
    /// Settings or arguments are wrong.
    Usage(String),
    /// The store did not answer.
    Unavailable(String),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NotDone(_) => 1,
            Self::Usage(_) => 2,
            Self::Unavailable(_) => 3,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Config => Self::Usage(error.to_string()),
            ErrorKind::Unavailable | ErrorKind::Throttled => Self::Unavailable(error.to_string()),
            _ => Self::NotDone(error.to_string()),
        }
    }
}

impl From<absentia_config::Error> for Failure {
    fn from(error: absentia_config::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDone(message) | Self::Usage(message) | Self::Unavailable(message) => f.write_str(message),
        }
    }
}
