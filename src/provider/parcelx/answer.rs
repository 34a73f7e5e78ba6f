//! What came back from the wire, or why nothing did: the facts that a verdict is made of. They are stored, so
//! that the verdict of a dead worker's call can be made again.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::visible::harmless;

/// Largest body that is read.
pub const BODY_CAP: usize = 2 * 1024 * 1024;
/// Largest part of a body that is no JSON that is kept.
const TEXT_KEPT: usize = 16 * 1024;
/// Deepest JSON that is taken: it is kept in documents and shown in answers of ours, and whoever reads those
/// counts their levels too.
const DEEPEST: usize = 32;
/// Longest words of the provider that go into an order, in characters: they stand in its history once for
/// each answer.
const LONGEST_WORDS: usize = 500;

/// The end of one wire attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum CallResult {
    Answer(Answer),
    Failure { class: Failure, detail: String },
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Seconds, when the provider said how long to wait, or until when.
    pub retry_after: Option<i64>,
    pub body: Body,
}

#[derive(Clone, PartialEq)]
pub enum Body {
    Json(Value),
    /// Not JSON, or JSON that says a key twice or is nested too deep; the first 16 KiB of it.
    Text(String),
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Name look-up, connection, TLS: nothing was sent.
    NotConnected,
    /// The time to send had passed: nothing was sent.
    TooLateToSend,
    /// The time for an answer ran out.
    TimedOut,
    /// The connection broke after sending began.
    Broken,
    /// The body was larger than [`BODY_CAP`].
    TooLarge,
    /// Its worker vanished: nobody wrote down how the call ended.
    NoAnswerRecorded,
}

impl Failure {
    /// Whether the provider certainly never saw the call.
    #[must_use]
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::NotConnected | Self::TooLateToSend)
    }

    /// In words for the merchant who asks why an order waits.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotConnected | Self::TooLateToSend => "nothing was sent",
            Self::TimedOut => "ParcelX did not answer in time",
            Self::Broken => "the connection broke before ParcelX had answered",
            Self::TooLarge => "ParcelX's answer was too large",
            Self::NoAnswerRecorded => "no answer was received",
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConnected => "not-connected",
            Self::TooLateToSend => "too-late-to-send",
            Self::TimedOut => "timed-out",
            Self::Broken => "broken",
            Self::TooLarge => "too-large",
            Self::NoAnswerRecorded => "no-answer-recorded",
        }
    }
}

impl Body {
    /// Reads a body whatever its content type says: failures often come with the wrong one. A byte order mark
    /// before it is no fault: one file of a PHP program that was saved with it puts it before every answer.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match serde_json::from_slice::<super::redact::Unambiguous>(bytes) {
            Ok(json) if depth(&json.0) <= DEEPEST => Self::Json(json.0),
            _ => Self::Text(String::from_utf8_lossy(bytes.get(..TEXT_KEPT).unwrap_or(bytes)).into_owned()),
        }
    }
}

impl Answer {
    /// The envelope's `status`, when there is an envelope.
    #[must_use]
    pub fn succeeded(&self) -> Option<bool> {
        self.json().and_then(|body| body.get("status")?.as_bool())
    }

    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            Body::Text(_) => None,
        }
    }

    /// Whether `responsemsg`, where `ParcelX` itself says why, holds words.
    #[must_use]
    pub fn says_why(&self) -> bool {
        self.json().and_then(|body| body.get("responsemsg")).is_some_and(|words| !flatten(words).is_empty())
    }

    /// The provider's words, as far as they are kept.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = self.all_words();
        if let Some((end, _)) = words.char_indices().nth(LONGEST_WORDS) {
            words.truncate(end);
            words.push('…');
        }
        words
    }

    /// `responsemsg` is a text, a list or an object; some failures use other keys.
    #[must_use]
    pub fn all_words(&self) -> String {
        let Some(body) = self.json() else { return String::new() };
        ["responsemsg", "errors", "message", "error"]
            .iter()
            .filter_map(|key| body.get(*key))
            .map(flatten)
            .find(|words| !words.is_empty())
            .unwrap_or_default()
    }
}

/// How many lists and objects stand one in the other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Texts of a value in their order, joined: as they may stand in a log and on a terminal.
fn flatten(value: &Value) -> String {
    fn walk(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(harmless(text).trim().to_owned()),
            Value::Number(n) => out.push(n.to_string()),
            Value::Array(list) => list.iter().for_each(|v| walk(v, out)),
            Value::Object(map) => map.values().for_each(|v| walk(v, out)),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let mut out = Vec::new();
    walk(value, &mut out);
    out.retain(|text| !text.is_empty());
    out.join("; ")
}

/// An id or number that may come as either: as text.
#[must_use]
pub fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
        Value::Number(n) if n.is_u64() => Some(n.to_string()),
        _ => None,
    }
}

/// Lengths of AWBs that are believed; couriers' have 11 or 14 characters, or a few more.
const AWB_LENGTHS: RangeInclusive<usize> = 5..=64;

/// An AWB: it goes into an index and onto a parcel, so what nobody can print is none, and neither is what a
/// program writes where it has none: `0`, `N/A`, `Pending`, `undefined`.
#[must_use]
pub fn awb_of(value: Option<&Value>) -> Option<String> {
    text_of(value).filter(|awb| {
        AWB_LENGTHS.contains(&awb.len())
            && awb.bytes().all(|b| b.is_ascii_graphic())
            && awb.bytes().any(|b| matches!(b, b'1'..=b'9'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(body: Value) -> Answer {
        Answer { status: 200, retry_after: None, body: Body::Json(body) }
    }

    #[test]
    fn words_come_from_every_shape() {
        for (body, words) in [
            (json!({"status": false, "responsemsg": "No balance"}), "No balance"),
            (json!({"status": false, "responsemsg": ["a", " b "]}), "a; b"),
            (json!({"status": false, "responsemsg": {"response": "deep"}}), "deep"),
            (json!({"status": false, "responsemsg": "", "errors": {"x": ["bad"]}}), "bad"),
            (json!({"status": false, "error": "Unknown method"}), "Unknown method"),
            (json!({"status": false, "responsemsg": "\u{1b}[31mNo\u{1b}[0m\n balance\u{7}"}), "No  balance"),
            (json!({"status": false, "responsemsg": ["\u{9b}2J", "\u{9b}31mNo"]}), "No"),
            (json!({"status": false}), ""),
            (json!([1]), ""),
        ] {
            assert_eq!(answer(body.clone()).words(), words, "{body}");
        }
    }

    #[test]
    fn a_body_that_contradicts_itself_is_no_json() {
        assert!(matches!(Body::read(br#"{"status":true,"status":false}"#), Body::Text(_)));
        assert!(matches!(Body::read(br#"{"a":{"b":1,"b":2}}"#), Body::Text(_)));
        assert!(matches!(Body::read(br#"{"a":[{"b":1},{"b":2}]}"#), Body::Json(_)));
        assert!(matches!(Body::read(b"<html>"), Body::Text(_)));
        assert!(matches!(Body::read(b""), Body::Text(_)));
        assert!(matches!(Body::read(b"\"\xff\""), Body::Text(_)));
    }

    #[test]
    fn one_byte_order_mark_before_an_answer_is_no_fault() {
        let marked = Body::read(b"\xef\xbb\xbf{\"status\":true}");
        assert_eq!(marked, Body::Json(json!({"status": true})));
        assert!(matches!(Body::read(b"\xef\xbb\xbf\xef\xbb\xbf{}"), Body::Text(_)), "two of them");
        assert_eq!(Body::read(b"\xef\xbb\xbf<html>"), Body::Text("<html>".to_owned()));
    }

    #[test]
    fn ids_are_text_whatever_they_come_as() {
        assert_eq!(text_of(Some(&json!("00123"))).as_deref(), Some("00123"));
        assert_eq!(text_of(Some(&json!(123))).as_deref(), Some("123"));
        for none in [json!(""), json!("  "), json!(null), json!(1.5), json!([1])] {
            assert_eq!(text_of(Some(&none)), None, "{none}");
        }
    }

    #[test]
    fn what_stands_in_the_place_of_an_awb_is_none() {
        for awb in ["00000000000017", "10000000001", "1Z-99", "DL7KX0"] {
            assert_eq!(awb_of(Some(&json!(awb))).as_deref(), Some(awb), "{awb}");
        }
        for none in [
            "0",
            "NA",
            "N/A",
            "null",
            "None",
            "Pending",
            "-",
            "false",
            "undefined",
            "00000000000000",
            "1234",
            "not generated yet",
            "12 345",
        ] {
            assert_eq!(awb_of(Some(&json!(none))), None, "{none}");
        }
        assert_eq!(awb_of(Some(&json!(0))), None);
        assert_eq!(awb_of(Some(&json!(10_000_000_000_017_u64))).as_deref(), Some("10000000000017"));
    }
}
