//! A place in a body, as serde sees it: a deserializer that knows its JSON Pointer and answers with stand-ins
//! where an earlier pass failed.

mod access;
mod error;

use std::borrow::Cow;

use access::{Map, Seq, Variant};
pub(super) use error::ShapeError;
use serde::de::{Deserializer, Expected, Visitor};
use serde_json::{Number, Value};

use super::ctx::Ctx;
use crate::platform::http::FieldError;

/// A longer unknown key is not repeated to its sender.
const MAX_KEY: usize = 64;

/// `value: None` is a place without a value: a missing field that an earlier pass has reported, or something
/// inside a stand-in.
pub(super) struct Node<'c, 'v> {
    value: Option<&'v Value>,
    at: String,
    ctx: &'c Ctx,
}

/// The pointer of `key` inside `at`.
pub(super) fn child_pointer(at: &str, key: &str) -> String {
    let key: Cow<'_, str> =
        if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() };
    format!("{at}/{key}")
}

impl<'c, 'v> Node<'c, 'v> {
    pub(super) fn root(value: &'v Value, ctx: &'c Ctx) -> Self {
        Self { value: Some(value), at: String::new(), ctx }
    }

    fn child(&self, key: &str, value: Option<&'v Value>) -> Self {
        self.ctx.visit();
        Node { value, at: child_pointer(&self.at, key), ctx: self.ctx }
    }

    fn stand_in(&self) -> bool {
        self.value.is_none() || self.ctx.refusals(&self.at).is_some()
    }

    /// The object's fields that the struct knows, and those an earlier pass found missing. Notes the others.
    fn fields(
        &self,
        names: &'static [&'static str],
        object: &'v serde_json::Map<String, Value>,
    ) -> Vec<(String, Self)> {
        for key in object.keys().filter(|k| !names.contains(&k.as_str())) {
            self.ctx.note(if key.len() > MAX_KEY {
                FieldError::pointer(self.at.clone(), "unknown", "has an unknown field with a very long name")
            } else {
                FieldError::pointer(child_pointer(&self.at, key), "unknown", "is not a known field")
            });
        }
        let children = names.iter().map(|name| (*name, self.child(name, object.get(*name))));
        children
            .filter(|(_, c)| c.value.is_some() || c.stand_in_reported())
            .map(|(name, c)| (name.to_owned(), c))
            .collect()
    }

    fn stand_in_reported(&self) -> bool {
        self.ctx.refusals(&self.at).is_some()
    }

    /// A number, which in a query string is a text.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let Some(Value::String(text)) = self.value.filter(|_| self.ctx.texts) else {
            return self.deserialize_any(visitor);
        };
        let read = text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from));
        match read.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64)) {
            Some(n) => visit_number(&n, visitor),
            None => visitor.visit_str(text),
        }
        .map_err(|e| e.at(&self.at))
    }

    fn boolean<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.value.and_then(Value::as_str).filter(|_| self.ctx.texts) {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }
}

fn visit_number<'de, V: Visitor<'de>>(n: &Number, visitor: V) -> Result<V::Value, ShapeError> {
    match (n.as_u64(), n.as_i64(), n.as_f64()) {
        (Some(u), ..) => visitor.visit_u64(u),
        (_, Some(i), _) => visitor.visit_i64(i),
        (.., Some(f)) => visitor.visit_f64(f),
        _ => Err(ShapeError::new("type", "is not a usable number".to_owned())),
    }
}

/// One method per scalar type: how it is read, and the stand-in it takes.
macro_rules! scalars { ($($method:ident, $read:ident => $stand_in:expr;)*) => { $(
    fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.stand_in() {
            let at = self.at;
            let put: fn(V) -> Result<V::Value, ShapeError> = $stand_in;
            return put(visitor).map_err(|e| e.at(&at));
        }
        self.$read(visitor)
    })* } }

impl<'de> Deserializer<'de> for Node<'_, '_> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let result = match self.value {
            _ if self.stand_in() => match self.ctx.refusals(&self.at).unwrap_or(0) {
                0 => visitor.visit_unit(),
                1 => visitor.visit_u64(1),
                2 => visitor.visit_str(""),
                _ => visitor.visit_seq(Seq::empty()),
            },
            None | Some(Value::Null) => visitor.visit_unit(),
            Some(Value::Bool(b)) => visitor.visit_bool(*b),
            Some(Value::Number(n)) => visit_number(n, visitor),
            Some(Value::String(s)) => visitor.visit_str(s),
            Some(Value::Array(list)) => {
                let nodes: Vec<_> =
                    list.iter().enumerate().map(|(i, v)| self.child(&i.to_string(), Some(v))).collect();
                visitor.visit_seq(Seq::of(nodes))
            }
            Some(Value::Object(object)) => {
                let fields: Vec<_> =
                    object.iter().map(|(k, v)| (k.clone(), self.child(k, Some(v)))).collect();
                visitor.visit_map(Map::of(fields))
            }
        };
        result.map_err(|e| e.at(&self.at))
    }

    scalars! {
        deserialize_bool, boolean => |v| v.visit_bool(false);
        deserialize_i8, number => |v| v.visit_i8(1);
        deserialize_i16, number => |v| v.visit_i16(1);
        deserialize_i32, number => |v| v.visit_i32(1);
        deserialize_i64, number => |v| v.visit_i64(1);
        deserialize_u8, number => |v| v.visit_u8(1);
        deserialize_u16, number => |v| v.visit_u16(1);
        deserialize_u32, number => |v| v.visit_u32(1);
        deserialize_u64, number => |v| v.visit_u64(1);
        deserialize_f32, number => |v| v.visit_f32(1.0);
        deserialize_f64, number => |v| v.visit_f64(1.0);
        deserialize_char, deserialize_any => |v| v.visit_char('x');
        deserialize_str, deserialize_any => |v| v.visit_str("");
        deserialize_string, deserialize_any => |v| v.visit_str("");
        deserialize_bytes, deserialize_any => |v| v.visit_bytes(&[]);
        deserialize_byte_buf, deserialize_any => |v| v.visit_bytes(&[]);
        deserialize_unit, deserialize_any => |v| v.visit_unit();
        deserialize_identifier, deserialize_any => |v| v.visit_unit();
        deserialize_seq, deserialize_any => |v| v.visit_seq(Seq::empty());
        deserialize_map, deserialize_any => |v| v.visit_map(Map::empty());
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.stand_in() || matches!(self.value, Some(Value::Null)) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        let at = self.at.clone();
        visitor.visit_newtype_struct(self).map_err(|e| e.at(&at))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ShapeError> {
        if self.stand_in() {
            let nodes = (0..len).map(|i| self.child(&i.to_string(), None)).collect();
            return visitor.visit_seq(Seq::of(nodes));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        let fields = match self.value {
            _ if self.stand_in() => {
                names.iter().map(|name| ((*name).to_owned(), self.child(name, None))).collect()
            }
            Some(Value::Object(object)) => self.fields(names, object),
            _ => return Err(ShapeError::new("type", "must be an object".to_owned()).at(&self.at)),
        };
        visitor.visit_map(Map::of(fields)).map_err(|e| e.at(&self.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        let expected: &dyn Expected = &visitor;
        let choice = error::choice(&expected.to_string(), names);
        let at = self.at.clone();
        let result = match self.value {
            _ if self.stand_in() => {
                let name = names.first().copied().unwrap_or("").to_owned();
                visitor.visit_enum(Variant { name, content: Some(Node { value: None, ..self }) })
            }
            Some(Value::String(name)) => visitor.visit_enum(Variant { name: name.clone(), content: None }),
            Some(Value::Object(object)) if object.len() == 1 => match object.iter().next() {
                Some((name, value)) => visitor
                    .visit_enum(Variant { name: name.clone(), content: Some(self.child(name, Some(value))) }),
                None => Err(ShapeError::new("enum", choice.clone())),
            },
            _ => Err(ShapeError::new("enum", choice.clone())),
        };
        result.map_err(|e| e.or_choice(choice).at(&at))
    }
}
