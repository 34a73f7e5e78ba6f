//! From documents to BSON and back. What is stored has `_id` for the id, dates, integers, and no nulls at its
//! top level; where a field of a struct within may be absent, the struct leaves it out itself.
//!
//! Guards against an update by an older binary that turns dates it does not know into sub-documents, against
//! neighbours that write doubles where we keep integers, and against values told with an error. Only bson's
//! raw path is used: the other one writes times as text.

use std::sync::atomic::{AtomicU64, Ordering};

use bson::{
    RawArray, RawArrayBuf, RawBson, RawBsonRef, RawDeserializer, RawDocument, RawDocumentBuf, oid::ObjectId,
    raw::cstr,
};
use serde_path_to_error::{Segment, Track};

use crate::platform::store::{Document, StoreError, kind::AnyDoc};

/// Most numbers of one document that are read although they are doubles.
const MENDED: usize = 100;

/// How many documents were read so.
static WITH_DOUBLES: AtomicU64 = AtomicU64::new(0);

/// How often this process has read a document in which another program has put doubles for integers.
pub(in crate::platform::store) fn with_doubles() -> u64 {
    WITH_DOUBLES.load(Ordering::Relaxed)
}

/// `doc` as it is stored, with `version` whatever it says.
///
/// # Errors
/// [`StoreError::Fault`] for what BSON cannot hold: an integer beyond 64 bits, a key with NUL.
pub(in crate::platform::store) fn encode<D: Document>(
    doc: &D,
    version: i64,
) -> Result<RawDocumentBuf, StoreError> {
    let bytes = bson::serialize_to_vec(doc).ok();
    bytes.and_then(|bytes| in_form(&bytes, doc.id(), version)).ok_or_else(|| {
        StoreError::Fault(format!("{} {}: cannot be written as BSON", D::COLLECTION, doc.id()))
    })
}

fn in_form(bytes: &[u8], id: &str, version: i64) -> Option<RawDocumentBuf> {
    let mut stored = RawDocumentBuf::new();
    stored.append(cstr!("_id"), id);
    for field in RawDocument::from_bytes(bytes).ok()? {
        let (name, value) = field.ok()?;
        match (name.as_str(), value) {
            ("id" | "_id", _) | (_, RawBsonRef::Null) => {}
            ("version", _) => stored.append(name, version),
            _ => stored.append(name, restored(value)?),
        }
    }
    Some(stored)
}

/// A date or an object id that a program read without knowing it is one again. Their extended JSON cannot
/// be a client's: plain payloads have no key that begins with `$`.
fn restored(value: RawBsonRef<'_>) -> Option<RawBson> {
    match value {
        RawBsonRef::Document(doc) if names_a_type(doc.as_bytes()) => match typed(doc) {
            Some(value) => Some(value),
            None => {
                let mut copy = RawDocumentBuf::new();
                for field in doc {
                    let (name, value) = field.ok()?;
                    copy.append(name, restored(value)?);
                }
                Some(RawBson::Document(copy))
            }
        },
        RawBsonRef::Array(list) if names_a_type(list.as_bytes()) => restored_list(list),
        value => Some(value.into()),
    }
}

fn restored_list(list: &RawArray) -> Option<RawBson> {
    let mut copy = RawArrayBuf::new();
    for value in list {
        copy.push(restored(value.ok()?)?);
    }
    Some(RawBson::Array(copy))
}

fn names_a_type(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|part| part == b"$date" || part == b"$oid\0")
}

/// `{"$date": {"$numberLong": "…"}}` or `{"$oid": "…"}`, and nothing beside it.
fn typed(doc: &RawDocument) -> Option<RawBson> {
    match only(doc)? {
        ("$date", RawBsonRef::Document(inner)) => match only(inner)? {
            ("$numberLong", RawBsonRef::String(ms)) => {
                Some(RawBson::DateTime(bson::DateTime::from_millis(ms.parse().ok()?)))
            }
            _ => None,
        },
        ("$oid", RawBsonRef::String(id)) => ObjectId::parse_str(id).ok().map(RawBson::ObjectId),
        _ => None,
    }
}

fn only(doc: &RawDocument) -> Option<(&str, RawBsonRef<'_>)> {
    let mut fields = doc.iter();
    let (name, value) = fields.next()?.ok()?;
    fields.next().is_none().then_some((name.as_str(), value))
}

/// # Errors
/// The place where it does not read as its type, without any value.
pub(in crate::platform::store) fn decode<D: Document>(stored: &RawDocument) -> Result<AnyDoc, String> {
    let at_once =
        |bytes: &[u8]| bson::deserialize_from_slice::<D>(bytes).ok().map(|doc| -> AnyDoc { Box::new(doc) });
    let slowly = |de: &mut dyn erased_serde::Deserializer<'_>| -> Result<AnyDoc, erased_serde::Error> {
        erased_serde::deserialize::<D>(de).map(|doc| -> AnyDoc { Box::new(doc) })
    };
    read(stored, at_once, slowly)
}

/// `at_once` for what is as it should be, `slowly` for what is to tell where it is not.
fn read(
    stored: &RawDocument,
    at_once: fn(&[u8]) -> Option<AnyDoc>,
    slowly: fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<AnyDoc, erased_serde::Error>,
) -> Result<AnyDoc, String> {
    let mut doc = with_id(stored).ok_or("it is no sound BSON")?;
    if let Some(read) = at_once(doc.as_bytes()) {
        return Ok(read);
    }
    for _ in 0..MENDED {
        let raw = RawDeserializer::new(doc.as_bytes()).map_err(|_| "it is no sound BSON")?;
        let mut track = Track::new();
        let tracked = serde_path_to_error::Deserializer::new(raw, &mut track);
        if let Ok(read) = slowly(&mut <dyn erased_serde::Deserializer<'_>>::erase(tracked)) {
            WITH_DOUBLES.fetch_add(1, Ordering::Relaxed);
            return Ok(read);
        }
        let path = track.path();
        let segments: Vec<_> = path.iter().collect();
        doc = with_integer(&doc, &segments).ok_or_else(|| format!("data error at {path}"))?;
    }
    Err(format!("more than {MENDED} integers are doubles"))
}

/// The id under the name that structs have for it.
fn with_id(stored: &RawDocument) -> Option<RawDocumentBuf> {
    let mut doc = RawDocumentBuf::new();
    for field in stored {
        match field.ok()? {
            (name, value) if name.as_str() == "_id" => doc.append(cstr!("id"), value),
            (name, _) if name.as_str() == "id" => {}
            (name, value) => doc.append(name, value),
        }
    }
    Some(doc)
}

/// A copy with an integer for the whole double at `path`; nothing if there is none.
fn with_integer(doc: &RawDocument, path: &[&Segment]) -> Option<RawDocumentBuf> {
    let (Segment::Map { key }, rest) = path.split_first()? else { return None };
    let (mut copy, mut found) = (RawDocumentBuf::new(), false);
    for field in doc {
        let (name, value) = field.ok()?;
        if name.as_str() == key {
            found = true;
            copy.append(name, integer(value, rest)?);
        } else {
            copy.append(name, value);
        }
    }
    found.then_some(copy)
}

fn integer(value: RawBsonRef<'_>, path: &[&Segment]) -> Option<RawBson> {
    match (value, path.first()) {
        (RawBsonRef::Double(number), None) => whole(number).map(RawBson::Int64),
        (RawBsonRef::Document(doc), Some(_)) => with_integer(doc, path).map(RawBson::Document),
        (RawBsonRef::Array(list), Some(Segment::Seq { index })) => {
            let mut copy = RawArrayBuf::new();
            for (at, value) in list.into_iter().enumerate() {
                let value = value.ok()?;
                let rest = path.get(1..)?;
                copy.push(if at == *index { integer(value, rest)? } else { value.into() });
            }
            Some(RawBson::Array(copy))
        }
        _ => None,
    }
}

/// The integer that a double stands for: those beyond 2^53 are told apart no more.
pub(super) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    format!("{number:.0}").parse().ok()
}

/// How an id is named to people, whoever wrote it.
pub(super) fn id(stored: &RawDocument) -> String {
    match stored.get("_id") {
        Ok(Some(RawBsonRef::String(id))) => id.to_owned(),
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        _ => "(an id of another type)".to_owned(),
    }
}

/// The value at the path of a declared field.
pub(super) fn at<'d>(stored: &'d RawDocument, path: &str) -> Option<RawBsonRef<'d>> {
    match path.split_once('.') {
        None => stored.get(path).ok()?,
        Some((first, rest)) => at(stored.get(first).ok()??.as_document()?, rest),
    }
}

#[cfg(test)]
mod tests;
