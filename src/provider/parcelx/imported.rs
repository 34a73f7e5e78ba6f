//! What an answer means that another system's client was given.

use serde_json::Value;

use super::{
    answer::{Answer, Body, CallResult, Failure},
    endpoint::{Asked, Endpoint},
    endpoints::create_order::CreateOrder,
};
use crate::{
    platform::config::Words,
    provider::carrier::{CallOutcome, Shipment},
};

/// Stands in for the reference that the answer quotes, or does not: it was kept for this very order.
const REFERENCE: &str = "-";

/// Of a create. `status` and `body` are what the other system has on record, if it has an answer at all.
#[must_use]
pub fn create_outcome(status: Option<u16>, body: Option<&Value>, words: &Words) -> CallOutcome<Shipment> {
    let wire = match (status, body) {
        (None, None) => CallResult::Failure { class: Failure::NoAnswerRecorded, detail: String::new() },
        (status, body) => {
            let mut body = body.cloned().unwrap_or_default();
            if let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) {
                data.insert("client_order_id".to_owned(), REFERENCE.into());
            }
            let body = Body::Json(body);
            CallResult::Answer(Answer { status: status.unwrap_or(200), retry_after: None, body })
        }
    };
    CreateOrder::read(&wire, Asked { reference: REFERENCE, payload: &Value::Null, words })
}
