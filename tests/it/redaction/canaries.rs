//! The values, and the look for them. Every text has `zuq` in it, which no reference of ours can hold (their
//! letters have no U); numbers are listed.

use serde_json::{Value, json};
use waybill::provider::simulator::{Answer, FailureShape, Then};

use crate::support::orders::order;

pub(crate) const JWT_SECRET: &str = "zuqjwt-0123456789abcdef0123456789abcdef";
pub(crate) const ACCESS_KEY: &str = "zuqaccess-1234";
pub(crate) const SECRET_KEY: &str = "zuqsecret-5678";
/// base64 of `zuqaccess-1234:zuqsecret-5678`, without its padding.
const ACCESS_TOKEN: &str = "enVxYWNjZXNzLTEyMzQ6enVxc2VjcmV0LTU2Nzg";
pub(crate) const MOBILE: &str = "9876051423";
const PHONE: &str = "02276054321";
const PINCODE: &str = "683147";
/// The halves of the mobile number: providers write `98760 51423`.
const NUMBERS: [&str; 5] = [MOBILE, PHONE, PINCODE, "98760", "51423"];

/// An order whose every personal field is a canary.
pub(crate) fn body(client_order_id: &str) -> Value {
    let mut body = order(client_order_id);
    body["consignee"] = json!({
        "name": "Zuqname Zuqsurname", "email": "mail@zuqhost.test", "mobile": MOBILE, "phone": PHONE,
            "pincode": PINCODE,
        "address1": "41 Zuqvilla Lane", "address2": "Behind Zuqtemple", "city": "Zuqpur", "state": "Zuqstate"
    });
    body["items"][0]["description"] = json!("Zuqdescription for Zuqname");
    body
}

/// What a provider may say about such an order.
pub(crate) fn quotes() -> Vec<String> {
    vec![
        format!("Mobile {MOBILE} of Zuqname Zuqsurname, 41 Zuqvilla Lane, Zuqpur, {PINCODE} is not valid"),
        "Call 98760 51423 or +91-98760-51423 or (+91)9876051423 first".to_owned(),
        "write to mail@zuqhost.test; pincode:683147;name='Zuqname'".to_owned(),
        "ZUQNAME at zuqvilla/zuqtemple: Zuqdescription too long".to_owned(),
        // The whole request, as some services echo it.
        body("A-1").to_string(),
        format!("Access token {ACCESS_TOKEN}== is not valid"),
    ]
}

pub(crate) const SHAPES: [FailureShape; 5] = [
    FailureShape::String,
    FailureShape::List,
    FailureShape::Object,
    FailureShape::Errors,
    FailureShape::Message,
];

/// Answers that end a create in every way there is.
pub(crate) fn answers() -> Vec<Answer> {
    let status = |code| Answer::Status { code, retry_after: None };
    vec![
        Answer::LostAfterBooking,
        Answer::LostBeforeBooking,
        Answer::HangAfterBooking { ms: 20, then: Then::Close },
        Answer::CutBody,
        Answer::Html200,
        Answer::Html502,
        Answer::Empty200,
        Answer::TruncatedJson,
        Answer::InvalidUtf8,
        Answer::DuplicateKeys,
        Answer::StatusTrueWithoutAwb,
        Answer::OtherReference,
        Answer::AwbOfAnother,
        Answer::Redirect { to: "http://127.0.0.1:9/zuqredirect".to_owned() },
        status(401),
        status(404),
        status(429),
        status(500),
    ]
}

/// Whether a short number stands alone: within an id or the fractions of a time it is chance.
fn is_alone(text: &str, at: usize, length: usize) -> bool {
    let beside = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.');
    let bytes = text.as_bytes();
    length > 6 || !(beside(bytes[..at].last()) || beside(bytes.get(at + length)))
}

/// Every place that shows a canary, with what is around it.
pub(crate) fn found(text: &str) -> Vec<String> {
    let folded = text.to_ascii_lowercase();
    let all = NUMBERS.into_iter().chain(["zuq", ACCESS_TOKEN]);
    let places = all.flat_map(|canary| {
        let number = canary.bytes().all(|b| b.is_ascii_digit());
        let canary = canary.to_ascii_lowercase();
        let found = folded.match_indices(&canary).map(|(at, _)| at);
        found.filter(|at| !number || is_alone(&folded, *at, canary.len())).collect::<Vec<_>>()
    });
    let around = |at: usize| {
        let bytes = &text.as_bytes()[at.saturating_sub(120)..(at + 80).min(text.len())];
        String::from_utf8_lossy(bytes).into_owned()
    };
    places.take(5).map(around).collect()
}

#[track_caller]
pub(crate) fn assert_clean(text: &str, about: &str) {
    let found = found(text);
    assert!(found.is_empty(), "{about} shows canaries: {found:#?}");
}

#[test]
fn they_are_found_wherever_they_stand() {
    for clean in ["nothing here, 683 147", "2026-11-21T05:52:45.398760Z", "req_01a151423cb6", "0.683147"] {
        assert_eq!(found(clean), Vec::<String>::new());
    }
    assert_eq!(found("a 98760, b (51423) c=683147").len(), 3);
    for quote in quotes() {
        assert!(!found(&quote).is_empty(), "{quote}");
    }
}
