//! Parameters of a query or a form.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Decoded `application/x-www-form-urlencoded` pairs in their order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(text: &[u8]) -> Params {
        Params(url::form_urlencoded::parse(text).into_owned().collect())
    }

    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Params {
        Params(pairs)
    }

    /// The first value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether a name occurs twice, which OAuth forbids (RFC 6749 3.1).
    pub(crate) fn has_duplicates(&self) -> bool {
        let mut seen = HashSet::new();
        !self.0.iter().all(|(name, _)| seen.insert(name))
    }
}
