//! Finds every fault of a document. Guards against one error per round trip.
//!
//! serde stops at the first fault. So the document is read again and again: each time the fault is noted and
//! a placeholder put in its place, until serde gets through. Then the rules are checked, but for those that
//! would judge a placeholder.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Segment, Track};
use validator::Validate;

use super::{
    rules,
    strict::{Strict, WORD_ALONE},
    words::{Fault, explain},
};
use crate::platform::http::FieldError;

/// How many faults one answer lists.
const MAX_FAULTS: usize = 100;

/// How often a document is read, and how many bytes all readings together may see: a large body with many
/// faults must not keep the processor for long.
const MAX_READINGS: usize = 400;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A longer key is not repeated to its sender.
const MAX_KEY: usize = 64;

/// For types that do not say in serde's words what they want, or refuse what they say.
const PLACEHOLDERS: [fn() -> Value; 5] =
    [|| Value::Null, || 1.into(), || "1970-01-01T00:00:00Z".into(), || Value::Null, || "".into()];

/// Reads one type of documents, whatever it is: the search itself is there once, not once per type.
type Reading<'r> =
    &'r mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>;

#[derive(Default)]
pub(super) struct Search {
    pub(super) value: Value,
    /// Texts stand for numbers and booleans too, as in a query string.
    pub(super) texts: bool,
    pub(super) faults: BTreeSet<FieldError>,
    /// Pointer → how often a placeholder was refused there.
    pub(super) placeholders: BTreeMap<String, usize>,
}

pub(super) struct Found {
    /// Sorted by pointer.
    pub(super) list: Vec<FieldError>,
    /// The search was ended early: there may be others.
    pub(super) more: bool,
}

impl Search {
    /// # Errors
    /// All faults that could be found.
    pub(super) fn read<T: DeserializeOwned + Validate>(mut self) -> Result<T, Found> {
        let mut body = None;
        self.read_until_whole(&mut |de| {
            body = Some(erased_serde::deserialize::<T>(de)?);
            Ok(())
        });
        if let Some(Err(e)) = body.as_ref().map(Validate::validate) {
            rules::walk(&e, "", &mut self);
        }
        let more = body.is_none() || self.faults.len() > MAX_FAULTS;
        let list: Vec<_> = self.faults.into_iter().take(MAX_FAULTS).collect();
        body.filter(|_| list.is_empty()).ok_or(Found { list, more })
    }

    /// Until `read` gets through, if it ever does.
    fn read_until_whole(&mut self, read: Reading<'_>) -> Option<()> {
        let readings = (MAX_BYTES / self.value.to_string().len().max(1)).min(MAX_READINGS);
        for _ in 0..readings {
            let mut track = Track::new();
            let tracked = serde_path_to_error::Deserializer::new(Strict(&self.value), &mut track);
            let Err(error) = read(&mut <dyn erased_serde::Deserializer<'_>>::erase(tracked)) else {
                return Some(());
            };
            let at = track.path().iter().fold(String::new(), |at, segment| match segment {
                Segment::Seq { index } => format!("{at}/{index}"),
                Segment::Map { key: name } | Segment::Enum { variant: name } => child(&at, name),
                Segment::Unknown => at,
            });
            self.mend(at, &error.to_string()).filter(|()| self.faults.len() <= MAX_FAULTS)?;
        }
        None
    }

    /// Notes a fault and mends its place; nothing when that cannot be done.
    fn mend(&mut self, mut at: String, message: &str) -> Option<()> {
        let Fault { code, detail, names, placeholder } = explain(message);
        // What is wrong with a key, or behind a word alone, is mended one place further up.
        if code == "unknown" || message == WORD_ALONE || self.value.pointer(&at).is_none() {
            at.truncate(at.rfind('/')?);
        }
        let place = self.value.pointer_mut(&at)?;
        if let ("unknown", Value::Object(object)) = (code, &mut *place) {
            let unknown = |key: &&String| !names.contains(&key.as_str());
            let unknown: Vec<_> = object.keys().filter(unknown).cloned().collect();
            unknown.iter().for_each(|key| drop(object.remove(key)));
            let told = unknown.iter().take(MAX_FAULTS + 1);
            self.faults.extend(told.map(|key| of_key(&at, key, code, &detail)));
            return (!unknown.is_empty()).then_some(());
        }
        if let ("missing", Value::Object(object), Some(name)) = (code, &mut *place, names.first()) {
            object.insert((*name).to_owned(), Value::Null);
            self.note(child(&at, name), code, detail);
            return Some(());
        }
        if let Some(scalar) = place.as_str().filter(|_| self.texts && code == "type").and_then(scalar) {
            *place = scalar;
            return Some(());
        }
        let refused = self.placeholders.get(&at).copied().unwrap_or(0);
        let wanted = placeholder.filter(|wanted| wanted != place && (refused < 2 || code == "enum"));
        *place = wanted.or_else(|| PLACEHOLDERS.get(refused).map(|placeholder| placeholder()))?;
        // A fault without a text is told by the next reading, in which serde meets a text and names the
        // words.
        if !detail.is_empty() {
            self.note(at, code, detail);
        }
        Some(())
    }

    /// Notes a fault where a placeholder is from now on, unless it is the placeholder's own.
    fn note(&mut self, at: String, code: &'static str, detail: String) {
        if !self.placeholders.keys().any(|p| at == *p || below(&at, p)) {
            self.faults.insert(FieldError::pointer(at.as_str(), code, detail));
        }
        self.placeholders.entry(at).and_modify(|refused| *refused += 1).or_insert(1);
    }
}

/// The pointer of `key` inside `at`.
pub(super) fn child(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether `pointer` leads to a place inside `top`.
pub(super) fn below(pointer: &str, top: &str) -> bool {
    pointer.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

/// A fault of a key that the client chose.
pub(super) fn of_key(at: &str, key: &str, code: &'static str, detail: &str) -> FieldError {
    if key.len() > MAX_KEY {
        return FieldError::pointer(at, code, "has an unknown field with a very long name");
    }
    FieldError::pointer(child(at, key), code, detail)
}

/// A number or boolean that was written as a text.
fn scalar(text: &str) -> Option<Value> {
    let whole = text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
    let other = whole
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .or_else(|_| text.parse::<bool>().map(Value::from));
    other.ok().filter(|value| !value.is_null())
}
