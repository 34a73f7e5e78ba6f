//! A job's data, as people may see it who need not know whom an order is for.
//!
//! Guards by a list of what may be shown: a field that nobody thought of stays hidden. The data itself is
//! never changed.

use serde_json::{Map, Value};

use crate::{platform::queue::JobView, provider::carrier::redact};

/// Fields whose texts and numbers are shown, wherever they stand: names of things, never of people.
const SHOWN: [&str; 26] = [
    "orderId",
    "userId",
    "clientOrderId",
    "orderNumber",
    "generation",
    "request",
    "attempt",
    "attempts",
    "status",
    "providerSyncStatus",
    "state",
    "awb",
    "awbNumber",
    "courierName",
    "courierCode",
    "success",
    "idempotentReplay",
    "parcelxRequestRefId",
    "parcelxResponseRefId",
    "reason",
    "message",
    "code",
    "type",
    "queue",
    "jobId",
    "error",
];
/// In these only [`redact::words`] are.
const WORDS: [&str; 3] = ["reason", "message", "error"];
const HIDDEN: &str = "******";
/// Longest name of a field that is shown.
const NAME: usize = 64;
/// Deepest nesting, longest text, and most items of a list that are shown; what is left out is counted.
const DEPTH: usize = 8;
const LONGEST: usize = 200;
const MOST: usize = 100;

/// The order that a job's data names.
#[must_use]
pub fn order_id(job: &JobView) -> Option<String> {
    text(job, "orderId")
}

#[must_use]
pub fn client_order_id(job: &JobView) -> Option<String> {
    text(job, "clientOrderId")
}

fn text(job: &JobView, field: &str) -> Option<String> {
    let data: Value = serde_json::from_str(&job.data).ok()?;
    data.get(field)?.as_str().map(|text| text.chars().take(LONGEST).collect())
}

pub(super) fn is_of_order(job: &JobView, order: &str) -> bool {
    job.id.contains(order) || order_id(job).as_deref() == Some(order)
}

/// The data, of which what is not listed is hidden; nothing when it is no JSON object.
#[must_use]
pub fn data(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.is_object().then(|| hidden(&value, None, DEPTH))
}

/// A return value, whatever it is.
#[must_use]
pub fn value(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::from(HIDDEN), |value| hidden(&value, None, DEPTH))
}

/// Data that is no object: its first words.
#[must_use]
pub fn unreadable(text: &str) -> String {
    redact::words(text)
}

/// Whether a text stands for something that is not shown, or holds what does.
pub(super) fn is_mark(text: &str) -> bool {
    text == HIDDEN || text.contains("[…]") || (text.contains("… (") && text.contains(" more "))
}

/// How many there are behind those that are shown, if any.
fn more(all: usize, shown: usize, of_what: &str) -> Option<String> {
    (all > shown).then(|| format!("… ({} more {of_what})", all - shown))
}

fn hidden(value: &Value, field: Option<&str>, depth: usize) -> Value {
    let shown = field.is_some_and(|field| SHOWN.contains(&field));
    match value {
        Value::Object(_) | Value::Array(_) if depth == 0 => HIDDEN.into(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                // A name may be anything, too: that of a person, in a map of people.
                let name: String = name.chars().take(NAME).collect();
                let value = hidden(value, Some(&name), depth - 1);
                (name, value)
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(all) => {
            let items = all.iter().take(MOST).map(|value| hidden(value, field, depth - 1));
            items.chain(more(all.len(), MOST, "items").map(Value::from)).collect()
        }
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(text) if field.is_some_and(|field| WORDS.contains(&field)) => {
            redact::words(text).into()
        }
        Value::String(text) if shown => {
            let first: String = text.chars().take(LONGEST).collect();
            let more = more(text.chars().count(), LONGEST, "characters").unwrap_or_default();
            format!("{first}{more}").into()
        }
        Value::Number(_) if shown => value.clone(),
        Value::String(_) | Value::Number(_) => HIDDEN.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let given =
            json!({ "status": "x".repeat(LONGEST + 7), "attempts": (0..MOST + 2).collect::<Vec<_>>() });
        let shown = data(&given.to_string()).unwrap();
        assert_eq!(shown["status"], format!("{}… (7 more characters)", "x".repeat(LONGEST)));
        let list = shown["attempts"].as_array().unwrap();
        assert_eq!((list.len(), &list[MOST]), (MOST + 1, &json!("… (2 more items)")));
        let whole = json!({ "status": "x".repeat(LONGEST), "attempts": (0..MOST).collect::<Vec<_>>() });
        assert_eq!(data(&whole.to_string()).unwrap(), whole);
    }

    #[test]
    fn what_is_not_listed_is_hidden() {
        let given = json!({
            "orderId": "ord_1", "generation": 2, "cancellationReason": "Asha called",
            "consignee": { "name": "Asha", "mobile": "9000000001", "pin": 560_001, "cod": true },
            "history": [{ "status": "queued", "note": "x" }], "error": "mobile 9000000001 is bad",
        });
        let expected = json!({
            "orderId": "ord_1", "generation": 2, "cancellationReason": "******",
            "consignee": { "name": "******", "mobile": "******", "pin": "******", "cod": true },
            "history": [{ "status": "queued", "note": "******" }], "error": "mobile […] is bad",
        });
        assert_eq!(data(&given.to_string()), Some(expected));
        for text in ["", "not json", "[1]", "7", "{"] {
            assert_eq!(data(text), None, "{text}");
        }
        assert_eq!(value("\"Asha\""), "******");
        let deep = "{\"a\":".repeat(60) + "1" + &"}".repeat(60);
        assert!(data(&deep).unwrap().to_string().len() < 100);
    }
}
