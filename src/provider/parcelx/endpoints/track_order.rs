//! PollSchedule for a shipment by AWB, or by our own reference: the only way to settle a create whose answer
//! was lost.

use http::Method;
use serde_json::{Value, json};

use crate::provider::parcelx::{
    answer::{Answer, CallResult, awb_of, text_of},
    endpoint::Endpoint,
};

/// What to look for.
#[derive(Debug, Clone)]
pub enum By {
    Awb(String),
    Reference(String),
}

#[derive(Debug)]
pub(in crate::provider::parcelx) struct TrackOrder<'a>(pub(in crate::provider::parcelx) &'a By);

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracked {
    /// The provider knows it. By reference, the AWB is not always told.
    Found { awb: Option<String>, status_code: Option<String> },
    /// The provider says that it does not know it; true or not.
    NotFound(String),
    /// Nothing was learnt, and the same look-up would most likely teach nothing again.
    Failed(String),
    /// Nothing was learnt this time: it could not be asked, was in trouble or had no time.
    Away(String),
}

/// The status code of a cancelled shipment.
const CANCELLED: &str = "227";

impl Tracked {
    /// Whether the provider shows the shipment as cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Found { status_code: Some(code), .. } if code == CANCELLED)
    }

    /// The AWB that was told.
    #[must_use]
    pub fn awb(&self) -> Option<String> {
        match self {
            Self::Found { awb, .. } => awb.clone(),
            Self::NotFound(_) | Self::Failed(_) | Self::Away(_) => None,
        }
    }
}

impl Endpoint for TrackOrder<'_> {
    const OPERATION: &'static str = "track_order";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/api/v1/track_order";
    const SAFE_TO_REPEAT: bool = true;

    type Reading = Tracked;

    fn payload(&self) -> Value {
        match &self.0 {
            By::Awb(awb) => json!({ "awb": awb }),
            By::Reference(reference) => json!({ "channel_order_no": reference }),
        }
    }

    fn read(wire: &CallResult, _reference: &str) -> Tracked {
        read(wire)
    }

    fn word(reading: &Tracked) -> &'static str {
        match reading {
            Tracked::Found { .. } => "found",
            Tracked::NotFound(_) => "not-found",
            Tracked::Failed(_) | Tracked::Away(_) => "failed",
        }
    }
}

fn read(wire: &CallResult) -> Tracked {
    let answer = match wire {
        CallResult::Failure { class, .. } => return Tracked::Away(class.as_str().to_owned()),
        CallResult::Answer(answer) => answer,
    };
    match (answer.status, answer.succeeded()) {
        (200, Some(true)) => found(answer),
        // 404 without our envelope is a wrong address, not an unknown shipment.
        (200 | 400 | 404 | 406 | 422, Some(false)) => Tracked::NotFound(answer.words()),
        (status @ (401 | 408 | 425 | 429 | 500..=599), _) => Tracked::Away(format!("HTTP {status}")),
        (status, _) => Tracked::Failed(format!("HTTP {status}")),
    }
}

fn found(answer: &Answer) -> Tracked {
    // `current_status` stands beside `data`, and is not always an object.
    let current = answer.json().and_then(|body| body.get("current_status"));
    let of = |key: &str| current.and_then(|c| c.get(key));
    match (awb_of(of("awb")), text_of(of("status_code"))) {
        (None, None) => Tracked::Failed("a success without a status".to_owned()),
        (awb, status_code) => Tracked::Found { awb, status_code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::parcelx::answer::Body;

    fn of(status: u16, fixture: &str) -> Tracked {
        read(&CallResult::Answer(Answer { status, retry_after: None, body: Body::read(fixture.as_bytes()) }))
    }

    #[test]
    fn a_found_shipment_gives_its_awb_as_text() {
        let tracked = of(200, include_str!("../../../../tests/fixtures/parcelx/track_order/in_transit.json"));
        assert_eq!(
            tracked,
            Tracked::Found { awb: Some("00000000000017".into()), status_code: Some("223".into()) }
        );
        let tracked =
            of(200, include_str!("../../../../tests/fixtures/parcelx/track_order/without_awb.json"));
        assert_eq!(tracked, Tracked::Found { awb: None, status_code: Some("221".into()) });
    }

    #[test]
    fn only_a_readable_no_is_not_found() {
        let no = include_str!("../../../../tests/fixtures/parcelx/track_order/unknown.json");
        for status in [200, 400, 404, 422] {
            assert!(matches!(of(status, no), Tracked::NotFound(_)), "{status}");
        }
        for status in [302, 403, 405, 415] {
            assert!(matches!(of(status, no), Tracked::Failed(_)), "{status}");
        }
        for status in [401, 408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(of(status, no), Tracked::Away(_)), "{status}");
        }
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"status":true}"#,
            r#"{"status":true,"current_status":"none"}"#,
            r#"{"status":true,"data":{"awb":"1"}}"#,
        ] {
            assert!(matches!(of(200, body), Tracked::Failed(_)), "{body}");
        }
        assert!(matches!(of(404, "Not found"), Tracked::Failed(_)));
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
