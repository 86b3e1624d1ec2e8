//! Reading the sections of a document.

use std::{fmt, sync::Arc};

use absentia_core::secret::Wiped;
use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};

use super::{Partition, SECTIONS, Verbatim};
use crate::record::{Entity, Reader};

/// Reads a document whose entities keep it.
pub(super) struct Document<'a>(pub(super) &'a Arc<Wiped>);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Partition;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Partition, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Partition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MSAL's unified token cache")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Partition, A::Error> {
        let mut partition = Partition::default();
        while let Some(name) = map.next_key::<String>()? {
            match SECTIONS.iter().find(|(_, known)| *known == name) {
                Some((section, _)) => *partition.section_mut(*section) = map.next_value_seed(Items(self.0))?,
                None => {
                    let value = Verbatim(map.next_value()?);
                    // Twice in one document it would be refused by MSAL.NET; the last counts.
                    match partition.root.iter_mut().find(|(there, _)| *there == name) {
                        Some((_, there)) => *there = value,
                        None => partition.root.push((name, value)),
                    }
                }
            }
        }
        Ok(partition)
    }
}

/// Reads the values of a section; its keys are ignored, `null` entities are skipped.
struct Items<'a>(&'a Arc<Wiped>);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<Entity>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entity>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<Entity>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section of a token cache")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Entity>, A::Error> {
        let mut items = Vec::with_capacity(4);
        while let Some(IgnoredAny) = map.next_key()? {
            items.extend(map.next_value_seed(Reader(self.0))?);
        }
        Ok(items)
    }

    fn visit_unit<E>(self) -> Result<Vec<Entity>, E> {
        Ok(Vec::new())
    }
}

/// The document without commas that stand before a closing bracket: MSAL.NET reads those, and so must whoever shares with
/// hands that edited one. `None` when there is no such comma.
pub(super) fn without_trailing_commas(json: &str) -> Option<Wiped> {
    let mut cleaned = String::with_capacity(json.len()); // never moved: what is left behind would not be wiped
    let (mut in_text, mut escaped) = (false, false);
    let mut comma = None;
    for c in json.chars() {
        match c {
            _ if in_text => {
                in_text = escaped || c != '"';
                escaped = c == '\\' && !escaped;
            }
            ',' => comma = Some(cleaned.len()),
            '}' | ']' => {
                if let Some(at) = comma.take() {
                    cleaned.remove(at);
                }
            }
            c if c.is_ascii_whitespace() => {}
            c => (in_text, comma) = (c == '"', None),
        }
        cleaned.push(c);
    }
    let cleaned = Wiped::new(cleaned);
    (cleaned.len() < json.len()).then_some(cleaned)
}
