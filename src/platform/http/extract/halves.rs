//! Halves of characters. Guards against a refusal that does not say where: a text that was cut in the middle
//! of an emoji arrives as `"\ud83d"`, which JavaScript reads and writes, and which is no character.

use std::collections::BTreeSet;

use serde_json::Value;

use super::faults::child;
use crate::platform::http::FieldError;

/// What stands where a character cannot be told.
const UNKNOWN: char = '\u{fffd}';

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

/// The document, with a sign in place of each half of a character, and a fault for each text that had one.
/// Nothing when it has none, or is no JSON all the same.
pub(super) fn read(json: &str) -> Option<(Value, BTreeSet<FieldError>)> {
    // A character of nobody's that the text does not hold marks the places.
    let mark = ('\u{f8f0}'..='\u{f8ff}').find(|mark| !json.contains(*mark))?;
    let mut value = serde_json::from_str(&marked(json, mark)?).ok()?;
    let mut faults = BTreeSet::new();
    unmark(&mut value, "", mark, &mut faults);
    Some((value, faults))
}

/// The text with `mark` in place of each escape that is half of a character; nothing when there is none.
fn marked(json: &str, mark: char) -> Option<String> {
    let (mut out, mut rest, mut found) = (String::with_capacity(json.len()), json, false);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (length, half) = match (unit(escape), escape.get(ESCAPE..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (2 * ESCAPE, false),
            (Some(0xd800..=0xdfff), _) => (ESCAPE, true),
            (Some(_), _) => (ESCAPE, false),
            // Two characters, of which the second may be a backslash too.
            (None, _) => (1 + escape.chars().nth(1).map_or(0, char::len_utf8), false),
        };
        let (escape, behind) = escape.split_at(length);
        if half {
            found = true;
            out.push(mark);
        } else {
            out.push_str(escape);
        }
        rest = behind;
    }
    out.push_str(rest);
    found.then_some(out)
}

/// What `\uXXXX` at the beginning stands for.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

fn unmark(value: &mut Value, at: &str, mark: char, faults: &mut BTreeSet<FieldError>) {
    match value {
        Value::String(text) if text.contains(mark) => {
            *text = text.replace(mark, &UNKNOWN.to_string());
            let detail = "holds half of a character: it was cut in the middle of one";
            faults.insert(FieldError::pointer(at, "encoding", detail));
        }
        Value::Array(list) => {
            list.iter_mut().enumerate().for_each(|(i, v)| unmark(v, &format!("{at}/{i}"), mark, faults));
        }
        Value::Object(map) => {
            // A key like that is none of ours, and is told as such.
            map.iter_mut().for_each(|(key, v)| unmark(v, &child(at, key), mark, faults));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(json: &str) -> Option<(Value, Vec<String>)> {
        let (value, faults) = read(json)?;
        Some((value, faults.into_iter().filter_map(|fault| fault.pointer).collect()))
    }

    #[test]
    fn each_half_is_found_where_it_stands() {
        for (text, value, at) in [
            (r#"{"a": "x\ud83d"}"#, json!({"a": "x\u{fffd}"}), "/a"),
            (r#"{"a": ["\udc00y"]}"#, json!({"a": ["\u{fffd}y"]}), "/a/0"),
            (r#"{"a": "\ud83d\ud83d\ude00"}"#, json!({"a": "\u{fffd}😀"}), "/a"),
            (r#"{"a": "\\\ud83d\n"}"#, json!({"a": "\\\u{fffd}\n"}), "/a"),
            (r#"{"a": "\uD83Dé\\ud83d"}"#, json!({"a": "\u{fffd}é\\ud83d"}), "/a"),
        ] {
            assert_eq!(faults(text), Some((value, vec![at.to_owned()])), "{text}");
        }
    }

    #[test]
    fn whole_characters_are_no_fault_and_what_is_no_json_stays_none() {
        for text in
            [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#"{"a": "\n"}"#, "", "\\", r#""\ud83d"#, r#""\u12""#]
        {
            assert_eq!(faults(text), None, "{text}");
        }
    }
}
