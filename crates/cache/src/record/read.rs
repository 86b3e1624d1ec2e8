//! Reading an entity, whoever wrote it. Its texts stay where they are, in the document.

use std::{fmt, sync::Arc};

use absentia_core::secret::Wiped;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::{Entity, Field, Members, Name};

/// Reads an entity of this document; `None` for `null`.
pub(crate) struct Reader<'a>(pub(crate) &'a Arc<Wiped>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Option<Entity>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Option<Entity>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity of a token cache")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(Name, Field)> = Vec::with_capacity(16);
        let mut known = 0_u64;
        while let Some(NameRead(name)) = map.next_key()? {
            let (field, maybe_there) = match name {
                Name::Known(index) => {
                    let Some(field) = map.next_value_seed(Known { document: self.0, name: &name })? else {
                        continue; // null: absent
                    };
                    let bit = 1 << index;
                    let maybe_there = known & bit != 0;
                    known |= bit;
                    (field, maybe_there)
                }
                Name::Unknown(_) => (unknown(map.next_value()?)?, true),
            };
            match fields.iter_mut().find(|(there, _)| maybe_there && *there == name) {
                Some((_, value)) => *value = field, // the last of a name wins
                None => fields.push((name, field)),
            }
        }
        fields.sort_by_key(|(name, _)| name.rank());
        Ok(Some(Entity(Arc::new(Members { document: Some(self.0.clone()), fields }))))
    }
}

/// The value of a member we do not know: verbatim.
fn unknown<E: Error>(raw: &RawValue) -> Result<Field, E> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map(Field::Text).map_err(E::custom),
        _ => Ok(Field::Raw(raw.to_owned())),
    }
}

/// Reads the value of a known member: text or, for some, an object of texts. `None` for `null`. What somebody else wrote in
/// another shape is given the right one at once: MSAL.NET refuses a whole cache for one that is wrong.
///
/// In one pass, unlike [`RawValue`].
struct Known<'a> {
    document: &'a Arc<Wiped>,
    name: &'a Name,
}

impl Known<'_> {
    fn value<E: Error>(self, value: Value) -> Result<Option<Field>, E> {
        if !self.name.is_object() {
            return Ok(Some(self.text(text_of(value))));
        }
        let members: Map<String, Value> = match value {
            Value::Object(members) => members,
            // An object written as text.
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(members) => members,
                Err(_) => Map::from_iter([(String::new(), text.into())]),
            },
            // What it means nobody knows; but a token with it is bound to something.
            other => Map::from_iter([(String::new(), other)]),
        };
        let members: Map<_, _> = members.into_iter().map(|(name, value)| (name, text_of(value).into())).collect();
        to_raw_value(&members).map(|raw| Some(Field::Raw(raw))).map_err(E::custom)
    }

    fn text(&self, text: String) -> Field {
        if self.name.is_secret() { Field::Secret(Wiped::new(text)) } else { Field::Text(text) }
    }
}

/// The text of a value; of one that is none its JSON, and of `null` the empty text.
fn text_of(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

impl<'de> DeserializeSeed<'de> for Known<'_> {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Known<'_> {
    type Value = Option<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        let start = text.as_ptr().addr().wrapping_sub(self.document.as_ptr().addr());
        let end = start.wrapping_add(text.len());
        match self.document.get(start..end) {
            Some(_) if !self.name.is_object() => Ok(Some(Field::Read(start, end))),
            _ => self.visit_str(text),
        }
    }

    /// Text with escapes: not in the document as it is.
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if self.name.is_object() { self.value(text.into()) } else { Ok(Some(self.text(text.to_owned()))) }
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.value(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.value(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.value(value.into())
    }

    /// A time with a fraction, which MSAL.NET takes for 0.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.value(format!("{:.0}", value.trunc()).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.value(Deserialize::deserialize(MapAccessDeserializer::new(map))?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        self.value(Deserialize::deserialize(SeqAccessDeserializer::new(seq))?)
    }
}

struct NameRead(Name);

impl<'de> Deserialize<'de> for NameRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = NameRead;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<NameRead, E> {
                Ok(NameRead(Name::of(name)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
impl Entity {
    /// Reads an entity that stands alone.
    pub(crate) fn parse(text: &str) -> Self {
        let document = Arc::new(Wiped::new(text));
        Reader(&document).deserialize(&mut serde_json::Deserializer::from_str(&document)).unwrap().unwrap()
    }
}
