//! What of a large answer is stored.
//!
//! Guards against a look at an order that reads two hundred answers of 2 MB each.

use serde_json::Value;

/// A larger answer is kept without its long parts: two hundred of them are read for one look at an order.
const KEPT: usize = 64 * 1024;
/// What of it is kept: nothing that is read of an answer is longer.
const LONGEST_TEXT: usize = 2048;
const LONGEST_LIST: usize = 20;
const MOST_FIELDS: usize = 100;

/// The answer as it is stored. Its envelope, and all that is read of it, is in what is kept of a large one.
pub(super) fn kept(value: &Value) -> Value {
    let size = serde_json::to_vec(value).map_or(usize::MAX, |text| text.len());
    if size <= KEPT { value.clone() } else { cut(value, &mut { KEPT / 2 }) }
}

/// `left`: bytes of texts that may still be kept, about.
fn cut(value: &Value, left: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            let end = text.floor_char_boundary(LONGEST_TEXT.min(*left));
            *left = left.saturating_sub(end + 8);
            let short = text.get(..end).unwrap_or_default();
            if short.len() < text.len() { format!("{short}…").into() } else { text.as_str().into() }
        }
        Value::Array(list) => list.iter().take(LONGEST_LIST).map(|value| cut(value, left)).collect(),
        Value::Object(map) => {
            // What is short is kept first: the fields that are read are.
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(_, value)| matches!(value, Value::Array(_) | Value::Object(_)));
            let fields = fields.into_iter().filter(|(key, _)| key.len() <= LONGEST_TEXT).take(MOST_FIELDS);
            fields
                .filter_map(|(key, value)| {
                    *left = left.saturating_sub(key.len() + 8);
                    (*left > 0).then(|| (key.clone(), cut(value, left)))
                })
                .collect()
        }
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::parcelx::{
        answer::{Answer, Body, CallResult},
        log::End,
    };

    #[test]
    fn a_large_answer_is_kept_without_its_long_parts_and_means_the_same() {
        let noise: Vec<Value> = (0..2000).map(|n| json!({ "n": n, "text": "x".repeat(900) })).collect();
        let body = json!({ "aaa": noise, "status": true, "responsemsg": "y".repeat(100_000),
            "data": { "awb_number": "00017", "client_order_id": "ORD-1", "page": "z".repeat(500_000) } });
        let answer = Answer { status: 200, retry_after: None, body: Body::Json(body) };
        let end = End::new(&CallResult::Answer(answer), "booked");
        let stored = serde_json::to_vec(&end).unwrap().len();
        assert!(stored < KEPT, "{stored}");
        let CallResult::Answer(again) = end.wire() else { panic!("no answer") };
        assert_eq!(again.succeeded(), Some(true));
        let data = &again.json().unwrap()["data"];
        assert_eq!(
            (data["awb_number"].as_str(), data["client_order_id"].as_str()),
            (Some("00017"), Some("ORD-1"))
        );
        let small = json!({ "status": false, "responsemsg": "w".repeat(3000) });
        assert_eq!(kept(&small), small, "what is not large is kept whole");
    }
}
