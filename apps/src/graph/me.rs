//! A user's profile.

use serde::{Serialize, ser::SerializeMap};
use serde_json::{Map, Value};

use super::Error;

/// The profile of a user, as far as it was asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Me(Map<String, Value>);

impl Me {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Error::unavailable("Graph answered 200 without a profile")),
        }
    }

    /// A property that is text, by Graph's name for it. `None` when it was not asked for, is not set, or is no text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// `displayName`.
    pub fn display_name(&self) -> Option<&str> {
        self.get("displayName")
    }
}

/// Without OData's annotations.
impl Serialize for Me {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter().filter(|(name, _)| !name.starts_with('@')) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
