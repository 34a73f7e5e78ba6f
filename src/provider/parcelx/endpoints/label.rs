//! Where the label of a shipment is. Only a look, so it may be repeated.

use http::Method;
use serde_json::{Value, json};

use crate::provider::{
    carrier::{CallOutcome, Cause, Operation},
    parcelx::{
        answer::{Answer, CallResult, text_of},
        coming::is_coming,
        endpoint::{Asked, Endpoint},
        verdict,
    },
};

/// By AWB.
#[derive(Debug)]
pub(in crate::provider::parcelx) struct Label<'a>(pub(in crate::provider::parcelx) &'a str);

impl Endpoint for Label<'_> {
    const OPERATION: Operation = Operation::Label;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/api/v1/label";
    const SAFE_TO_REPEAT: bool = true;

    /// The address as it came: whether it may be handed out is decided by the client.
    type Success = String;

    fn payload(&self) -> Value {
        json!({ "awb": self.0, "label_type": "label" })
    }

    fn read(wire: &CallResult, asked: Asked<'_>) -> CallOutcome<String> {
        match (verdict::judge_of_shipment(wire, asked, address), wire) {
            (CallOutcome::Refused(_), CallResult::Answer(answer)) if is_coming(&answer.all_words()) => {
                CallOutcome::deferred(Cause::Declined(answer.words()))
            }
            (outcome, _) => outcome,
        }
    }

    fn success(_: &String) -> &'static str {
        "fetched"
    }
}

/// `label_url` stands at the top, not in `data`.
fn address(answer: &Answer) -> Result<String, &'static str> {
    let url = answer.json().and_then(|body| body.get("label_url")).filter(|url| url.is_string());
    text_of(url).ok_or("a success without a label_url")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::provider::{
        carrier::{AccountProblem, CallEnd, CallSignal, Told},
        parcelx::answer::Body,
    };

    fn read(status: u16, body: &str) -> CallOutcome<String> {
        let wire =
            CallResult::Answer(Answer { status, retry_after: None, body: Body::read(body.as_bytes()) });
        Label::read(&wire, Asked::with("ORD-1", &Value::Null))
    }

    #[test]
    fn the_address_stands_at_the_top() {
        let found = read(200, include_str!("../../../../tests/fixtures/parcelx/label/found.json"));
        assert_eq!(
            found,
            CallOutcome::Done("https://files.example.test/label/10000000000017.pdf".to_owned())
        );
        for body in [
            r#"{"status":true}"#,
            r#"{"status":true,"label_url":""}"#,
            r#"{"status":true,"label_url":["x"]}"#,
            r#"{"status":true,"label_url":7}"#,
            r#"{"status":true,"data":{"label_url":"https://files.example.test/x"}}"#,
            r#"{"success":true,"label_url":"https://files.example.test/x"}"#,
            "%PDF-1.4",
            "",
        ] {
            assert!(matches!(read(200, body), CallOutcome::Unknown { .. }), "{body}");
        }
    }

    #[test]
    fn an_unknown_shipment_is_refused_and_an_unknown_path_is_our_mistake() {
        let no = include_str!("../../../../tests/fixtures/parcelx/label/refused.json");
        for status in [200, 400, 404, 422] {
            assert!(matches!(read(status, no), CallOutcome::Refused(_)), "{status}");
        }
        assert_eq!(
            read(404, r#"{"status":false,"error":"Unknown method"}"#),
            CallOutcome::deferred(Cause::Account(AccountProblem::Configuration, Told::Status(404)))
        );
        assert_eq!(read(403, no).as_str("fetched"), "declined");
    }

    #[test]
    fn a_label_that_is_not_there_yet_is_asked_for_again() {
        for (words, word) in [
            ("Label is being generated, try again later", "declined"),
            ("Label is being generated", "declined"),
            ("Label not generated yet", "declined"),
            ("Invalid token", "declined"),
            ("Internal server error", "unknown"),
            ("Label is not available for a cancelled order", "refused"),
        ] {
            let body = json!({ "status": false, "responsemsg": words }).to_string();
            for status in [200, 404, 422] {
                assert_eq!(read(status, &body).as_str("fetched"), word, "{status} {words}");
            }
        }
    }

    /// That labels cannot be had says nothing of bookings; but nobody answers 401 to good keys.
    #[test]
    fn nothing_but_refused_keys_holds_the_account() {
        let signal = |status, body| {
            let outcome = read(status, body).map(drop);
            let (operation, took) = (Operation::Label, Duration::ZERO);
            CallEnd { operation, order_id: "i", token: None, took, outcome: &outcome }.signal()
        };
        let poor = r#"{"status":false,"responsemsg":"Insuffiecient Balance"}"#;
        assert_eq!(read(200, poor), CallOutcome::Refused("Insuffiecient Balance".into()));
        assert_eq!(signal(200, poor), CallSignal::Looked);
        for status in [301, 403, 404, 405, 415, 429, 500] {
            let signal = signal(status, "<html>");
            assert!(matches!(signal, CallSignal::Reached | CallSignal::Down), "{status}: {signal:?}");
        }
        assert_eq!(
            signal(401, "<html>"),
            CallSignal::AccountProblem(AccountProblem::Credentials, "HTTP 401".into())
        );
    }

    #[test]
    fn asks_by_awb_as_text_for_the_label_kind() {
        assert_eq!(Label("0017").payload(), json!({ "awb": "0017", "label_type": "label" }));
    }
}
