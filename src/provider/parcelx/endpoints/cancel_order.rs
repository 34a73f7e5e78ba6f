//! Cancels a shipment by its AWB. Not known to be idempotent: a repeat is most likely refused, so it is never
//! repeated by itself.

use http::Method;
use serde_json::{Value, json};

use crate::provider::{
    carrier::{CallOutcome, Operation},
    parcelx::{
        answer::CallResult,
        cancelled::says_cancelled,
        endpoint::{Asked, Endpoint},
        verdict,
    },
};

/// By AWB alone; there is no field for a reason.
#[derive(Debug)]
pub(in crate::provider::parcelx) struct CancelOrder<'a>(pub(in crate::provider::parcelx) &'a str);

impl Endpoint for CancelOrder<'_> {
    const OPERATION: Operation = Operation::CancelOrder;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/v1/order/cancel_order";
    const SAFE_TO_REPEAT: bool = false;

    /// A success says no more than that it was accepted.
    type Success = ();

    fn payload(&self) -> Value {
        json!({ "awb": self.0 })
    }

    /// What is refused as done already is told apart; what is so, tracking tells.
    fn read(wire: &CallResult, asked: Asked<'_>) -> CallOutcome<()> {
        match verdict::judge_of_shipment(wire, asked, |_| Ok(())) {
            CallOutcome::Refused(words) if says_cancelled(&words) => CallOutcome::RefusedAsDone(words),
            outcome => outcome,
        }
    }

    fn success((): &()) -> &'static str {
        "accepted"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::parcelx::{
        answer::{Answer, Body},
        endpoint::told,
    };

    fn told_of(status: u16, body: &str) -> (CallOutcome<()>, &'static str) {
        let wire =
            CallResult::Answer(Answer { status, retry_after: None, body: Body::read(body.as_bytes()) });
        let asked = Asked::with("ORD-1", &Value::Null);
        told::<CancelOrder<'_>>(CancelOrder::read(&wire, asked), asked)
    }

    fn word(status: u16, body: &str) -> &'static str {
        told_of(status, body).1
    }

    #[test]
    fn only_a_plain_yes_is_one() {
        assert_eq!(
            word(200, include_str!("../../../../tests/fixtures/parcelx/cancel_order/accepted.json")),
            "accepted"
        );
        for body in ["", "{}", r#"{"status":"true"}"#, "<html>"] {
            assert_eq!(word(200, body), "unknown", "{body}");
        }
        assert_eq!(word(500, r#"{"status":true}"#), "unknown");
    }

    #[test]
    fn an_unknown_shipment_is_refused_and_an_unknown_path_is_our_mistake() {
        let no = include_str!("../../../../tests/fixtures/parcelx/cancel_order/refused_list.json");
        for status in [200, 400, 404, 422] {
            assert_eq!(word(status, no), "refused", "{status}");
        }
        for body in [r#"{"status":false,"error":"Unknown method"}"#, "Not found"] {
            assert_eq!(word(404, body), "configuration", "{body}");
        }
        assert_eq!(word(200, r#"{"status":false,"responsemsg":"Balance already settled"}"#), "refused");
        assert_eq!(word(401, no), "credentials");
        assert_eq!(word(403, no), "declined", "it may be about the parcel");
        assert_eq!(word(429, no), "busy");
    }

    /// In logs and metrics it stays a refusal like any other.
    #[test]
    fn a_refusal_that_says_that_it_is_done_already_is_told_apart() {
        let no = include_str!("../../../../tests/fixtures/parcelx/cancel_order/refused_list.json");
        assert!(matches!(told_of(200, no), (CallOutcome::Refused(_), "refused")));
        let words = "Order is already cancelled.";
        let body = json!({ "status": false, "responsemsg": [words] }).to_string();
        for status in [200, 400, 404, 422] {
            let told = told_of(status, &body);
            assert_eq!(told, (CallOutcome::RefusedAsDone(words.to_owned()), "refused"), "{status}");
        }
        // Words about this moment are no refusal, whatever else they say.
        let body = json!({ "status": false, "responsemsg": "Already cancelled. Try again later" });
        assert_eq!(word(200, &body.to_string()), "declined");
    }

    #[test]
    fn asks_by_awb_as_text() {
        assert_eq!(CancelOrder("0017").payload(), json!({ "awb": "0017" }));
    }
}
