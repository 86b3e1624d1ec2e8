use std::fmt;

/// Everything that is wrong with the settings, at once. Holds names and places, never a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    key: Option<String>,
    message: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { key: None, message: message.into() }
    }

    pub(crate) fn of_key(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: Some(key.into()), message: message.into() }
    }

    /// The key that somebody must correct, such as `AzureAd:ClientId`; `None` when a whole file is at fault.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is wrong, where, and what belongs there. A whole sentence that already names the key.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Error {
    pub(crate) fn of(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What is wrong, in the order of reading.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::of(vec![problem])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return f.write_str(&only.message);
        }
        write!(f, "{} settings need attention:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {}", problem.message))
    }
}

impl std::error::Error for Error {}
