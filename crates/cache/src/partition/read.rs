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
                None => partition.root.push((name, Verbatim(map.next_value()?))),
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
