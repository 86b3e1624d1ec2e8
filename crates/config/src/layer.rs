use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    fmt,
};

use zeroize::Zeroizing;

/// What a value was written as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// A JSON number; its text is as in the file.
    Number,
    /// `True` or `False`, spelled as .NET's configuration does.
    Boolean,
    /// `null`, `{}` or `[]`; its text is empty.
    Empty,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(String),
    Environment,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::Environment => f.write_str("environment"),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Entry {
    /// As it is spelled.
    pub(crate) key: String,
    pub(crate) text: Zeroizing<String>,
    pub(crate) kind: Kind,
    /// The variable, if it came from one.
    pub(crate) variable: Option<String>,
    /// Another variable that differs in case only and says something else.
    pub(crate) rival: Option<String>,
}

/// What one file or the environment says, by folded key.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    pub(crate) entries: BTreeMap<String, Entry>,
    objects: BTreeSet<String>,
}

impl Layer {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, entries: BTreeMap::new(), objects: BTreeSet::new() }
    }

    /// Remembers that a file has an object there: flattened, `{"0": "a"}` and `["a"]` look alike.
    pub(crate) fn add_object(&mut self, key: &str) {
        self.objects.insert(key.to_lowercase());
    }

    pub(crate) fn has_object(&self, folded_key: &str) -> bool {
        self.objects.contains(folded_key)
    }

    /// Says whether the key was free; otherwise nothing changes.
    pub(crate) fn add(&mut self, key: &str, text: &str, kind: Kind) -> bool {
        let free = match self.entries.entry(key.to_lowercase()) {
            btree_map::Entry::Vacant(free) => free,
            btree_map::Entry::Occupied(_) => return false,
        };
        free.insert(Entry {
            key: key.to_owned(),
            text: Zeroizing::new(text.to_owned()),
            kind,
            variable: None,
            rival: None,
        });
        true
    }

    pub(crate) fn add_variable(&mut self, key: &str, text: &str, variable: &str) {
        let is_first = self.add(key, text, Kind::Text);
        if let Some(entry) = self.entries.get_mut(&key.to_lowercase()) {
            if is_first {
                entry.variable = Some(variable.to_owned());
            } else if entry.text.as_str() != text {
                entry.rival = Some(variable.to_owned());
            }
        }
    }

    /// The entries whose folded key begins with `prefix`.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, entry)| entry)
    }
}
