//! Reads a body as a [`Value`] and notes repeated keys, which a `Value` would silently lose: of two values,
//! which one counts?

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{ctx::Ctx, node::child_pointer};
use crate::platform::http::FieldError;

/// # Errors
/// Only when `text` is no JSON.
pub(super) fn read(text: &str, ctx: &Ctx) -> Result<Value, serde_json::Error> {
    let mut de = serde_json::Deserializer::from_str(text);
    let value = Place { at: String::new(), ctx }.deserialize(&mut de)?;
    de.end()?;
    Ok(value)
}

struct Place<'c> {
    at: String,
    ctx: &'c Ctx,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(b.into())
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_str<E>(self, s: &str) -> Result<Value, E> {
        Ok(s.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = seq.next_element_seed(Place {
            at: child_pointer(&self.at, &list.len().to_string()),
            ctx: self.ctx,
        })? {
            list.push(entry);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let at = child_pointer(&self.at, &key);
            let value = map.next_value_seed(Place { at: at.clone(), ctx: self.ctx })?;
            if object.insert(key, value).is_some() {
                self.ctx.note(FieldError::pointer(at, "duplicate", "is given more than once"));
            }
        }
        Ok(object.into())
    }
}
