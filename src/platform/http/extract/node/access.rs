//! Lists, objects and enum variants of [`Node`]s.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Node, ShapeError};

pub(super) struct Seq<'c, 'v>(std::vec::IntoIter<Node<'c, 'v>>);

impl<'c, 'v> Seq<'c, 'v> {
    pub(super) fn of(nodes: Vec<Node<'c, 'v>>) -> Self {
        Self(nodes.into_iter())
    }

    pub(super) fn empty() -> Self {
        Self::of(Vec::new())
    }
}

impl<'de> SeqAccess<'de> for Seq<'_, '_> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ShapeError> {
        self.0.next().map(|node| placed(seed, node)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

pub(super) struct Map<'c, 'v> {
    fields: std::vec::IntoIter<(String, Node<'c, 'v>)>,
    next: Option<Node<'c, 'v>>,
}

impl<'c, 'v> Map<'c, 'v> {
    pub(super) fn of(fields: Vec<(String, Node<'c, 'v>)>) -> Self {
        Self { fields: fields.into_iter(), next: None }
    }

    pub(super) fn empty() -> Self {
        Self::of(Vec::new())
    }
}

impl<'de> MapAccess<'de> for Map<'_, '_> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ShapeError> {
        let Some((key, node)) = self.fields.next() else { return Ok(None) };
        let at = node.at.clone();
        self.next = Some(node);
        seed.deserialize(key.into_deserializer()).map(Some).map_err(|e: ShapeError| e.at(&at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ShapeError> {
        match self.next.take() {
            Some(node) => placed(seed, node),
            None => Err(ShapeError::new("invalid", "has a value before its key".to_owned())),
        }
    }
}

/// Reads a child, and gives an error that has no place yet the child's.
fn placed<'de, T: DeserializeSeed<'de>>(seed: T, node: Node<'_, '_>) -> Result<T::Value, ShapeError> {
    let at = node.at.clone();
    seed.deserialize(node).map_err(|e| e.at(&at))
}

/// An enum's variant by name, with what it holds.
pub(super) struct Variant<'c, 'v> {
    pub(super) name: String,
    pub(super) content: Option<Node<'c, 'v>>,
}

impl<'de, 'c, 'v> EnumAccess<'de> for Variant<'c, 'v> {
    type Error = ShapeError;
    type Variant = Content<'c, 'v>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), ShapeError> {
        Ok((seed.deserialize(self.name.into_deserializer())?, Content(self.content)))
    }
}

pub(super) struct Content<'c, 'v>(Option<Node<'c, 'v>>);

impl<'c, 'v> Content<'c, 'v> {
    fn node(self) -> Result<Node<'c, 'v>, ShapeError> {
        self.0.ok_or_else(|| {
            ShapeError::new("type", "must be an object that holds this variant's value".to_owned())
        })
    }
}

impl<'de> VariantAccess<'de> for Content<'_, '_> {
    type Error = ShapeError;

    fn unit_variant(self) -> Result<(), ShapeError> {
        match self.0 {
            Some(node) if !node.stand_in() => {
                Err(ShapeError::new("enum", "must be the word alone".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ShapeError> {
        placed(seed, self.node()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ShapeError> {
        self.node()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        self.node()?.deserialize_struct("", names, visitor)
    }
}
