//! MSAL's unified cache JSON: reading any spelling, writing MSAL.NET's.
//!
//! An entity is a list of named fields. What we do not know is kept as it is, in front of what we know, as MSAL.NET does.
//! Format: `docs/record-format.md`.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use absentia_core::secret::Wiped;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;

pub(crate) use read::Reader;

mod read;

/// Known members, in the order MSAL.NET writes them. Every section uses a part of it.
const ORDER: [&str; 30] = [
    "home_account_id",
    "environment",
    "client_info",
    "client_id",
    "secret",
    "credential_type",
    "username",
    "name",
    "given_name",
    "family_name",
    "local_account_id",
    "authority_type",
    "realm",
    "account_source",
    "wam_account_ids",
    "target",
    "family_id",
    "user_assertion_hash",
    "cached_at",
    "expires_on",
    "extended_expires_on",
    "kid",
    "token_type",
    "refresh_on",
    "ext_expires_on",
    "ext",
    "persisted_cache_parameters",
    "ext_cache_key",
    "additionalCacheKeyComponents",
    SIGN_IN,
];

/// Which sign-in a refresh token comes from: random at sign-in, copied by our refreshes, dropped by MSAL.NET.
pub const SIGN_IN: &str = "absentia_sign_in";

/// The member that is a token.
const SECRET: &str = "secret";

/// The last second of the year 9999: later times overflow what is added to them.
const END_OF_TIME: u64 = 253_402_300_799;

/// The length of the longest of them, in bytes.
const LONGEST: usize = 28;

/// Known members that are objects: name to text. All others are text.
const OBJECTS: [&str; 4] = ["wam_account_ids", "ext", "persisted_cache_parameters", "additionalCacheKeyComponents"];

/// Spellings of other libraries that mean a known member.
const SPELLINGS: [(&str, &str); 3] =
    [("userAssertionHash", "user_assertion_hash"), ("key_id", "kid"), ("keyid", "kid")];

/// One entity of a section. Clones share their members until one is changed; entities of one document share its text.
#[derive(Clone, Default)]
pub struct Entity(Arc<Members>);

#[derive(Clone, Default)]
struct Members {
    /// The document that [`Field::Read`] lies in: one allocation for all its texts, tokens included, wiped with the last
    /// of them.
    document: Option<Arc<Wiped>>,
    fields: Vec<(Name, Field)>,
}

#[derive(Clone, Eq, PartialEq)]
enum Name {
    /// An index into [`ORDER`].
    Known(u8),
    Unknown(Box<str>),
}

#[derive(Clone)]
enum Field {
    /// Text as it was read: where it starts and ends in the document.
    Read(usize, usize),
    Text(String),
    /// The token itself: wiped on drop.
    Secret(Wiped),
    /// Kept verbatim: a member we do not know that is no text, or the object of a known one.
    Raw(Box<RawValue>),
}

impl Entity {
    /// An empty entity.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text of a member, by its known name; other libraries' spellings are found too. Numbers are given as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).or_else(|| {
            SPELLINGS.iter().filter(|(_, known)| *known == name).find_map(|(spelling, _)| self.find(spelling))
        })
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.text(self.field(name)?)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        let known = Name::index(name);
        let is_it = |there: &Name| match (there, known) {
            (Name::Known(there), Some(known)) => *there == known,
            (Name::Unknown(there), None) => **there == *name,
            _ => false,
        };
        self.0.fields.iter().find(|(there, _)| is_it(there)).map(|(_, field)| field)
    }

    /// The text of a member, `""` when absent.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// A member that is a time: unix seconds as text or number. What does not parse is 0, as MSAL.NET has it; no time is
    /// later than the end of the year 9999.
    pub fn seconds(&self, name: &str) -> u64 {
        let seconds = self.text(name).trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
        seconds.map_or(0, |seconds| (seconds as u64).min(END_OF_TIME))
    }

    /// The JSON text of a member that is no text.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Field::Raw(raw) => Some(raw.get()),
            Field::Read(..) | Field::Text(_) | Field::Secret(_) => None,
        }
    }

    /// Whether the member is there at all, in whatever shape.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// Sets a member. Empty text removes it: MSAL.NET never writes empty text.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a member. Empty text removes it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        Arc::make_mut(&mut self.0).fields.retain(|(known, _)| known.as_str() != name);
        if !value.is_empty() {
            let field = if name == SECRET { Field::Secret(Wiped::new(value)) } else { Field::Text(value) };
            self.insert(Name::of(name), field);
        }
    }

    /// Takes over the members of `older` that we do not know.
    pub fn keep_unknown_of(&mut self, older: &Self) {
        for (name, field) in &older.0.fields {
            if matches!(name, Name::Unknown(_)) && !self.0.fields.iter().any(|(there, _)| there == name) {
                let field = match field {
                    Field::Read(..) => Field::Text(older.0.text(field).unwrap_or_default().to_owned()),
                    other => other.clone(),
                };
                self.insert(name.clone(), field);
            }
        }
    }

    /// Unknown members stay in front in their order; known ones follow in MSAL.NET's.
    fn insert(&mut self, name: Name, field: Field) {
        let rank = name.rank();
        let fields = &mut Arc::make_mut(&mut self.0).fields;
        let at = fields.iter().position(|(there, _)| there.rank() > rank).unwrap_or(fields.len());
        fields.insert(at, (name, field));
    }
}

impl Members {
    /// The text of one of these fields; a number as it is written.
    fn text<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        match field {
            Field::Read(start, end) => self.document.as_ref()?.get(*start..*end),
            Field::Text(text) => Some(text),
            Field::Secret(secret) => Some(secret),
            Field::Raw(raw) => match raw.get() {
                number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => Some(number),
                _ => None,
            },
        }
    }
}

/// Equal in what they say; the order of members does not count.
impl PartialEq for Entity {
    fn eq(&self, other: &Self) -> bool {
        self.0.fields.len() == other.0.fields.len()
            && self.0.fields.iter().all(|(name, field)| {
                other.0.fields.iter().any(|(there, value)| {
                    there == name
                        && match (field, value) {
                            (Field::Raw(a), Field::Raw(b)) => a.get() == b.get(),
                            (a, b) => self.0.text(a) == other.0.text(b),
                        }
                })
            })
    }
}

impl Name {
    fn of(name: &str) -> Self {
        match Self::index(name) {
            Some(index) => Self::Known(index),
            None => Self::Unknown(name.into()),
        }
    }

    /// Where a known name stands in [`ORDER`]. Only names of its length are compared.
    fn index(name: &str) -> Option<u8> {
        static BY_LENGTH: LazyLock<[Vec<u8>; LONGEST + 1]> = LazyLock::new(|| {
            std::array::from_fn(|length| {
                (0_u8..).zip(ORDER).filter(|(_, known)| known.len() == length).map(|(index, _)| index).collect()
            })
        });
        BY_LENGTH.get(name.len())?.iter().copied().find(|index| ORDER[usize::from(*index)] == name)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Known(index) => ORDER[usize::from(*index)],
            Self::Unknown(name) => name,
        }
    }

    fn is_secret(&self) -> bool {
        self.as_str() == SECRET
    }

    fn is_object(&self) -> bool {
        OBJECTS.contains(&self.as_str())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Known(index) => index + 1,
            Self::Unknown(_) => 0,
        }
    }
}

/// Shows names only.
impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.fields.iter().map(|(name, _)| name.as_str())).finish()
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.fields.len()))?;
        for (name, field) in &self.0.fields {
            match field {
                Field::Raw(raw) => map.serialize_entry(name.as_str(), raw)?,
                text => map.serialize_entry(name.as_str(), self.0.text(text).unwrap_or_default())?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_by_its_length() {
        for (index, name) in ORDER.iter().enumerate() {
            assert_eq!(Name::index(name), Some(index as u8), "{name}");
        }
        for unknown in ["", "x", "secreT", &"x".repeat(LONGEST), &"x".repeat(1000)] {
            assert_eq!(Name::index(unknown), None);
        }
    }

    #[test]
    fn unknown_members_survive_in_front_and_known_ones_are_ordered() {
        let text = r#"{"secret":"s","new":{"a":[1,2]},"home_account_id":"h","expires_on":17,"family_id":null}"#;
        let entity = Entity::parse(text);
        assert_eq!(
            serde_json::to_string(&entity).unwrap(),
            r#"{"new":{"a":[1,2]},"home_account_id":"h","secret":"s","expires_on":"17"}"#
        );
        assert_eq!(entity.seconds("expires_on"), 17);
        assert_eq!(format!("{entity:?}"), r#"["new", "home_account_id", "secret", "expires_on"]"#);
    }

    /// MSAL.NET refuses a whole cache for one known member of another shape.
    #[test]
    fn known_members_are_text_or_objects_of_text() {
        let text = r#"{"x":7,"client_id":true,"secret":7,"realm":["t"],"cached_at":17,"expires_on":17.9,"refresh_on":-1,
            "wam_account_ids":["a"],"ext":"{\"a\":\"b\"}","persisted_cache_parameters":{"n":1,"o":{"p":null}},"name":{"n":null}}"#;
        assert_eq!(
            serde_json::to_string(&Entity::parse(text)).unwrap(),
            concat!(
                r#"{"x":7,"client_id":"true","secret":"7","name":"{\"n\":null}","realm":"[\"t\"]","#,
                r#""wam_account_ids":{"":"[\"a\"]"},"cached_at":"17","expires_on":"17","refresh_on":"-1","#,
                r#""ext":{"a":"b"},"persisted_cache_parameters":{"n":"1","o":"{\"p\":null}"}}"#
            )
        );
    }

    #[test]
    fn other_libraries_spellings_are_read() {
        let entity = Entity::parse(r#"{"userAssertionHash":"x","keyid":"k"}"#);
        assert_eq!((entity.text("user_assertion_hash"), entity.text("kid")), ("x", "k"));
    }

    #[test]
    fn times_beyond_all_years_end_with_them() {
        for text in [r#""18446744073709551615""#, "1e300", r#""inf""#] {
            let entity = Entity::parse(&format!(r#"{{"expires_on":{text}}}"#));
            assert_eq!(entity.seconds("expires_on"), END_OF_TIME, "{text}");
        }
    }

    #[test]
    fn times_that_do_not_parse_are_zero() {
        for text in [r#""""#, r#""abc""#, r#""-62135596800""#, r#""0""#, "{}", "true"] {
            let entity = Entity::parse(&format!(r#"{{"expires_on":{text}}}"#));
            assert_eq!(entity.seconds("expires_on"), 0, "{text}");
        }
    }
}
