//! Guards against repeated keys, of which one would silently win.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{from_str, value::RawValue};

use super::faults::{child, of_key};
use crate::platform::http::FieldError;

/// The entries of an object as they stand in the text.
#[derive(Default)]
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(Self::default())
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Entries<'a> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self, A::Error> {
        while let Some(entry) = object.next_entry()? {
            self.0.push(entry);
        }
        Ok(self)
    }
}

/// Adds every repeated key in `json`, which stands at `at`.
pub(super) fn find(json: &str, at: &str, faults: &mut BTreeSet<FieldError>) {
    for (i, entry) in from_str::<Vec<&RawValue>>(json).unwrap_or_default().into_iter().enumerate() {
        find(entry.get(), &format!("{at}/{i}"), faults);
    }
    let mut keys = BTreeSet::new();
    for (key, entry) in from_str::<Entries<'_>>(json).unwrap_or_default().0 {
        find(entry.get(), &child(at, &key), faults);
        if let Some(key) = keys.replace(key) {
            faults.insert(of_key(at, &key, "duplicate", "is given more than once"));
        }
    }
}
