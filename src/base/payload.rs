//! JSON from outside, in a form that every database can keep.
//!
//! Guards against a document that cannot be written because of what somebody sent: a number beyond 64 bits, a
//! name with NUL in it, one that a database reads as a type of its own, or so many small numbers that their
//! BSON is several times as large as their JSON. Such a payload is kept as its JSON text.

use std::{borrow::Cow, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Deepest and largest JSON that is kept as such; the size is that of its text, in bytes.
const DEEPEST: usize = 64;
const LARGEST: usize = 256 * 1024;

/// How a payload is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadIs {
    /// As it is.
    #[default]
    Json,
    /// JSON, as text.
    Text,
    /// Text that is no JSON.
    Raw,
}

impl PayloadIs {
    /// For `skip_serializing_if`.
    #[must_use]
    pub fn is_json(&self) -> bool {
        *self == Self::Json
    }
}

/// What is written into a document, in two fields: the payload, and `payloadIs`.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPayload {
    pub kept: Value,
    pub is: PayloadIs,
}

impl StoredPayload {
    #[must_use]
    pub fn json(payload: Value) -> Self {
        if is_plain(&payload, DEEPEST) && fits(&payload) {
            Self { kept: payload, is: PayloadIs::Json }
        } else {
            Self { kept: payload.to_string().into(), is: PayloadIs::Text }
        }
    }

    #[must_use]
    pub fn raw(text: &str) -> Self {
        Self { kept: text.into(), is: PayloadIs::Raw }
    }

    /// The JSON that was kept in either form. Nothing when it was none.
    #[must_use]
    pub fn read(kept: &Value, is: PayloadIs) -> Option<Cow<'_, Value>> {
        match (is, kept) {
            (PayloadIs::Json, kept) => Some(Cow::Borrowed(kept)),
            (PayloadIs::Text, Value::String(text)) => serde_json::from_str(text).ok().map(Cow::Owned),
            (PayloadIs::Text | PayloadIs::Raw, _) => None,
        }
    }
}

/// Whether every database keeps it as it is; `levels` may stand one in the other.
fn is_plain(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(n) => !n.is_u64() || n.is_i64(),
        Value::Array(list) => levels > 0 && list.iter().all(|value| is_plain(value, levels - 1)),
        Value::Object(map) => {
            let plain = |key: &str| !key.starts_with('$') && !key.contains('\0');
            levels > 0 && map.iter().all(|(key, value)| plain(key) && is_plain(value, levels - 1))
        }
    }
}

fn fits(value: &Value) -> bool {
    serde_json::to_writer(Room(LARGEST), value).is_ok()
}

/// Takes so many bytes, and no more.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn what_every_database_keeps_stays_json() {
        for plain in [
            json!({"status": true, "data": {"awb": "1", "cost": 12.5, "list": [null, -5]}}),
            json!(i64::MAX),
            json!(i64::MIN),
            json!("\u{0} $ in a text is no harm"),
            json!({"a$": 1, "": 2, "a.b": 3}),
            nested(DEEPEST),
            json!("x".repeat(LARGEST - 2)),
        ] {
            let stored = StoredPayload::json(plain.clone());
            assert_eq!((&stored.kept, stored.is), (&plain, PayloadIs::Json));
            assert_eq!(StoredPayload::read(&stored.kept, stored.is).as_deref(), Some(&plain));
        }
    }

    #[test]
    fn what_some_database_would_refuse_or_change_is_kept_as_text() {
        for odd in [
            json!({"n": u64::MAX}),
            json!([1, {"n": 9_223_372_036_854_775_808_u64}]),
            json!({"a\u{0}b": 1}),
            json!({"$date": "2026-01-01T00:00:00Z"}),
            json!({"deep": [{"$oid": "zz"}]}),
            json!({"$numberLong": "5", "by": "shop"}),
            nested(DEEPEST + 1),
            json!("x".repeat(LARGEST - 1)),
            json!(vec![1; LARGEST / 2 + 1]),
        ] {
            let stored = StoredPayload::json(odd.clone());
            assert_eq!(stored.is, PayloadIs::Text);
            assert!(stored.kept.is_string());
            assert_eq!(StoredPayload::read(&stored.kept, stored.is).as_deref(), Some(&odd));
        }
        let raw = StoredPayload::raw("<html>");
        assert_eq!((StoredPayload::read(&raw.kept, raw.is), raw.is), (None, PayloadIs::Raw));
        let raw = StoredPayload::raw("{}");
        assert_eq!(StoredPayload::read(&raw.kept, raw.is), None, "what was no JSON becomes none");
    }

    /// The rule against the library itself: whatever is kept as JSON goes into BSON and comes back.
    #[test]
    fn what_is_kept_can_be_written_as_bson() {
        #[derive(Serialize, Deserialize)]
        struct Holder {
            payload: Value,
        }
        for value in [
            json!({"status": true, "list": [null, -5, 1.5, i64::MAX, i64::MIN], "a$": {"": "\u{0}"}}),
            json!({"n": u64::MAX, "a\u{0}b": {"$date": "tomorrow"}}),
            nested(DEEPEST),
            nested(DEEPEST + 1),
        ] {
            let stored = StoredPayload::json(value.clone());
            let bytes = bson::serialize_to_vec(&Holder { payload: stored.kept }).unwrap();
            let back: Holder = bson::deserialize_from_slice(&bytes).unwrap();
            assert_eq!(StoredPayload::read(&back.payload, stored.is).as_deref(), Some(&value));
        }
    }
}
