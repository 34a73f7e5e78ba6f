//! Guards against two readings of serde's that no client means: a list for an object, and `{"COD": null}` for
//! the word `"COD"`. Everything else passes through at serde's own speed.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
        value::MapAccessDeserializer,
    },
    forward_to_deserialize_any,
};

/// What stands behind a word that wants nothing behind it.
pub(super) const WORD_ALONE: &str = "must be the word alone";

/// Reads `json`, which must be all there is.
pub(super) fn from_str<'de, T: Deserialize<'de>>(json: &'de str) -> serde_json::Result<T> {
    let mut de = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Strict(&mut de))?;
    de.end().map(|()| value)
}

/// A deserializer, seed or access that is strict, here and below.
pub(super) struct Strict<T>(pub(super) T);

/// A visitor that hands on everything below as strict; `.1`: an enum is wanted.
struct Inside<V>(V, bool);

macro_rules! hand_on { ($($method:ident($($arg:ident: $type:ty),*) => $to:ident, $word:expr;)*) => { $(
    fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
        self.0.$to(Inside(visitor, $word))
    })* } }

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    hand_on! {
        deserialize_any() => deserialize_any, false;
        deserialize_option() => deserialize_option, false;
        deserialize_map() => deserialize_map, false;
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]) => deserialize_map, false;
        deserialize_enum(_name: &'static str, _words: &'static [&'static str]) => deserialize_any, true;
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom(WORD_ALONE))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

macro_rules! scalars { ($($method:ident($($arg:ident: $type:ty)?);)*) => { $(
    fn $method<E: Error>(self $(, $arg: $type)?) -> Result<V::Value, E> {
        self.0.$method($($arg)?)
    })* } }

impl<'de, V: Visitor<'de>> Visitor<'de> for Inside<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    scalars! {
        visit_bool(b: bool); visit_i64(n: i64); visit_u64(n: u64); visit_f64(n: f64); visit_unit();
        visit_none();
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        if self.1 { self.0.visit_enum(text.into_deserializer()) } else { self.0.visit_str(text) }
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(d))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<V::Value, A::Error> {
        if self.1 && object.size_hint().is_some_and(|entries| entries != 1) {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        let object = Strict(object);
        if self.1 { self.0.visit_enum(MapAccessDeserializer::new(object)) } else { self.0.visit_map(object) }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(d))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }
}
