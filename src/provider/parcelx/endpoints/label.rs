//! Where the label of a shipment is. Only a look, so it may be repeated.

use http::Method;
use serde_json::{Value, json};

use crate::provider::parcelx::{
    answer::{Answer, CallResult, text_of},
    endpoint::Endpoint,
    verdict::{self, Verdict},
};

/// By AWB.
#[derive(Debug)]
pub(in crate::provider::parcelx) struct Label<'a>(pub(in crate::provider::parcelx) &'a str);

impl Endpoint for Label<'_> {
    const OPERATION: &'static str = "label";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/api/v1/label";
    const SAFE_TO_REPEAT: bool = true;

    /// The address as it came: whether it may be handed out is decided above.
    type Reading = Verdict<String>;

    fn payload(&self) -> Value {
        json!({ "awb": self.0, "label_type": "label" })
    }

    fn read(wire: &CallResult, _reference: &str) -> Verdict<String> {
        verdict::judge_of_shipment(wire, address)
    }

    fn word(reading: &Verdict<String>) -> &'static str {
        match reading {
            Verdict::Success(_) => "fetched",
            Verdict::Refused(_) => "refused",
            // Other words would hold the account: that labels cannot be had says nothing of bookings.
            _ => "failed",
        }
    }
}

/// `label_url` stands at the top, not in `data`.
fn address(answer: &Answer) -> Result<String, &'static str> {
    let url = answer.json().and_then(|body| body.get("label_url")).filter(|url| url.is_string());
    text_of(url).ok_or("a success without a label_url")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::parcelx::answer::Body;

    fn read(status: u16, body: &str) -> Verdict<String> {
        let wire =
            CallResult::Answer(Answer { status, retry_after: None, body: Body::read(body.as_bytes()) });
        Label::read(&wire, "ORD-1")
    }

    #[test]
    fn the_address_stands_at_the_top() {
        let found = read(200, include_str!("../../../../tests/fixtures/parcelx/label/found.json"));
        assert_eq!(found, Verdict::Success("https://files.example.test/label/10000000000017.pdf".to_owned()));
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
            assert!(matches!(read(200, body), Verdict::Unknown(_)), "{body}");
        }
    }

    #[test]
    fn an_unknown_shipment_is_refused_and_an_unknown_path_is_our_mistake() {
        let no = include_str!("../../../../tests/fixtures/parcelx/label/refused.json");
        for status in [200, 400, 404, 422] {
            assert_eq!(Label::word(&read(status, no)), "refused", "{status}");
        }
        assert!(matches!(
            read(404, r#"{"status":false,"error":"Unknown method"}"#),
            Verdict::Configuration(_)
        ));
        assert!(matches!(read(403, no), Verdict::Credentials(_)));
    }

    #[test]
    fn no_word_of_it_holds_the_account() {
        let poor = r#"{"status":false,"responsemsg":"Insuffiecient Balance"}"#;
        assert_eq!(Label::word(&read(200, poor)), "refused");
        for status in [301, 401, 403, 404, 405, 415, 429, 500] {
            assert_eq!(Label::word(&read(status, "<html>")), "failed", "{status}");
        }
    }

    #[test]
    fn asks_by_awb_as_text_for_the_label_kind() {
        assert_eq!(Label("0017").payload(), json!({ "awb": "0017", "label_type": "label" }));
    }
}
