//! What an answer is made of, whatever differs from one to the next: its fields, and of each the kind.

use std::collections::BTreeSet;

use serde_json::Value;
use waybill::base::timestamp::Timestamp;

/// Fields that have the same words each time.
const WORDS: [&str; 17] = [
    "eventType",
    "eventTypes",
    "events",
    "expiresIn",
    "fileType",
    "from",
    "kind",
    "message",
    "missing",
    "mode",
    "providerSyncStatus",
    "role",
    "scopes",
    "state",
    "status",
    "type",
    "what",
];

/// What ids and secrets begin with.
const IDS: [&str; 14] =
    ["evt", "inv", "key", "mer", "msg", "ntf", "ord", "tkt", "usr", "wbk", "wbr", "whd", "whe", "whsec"];

/// Adds what `shown` has and `came` has not, or has of another kind, and the other way round. `field` is the
/// name of the place `at`. What may be `null` is in one of them and not in the other, unless it has fields.
pub(super) fn differences(shown: &Value, came: &Value, at: &str, field: &str, wrong: &mut Vec<String>) {
    match (shown, came) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => differences(a, b, &format!("{at}/{name}"), name, wrong),
                    (Some(_), None) => wrong.push(format!("{at}/{name} is shown, and does not come")),
                    _ => wrong.push(format!("{at}/{name} comes, and is not shown")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                wrong.push(format!("{at}: {} are shown, and {} come: {came}", a.len(), b.len()));
            }
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{at}/{n}"), field, wrong);
            }
        }
        (Value::Null, leaf) | (leaf, Value::Null) if !leaf.is_object() && !leaf.is_array() => {}
        _ if kind(shown, field) == kind(came, field) => {}
        _ => wrong.push(format!("{at}: {shown} is shown, and {came} comes")),
    }
}

fn kind(value: &Value, field: &str) -> String {
    match value {
        Value::String(text) if WORDS.contains(&field) => text.clone(),
        Value::String(text) if Timestamp::parse(text).is_ok() => "a time".to_owned(),
        Value::String(text) => match text.split_once('_') {
            Some((of, _)) if IDS.contains(&of) => format!("an id: {of}"),
            _ => "a text".to_owned(),
        },
        Value::Number(_) if !WORDS.contains(&field) => "a number".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        word => word.to_string(),
    }
}
