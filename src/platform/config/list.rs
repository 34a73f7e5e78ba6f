//! Settings that are lists: an array, or a string with commas.

use std::{fmt, marker::PhantomData};

use serde::{Deserializer, de};

/// What one item is read from; or what is wrong with it, in the words that the setting is refused with.
pub(super) type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// `form` says what such a list looks like. An empty string is an empty list.
pub(super) fn list<'de, D: Deserializer<'de>, T>(
    d: D,
    form: &'static str,
    parse: Parse<T>,
) -> Result<Vec<T>, D::Error> {
    d.deserialize_any(Items { form, parse, item: PhantomData })
}

struct Items<T> {
    form: &'static str,
    parse: Parse<T>,
    item: PhantomData<T>,
}

impl<'de, T> de::Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form.trim_start_matches("must be "))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(self.parse).collect::<Result<_, _>>().map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = seq.next_element::<String>()? {
            all.push((self.parse)(&text).map_err(de::Error::custom)?);
        }
        Ok(all)
    }
}
