//! A request to a service whose form a setting describes: one header, and a body with gaps.
//!
//! Guards against words that change what is asked: what is put into a gap is escaped for where it stands, and
//! is never looked through for gaps of its own.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::form_urlencoded;

/// A body with gaps such as `{to}`.
#[derive(Clone)]
pub struct Form {
    parts: Vec<Part>,
    json: bool,
}

#[derive(Clone)]
enum Part {
    Plain(String),
    Gap(&'static str),
}

/// What may stand in braces.
const GAPS: [&str; 5] = ["to", "digits", "text", "kind", "id"];

/// Why a setting is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be sent as it is")]
pub struct FormProblem;

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form").field("json", &self.json).finish_non_exhaustive()
    }
}

impl Form {
    /// # Errors
    /// [`FormProblem`]: it has no gap for the words or for their receiver, or would be no JSON.
    pub fn new(setting: &SecretString) -> Result<Self, FormProblem> {
        let text = setting.expose_secret().trim();
        let form = Self { parts: parts(text), json: text.starts_with(['{', '[']) };
        let has = |name: &str| form.parts.iter().any(|part| matches!(part, Part::Gap(gap) if *gap == name));
        let whole = has("text") && (has("to") || has("digits"));
        let filled = form.fill(|_| "\" \\ &");
        let readable = !form.json || serde_json::from_slice::<Value>(&filled).is_ok();
        if whole && readable { Ok(form) } else { Err(FormProblem) }
    }

    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        let name = if self.json { "application/json" } else { "application/x-www-form-urlencoded" };
        HeaderValue::from_static(name)
    }

    /// The body, with what `value` gives for each gap.
    #[must_use]
    pub fn fill<'v>(&self, value: impl Fn(&str) -> &'v str) -> Bytes {
        let mut body = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(text) => body.push_str(text),
                Part::Gap(gap) if self.json => {
                    let quoted = Value::from(value(gap)).to_string();
                    body.push_str(quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or(""));
                }
                Part::Gap(gap) => body.extend(form_urlencoded::byte_serialize(value(gap).as_bytes())),
            }
        }
        Bytes::from(body)
    }
}

fn parts(mut text: &str) -> Vec<Part> {
    let (mut parts, mut plain) = (Vec::new(), String::new());
    while let Some(at) = text.find('{') {
        let (before, rest) = text.split_at(at);
        plain.push_str(before);
        let found = GAPS.into_iter().find_map(|gap| {
            let after = rest.strip_prefix('{')?.strip_prefix(gap)?.strip_prefix('}')?;
            Some((gap, after))
        });
        if let Some((gap, after)) = found {
            parts.push(Part::Plain(std::mem::take(&mut plain)));
            parts.push(Part::Gap(gap));
            text = after;
        } else {
            plain.push('{');
            text = rest.strip_prefix('{').unwrap_or_default();
        }
    }
    plain.push_str(text);
    parts.push(Part::Plain(plain));
    parts
}

/// `Name: value`; none of an empty setting.
///
/// # Errors
/// [`FormProblem`]: it is no header.
pub fn header(setting: &SecretString) -> Result<Option<(HeaderName, HeaderValue)>, FormProblem> {
    let text = setting.expose_secret().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (name, value) = text.split_once(':').ok_or(FormProblem)?;
    let name = name.trim().parse().map_err(|_| FormProblem)?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| FormProblem)?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(text: &str) -> Result<Form, FormProblem> {
        Form::new(&SecretString::from(text))
    }

    fn value(gap: &str) -> &'static str {
        match gap {
            "to" => "+919812345678",
            "digits" => "919812345678",
            "text" => "3 orders \"failed\" & {to}",
            "kind" => "digest",
            _ => "eml_1",
        }
    }

    #[test]
    fn gaps_are_filled_as_the_place_needs_it() {
        let json =
            form(r#"{"messages":[{"to":"{to}","var":{"t":"{text}"},"ref":"{id}","k":"{kind}"}]}"#).unwrap();
        let body: Value = serde_json::from_slice(&json.fill(value)).unwrap();
        let expected = json!({ "messages": [{ "to": "+919812345678", "var": { "t": value("text") },
                                              "ref": "eml_1", "k": "digest" }] });
        assert_eq!((body, json.content_type().to_str().unwrap()), (expected, "application/json"));
        let plain = form("key=a{b}&to={digits}&text={text}").unwrap();
        assert_eq!(plain.fill(value), "key=a{b}&to=919812345678&text=3+orders+%22failed%22+%26+%7Bto%7D");
        assert_eq!(plain.content_type(), "application/x-www-form-urlencoded");
    }

    #[test]
    fn a_body_without_words_or_receiver_or_that_is_no_json_is_none() {
        for text in [
            "",
            "to={to}",
            "text={text}",
            r#"{"to":"{to}","text":{text}}"#,
            r#"{"to":"{to}","text":"{text}""#,
        ] {
            assert_eq!(form(text).unwrap_err(), FormProblem, "{text}");
        }
    }

    #[test]
    fn a_header_is_one_line() {
        let read = |text: &str| header(&SecretString::from(text));
        assert_eq!(read(" ").unwrap(), None);
        let (name, value) = read("Authorization: Bearer a:b").unwrap().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer a:b"));
        for text in ["Bearer", "a b: c", "a: b\nc: d"] {
            assert_eq!(read(text).unwrap_err(), FormProblem, "{text:?}");
        }
    }
}
