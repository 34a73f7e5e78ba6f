//! Looks a shipment up by AWB, or by our own reference: the only way to settle a create whose answer was
//! lost.

use http::Method;
use serde_json::{Value, json};

use crate::{
    platform::config::Words,
    provider::{
        carrier::{AccountProblem, By, CallOutcome, Cause, Operation, Told, Tracking},
        parcelx::{
            answer::{Answer, CallResult, awb_of, text_of},
            coming::is_coming,
            endpoint::{Asked, Endpoint},
            verdict::{busy, unknown, whole},
        },
    },
};

#[derive(Debug)]
pub(in crate::provider::parcelx) struct TrackOrder<'a>(pub(in crate::provider::parcelx) &'a By);

/// The status code of a cancelled shipment.
const CANCELLED: &str = "227";

impl Endpoint for TrackOrder<'_> {
    const OPERATION: Operation = Operation::TrackOrder;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/api/v1/track_order";
    const SAFE_TO_REPEAT: bool = true;

    type Success = Tracking;

    fn payload(&self) -> Value {
        match &self.0 {
            By::Awb(awb) => json!({ "awb": awb }),
            By::Reference(reference) => json!({ "channel_order_no": reference }),
        }
    }

    /// A look-up changes nothing: whatever it was not told, it may ask again.
    fn read(wire: &CallResult, asked: Asked<'_>) -> CallOutcome<Tracking> {
        let answer = match whole(wire) {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        let http = format!("HTTP {}", answer.status);
        match (answer.status, answer.succeeded()) {
            (200, Some(true)) => found(answer),
            // Words about anything else than the shipment say nothing of it.
            (200 | 400 | 404 | 406 | 422, Some(false)) if moment(answer, asked.words) => {
                CallOutcome::deferred(Cause::Declined(answer.words()))
            }
            // 404 without our envelope is a wrong address, not an unknown shipment.
            (200 | 400 | 404 | 406 | 422, Some(false)) => CallOutcome::Done(Tracking::NotFound),
            (401, None | Some(false)) => {
                CallOutcome::deferred(Cause::Account(AccountProblem::Credentials, Told::Status(401)))
            }
            (425 | 429, _) => busy(answer),
            (401 | 408, _) => CallOutcome::deferred(Cause::Declined(http)),
            _ => unknown(answer, http),
        }
    }

    fn success(tracking: &Tracking) -> &'static str {
        match tracking {
            Tracking::Live { .. } | Tracking::Cancelled { .. } => "found",
            Tracking::NotFound => "not-found",
        }
    }
}

/// A look-up that was not made: its words are about the keys, or about this moment.
fn moment(answer: &Answer, words: &Words) -> bool {
    let said = answer.all_words();
    let phrases = [&words.credentials, &words.account, &words.try_again, &words.timed_out];
    is_coming(&said) || phrases.iter().any(|phrases| phrases.found_in(&said))
}

fn found(answer: &Answer) -> CallOutcome<Tracking> {
    // `current_status` stands beside `data`, and is not always an object.
    let current = answer.json().and_then(|body| body.get("current_status"));
    let of = |key: &str| current.and_then(|c| c.get(key));
    match (awb_of(of("awb")), text_of(of("status_code"))) {
        (None, None) => unknown(answer, "a success without a status".to_owned()),
        (awb, Some(code)) if code == CANCELLED => CallOutcome::Done(Tracking::Cancelled { awb }),
        (awb, _) => CallOutcome::Done(Tracking::Live { awb }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::parcelx::answer::Body;

    fn of(status: u16, fixture: &str) -> CallOutcome<Tracking> {
        let wire =
            CallResult::Answer(Answer { status, retry_after: None, body: Body::read(fixture.as_bytes()) });
        TrackOrder::read(&wire, Asked::with("ORD-1", &Value::Null))
    }

    #[test]
    fn a_found_shipment_gives_its_awb_as_text() {
        let tracked = of(200, include_str!("../../../../tests/fixtures/parcelx/track_order/in_transit.json"));
        assert_eq!(tracked, CallOutcome::Done(Tracking::Live { awb: Some("00000000000017".into()) }));
        let tracked =
            of(200, include_str!("../../../../tests/fixtures/parcelx/track_order/without_awb.json"));
        assert_eq!(tracked, CallOutcome::Done(Tracking::Live { awb: None }));
        for code in [json!("227"), json!(227)] {
            let body = json!({"status": true, "current_status": {"awb": "17000", "status_code": code}});
            let cancelled = CallOutcome::Done(Tracking::Cancelled { awb: Some("17000".into()) });
            assert_eq!(of(200, &body.to_string()), cancelled);
        }
        for placeholder in ["0", "NA", "Pending", "00000000000000"] {
            let body = json!({"status": true, "current_status": {"awb": placeholder, "status_code": "221"}});
            let found = CallOutcome::Done(Tracking::Live { awb: None });
            assert_eq!(of(200, &body.to_string()), found, "{placeholder}");
        }
    }

    #[test]
    fn only_a_readable_no_is_not_found() {
        let no = include_str!("../../../../tests/fixtures/parcelx/track_order/unknown.json");
        let settles_nothing = |status, body: &str| {
            let tracked = of(status, body);
            assert!(matches!(tracked, CallOutcome::Unknown { .. }), "{status} {body}: {tracked:?}");
            assert!(!tracked.may_yet_be_answered(), "{status} {body}: {tracked:?}");
        };
        for status in [200, 400, 404, 422] {
            assert_eq!(of(status, no), CallOutcome::Done(Tracking::NotFound), "{status}");
        }
        for status in [302, 403, 405, 415] {
            settles_nothing(status, no);
        }
        for status in [401, 408, 425, 429, 500, 502, 503, 504] {
            assert!(of(status, no).may_yet_be_answered(), "{status}");
        }
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"status":true}"#,
            r#"{"status":true,"current_status":"none"}"#,
            r#"{"status":true,"data":{"awb":"17000"}}"#,
        ] {
            settles_nothing(200, body);
        }
        settles_nothing(404, "Not found");
        for words in [
            "Something went wrong, try again later",
            "Invalid token",
            "Request timeout",
            "AWB not generated yet",
        ] {
            let body = json!({"status": false, "responsemsg": words}).to_string();
            assert!(of(200, &body).may_yet_be_answered(), "{words}");
        }
    }

    #[test]
    fn asks_by_awb_or_reference() {
        assert_eq!(TrackOrder(&By::Awb("0017".to_owned())).payload(), json!({"awb": "0017"}));
        assert_eq!(
            TrackOrder(&By::Reference("ORD-1".to_owned())).payload(),
            json!({"channel_order_no": "ORD-1"})
        );
    }
}
