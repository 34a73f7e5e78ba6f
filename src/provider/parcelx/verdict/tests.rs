use serde_json::{Value, json};

use super::*;
use crate::provider::parcelx::answer::Body;

fn asked() -> Asked<'static> {
    Asked::with("ORD-1", &Value::Null)
}

fn verdict(status: u16, body: Body, retry_after: Option<i64>) -> &'static str {
    let read = |a: &Answer| a.json().and_then(|b| b.get("awb")).map(drop).ok_or("no AWB");
    judge(&CallResult::Answer(Answer { status, retry_after, body }), asked(), read).as_str("booked")
}

fn json_verdict(status: u16, body: Value) -> &'static str {
    verdict(status, Body::Json(body), None)
}

#[test]
fn every_row_of_the_table() {
    let refusal = || json!({"status": false, "responsemsg": "Pincode not serviceable"});
    let broke = || json!({"status": false, "responsemsg": ["Insuffiecient Balance"]});
    let booked = || json!({"status": true, "awb": "1"});
    for status in [200, 400, 406, 422] {
        assert_eq!(json_verdict(status, refusal()), "refused", "{status}");
        assert_eq!(json_verdict(status, broke()), "wallet", "{status}");
    }
    for status in [200, 201] {
        assert_eq!(json_verdict(status, booked()), "booked", "{status}");
        assert_eq!(json_verdict(status, json!({"status": true})), "unknown", "no AWB, {status}");
    }
    for status in [403, 404, 415] {
        assert_eq!(json_verdict(status, refusal()), "refused", "{status}");
        assert_eq!(json_verdict(status, broke()), "wallet", "{status}");
    }
    let bare = || json!({"status": false, "error": "Not allowed"});
    for (status, body) in [(401, refusal()), (401, bare()), (403, bare()), (403, json!({}))] {
        assert_eq!(json_verdict(status, body), "credentials", "{status}");
    }
    for status in [301, 302, 307, 405] {
        assert_eq!(json_verdict(status, refusal()), "configuration", "{status}");
    }
    for status in [404, 415] {
        let unknown = json!({"status": false, "responsemsg": "Unknown method"});
        for body in [bare(), unknown, json!({"status": false, "responsemsg": " "}), json!({})] {
            assert_eq!(json_verdict(status, body.clone()), "configuration", "{status} {body}");
        }
    }
    for status in [425, 429] {
        assert_eq!(json_verdict(status, refusal()), "busy", "{status}");
    }
    for status in [301, 400, 401, 403, 404, 405, 415, 422, 425, 429] {
        assert_eq!(json_verdict(status, booked()), "unknown", "a success with {status}");
    }
    for status in [408, 409, 500, 502, 503, 504, 100, 418] {
        assert_eq!(json_verdict(status, refusal()), "unknown", "{status}");
        assert_eq!(json_verdict(status, booked()), "unknown", "{status}");
    }
    for body in [
        json!({"status": "true", "awb": "1"}),
        json!({"awb": "1"}),
        json!([]),
        json!(null),
        json!({"status": 1}),
    ] {
        assert_eq!(json_verdict(200, body.clone()), "unknown", "{body}");
    }
    assert_eq!(verdict(200, Body::Text("<html>".into()), None), "unknown");
    assert_eq!(verdict(502, Body::Text(String::new()), None), "unknown");
}

#[test]
fn the_words_of_a_refusal_say_what_it_is_about() {
    for (verdict, words) in [
        (
            "wallet",
            vec![
                "Please recharge your wallet to ship this order",
                "Low wallet amount, kindly top up",
                "Credit limit exhausted",
                "You do not have enough credits",
                "Insuffiecient Balance",
            ],
        ),
        ("account", vec!["Your account is inactive", "KYC verification is pending"]),
        ("credentials", vec!["Invalid token", "Invalid access token", "Authentication failed"]),
        (
            "declined",
            vec![
                "Something went wrong, try again later",
                "Server is busy",
                "Rate limit exceeded",
                "Courier API is down",
                "Unable to connect to courier server",
                "Internal server error",
            ],
        ),
        ("unknown", vec!["Request timeout from courier partner", "Request timed out, please try again"]),
        (
            "refused",
            vec!["Pincode not serviceable", "Pick address not found", "This pick address is not yours"],
        ),
    ] {
        for words in words {
            for status in [200, 400, 403, 404, 406, 415, 422] {
                let body = json!({"status": false, "responsemsg": words});
                assert_eq!(json_verdict(status, body), verdict, "{status} {words}");
            }
        }
    }
}

#[test]
fn a_refusal_of_what_is_known_already_may_be_a_booking() {
    let said = |words: &str| json_verdict(200, json!({"status": false, "responsemsg": words}));
    assert_eq!(said("Order reference is taken"), "unknown");
    assert_eq!(said("E11000 dup key"), "unknown");
    assert_eq!(said("COD limit already exceeded for this consignee"), "refused");
    // Who is still making its AWB has taken the order.
    assert_eq!(said("AWB is being generated"), "unknown");
    assert_eq!(said("Label is being generated, try again later"), "unknown");
    assert_eq!(said("AWB not generated yet"), "unknown");
    assert_eq!(said("AWB not generated"), "refused");
    // Of the goods of an order, and of the order.
    let asked = json!({"products": [{"product_name": "Client diary"}]});
    for (words, word) in
        [("Client diary already banned", "refused"), ("Client diary: order already booked", "unknown")]
    {
        let body = Body::Json(json!({"status": false, "responsemsg": words}));
        let wire = CallResult::Answer(Answer { status: 200, retry_after: None, body });
        let judged = judge(&wire, Asked::with("ORD-1", &asked), |_| Ok::<(), _>(()));
        assert_eq!(judged.as_str("booked"), word, "{words}");
    }
}

#[test]
fn the_words_of_an_answer_that_settles_nothing_are_kept() {
    let reason = |status, body: Value| {
        let wire = CallResult::Answer(Answer { status, retry_after: None, body: Body::Json(body) });
        let judged = judge(&wire, asked(), |_| Err::<(), _>("no AWB"));
        assert_eq!(judged.as_str("booked"), "unknown", "{status}");
        judged.reason().unwrap()
    };
    for status in [201, 402, 409, 410, 413] {
        let told = reason(status, json!({"status": false, "responsemsg": "Seller off"}));
        assert_eq!(told, format!("unknown: HTTP {status}: Seller off"));
    }
    for no in [json!("false"), json!(0)] {
        let told = reason(200, json!({"status": no, "responsemsg": ["Seller", "off"]}));
        assert_eq!(told, "unknown: HTTP 200: Seller; off");
    }
    assert_eq!(reason(409, json!({})), "unknown: HTTP 409 without a readable answer");
    let broken = json!({"status": false, "message": "Endpoint request failed"});
    assert_eq!(reason(502, broken), "unknown: HTTP 502 without a readable answer");
}

#[test]
fn a_call_about_a_shipment_that_fails_for_a_moment_is_not_refused() {
    for (words, word) in [
        ("Request timeout from courier partner", "unknown"),
        ("Internal server error", "unknown"),
        ("Internal error, try again later", "unknown"),
        ("Something went wrong, try again later", "declined"),
        ("Courier API is down", "declined"),
        ("Invalid token", "declined"),
        ("Your account is inactive", "declined"),
        ("Order already picked", "refused"),
        ("Balance already settled", "refused"),
        ("AWB not found", "refused"),
    ] {
        for status in [200, 400, 404, 406, 415, 422] {
            let body = Body::Json(json!({"status": false, "responsemsg": words}));
            let wire = CallResult::Answer(Answer { status, retry_after: None, body });
            let judged = judge_of_shipment(&wire, asked(), |_| Ok::<(), _>(()));
            assert_eq!(judged.as_str("accepted"), word, "{status} {words}");
        }
    }
}

#[test]
fn failures_before_sending_are_safe_and_all_others_are_not() {
    let of = |class| {
        judge(&CallResult::Failure { class, detail: String::new() }, asked(), |_| Err::<(), _>(""))
            .as_str("booked")
    };
    assert_eq!(of(Failure::NotConnected), "not-sent");
    assert_eq!(of(Failure::TooLateToSend), "not-sent");
    for class in [Failure::TimedOut, Failure::Broken, Failure::TooLarge, Failure::NoAnswerRecorded] {
        assert_eq!(of(class), "unknown", "{class:?}");
    }
}

#[test]
fn retry_after_is_bounded() {
    assert_eq!(believable(30), Some(Duration::from_secs(30)));
    assert_eq!(believable(86_400), Some(LONGEST_BUSY));
    assert_eq!(believable(0), None);
    assert_eq!(believable(-5), None);
}
