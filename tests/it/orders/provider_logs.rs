//! What a merchant sees of the calls made for an order: that they were made and how they ended, and nothing
//! of a person or a secret.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::provider::simulator::{Answer, FailureShape, Lookup, Rule};

use super::full;
use crate::support::{TestApp, orders::order};

const NAME: &str = "Canaryname Kapoor";
const MOBILE: &str = "9876512340";
const PHONE: &str = "02276543219";
const EMAIL: &str = "canary.mail@example.test";
const LINE_1: &str = "77 Canary Villa";
const LINE_2: &str = "Behind Canary Temple";
const PINCODE: &str = "682541";
const CITY: &str = "Canarypur";
const STATE: &str = "Canarystate";
/// base64 of `key:key`, the credentials of the test's account.
const TOKEN: &str = "a2V5OmtleQ";

fn canaries() -> Value {
    let mut body = full("A-1");
    let to = json!({ "name": NAME, "mobile": MOBILE, "phone": PHONE, "email": EMAIL, "address1": LINE_1,
        "address2": LINE_2,
                     "pincode": PINCODE, "city": CITY, "state": STATE });
    body["consignee"].as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
    body["items"][0]["description"] = json!(format!("for {NAME}, call {MOBILE}"));
    body
}

#[track_caller]
fn assert_clean(text: &str, about: &str) {
    for canary in [NAME, MOBILE, PHONE, EMAIL, "canary", "Canary", PINCODE, TOKEN, "access-token"] {
        assert!(!text.contains(canary), "{about} shows {canary}: {text}");
    }
}

#[tokio::test]
async fn nothing_of_a_person_or_a_secret_is_shown_however_the_call_ended() {
    let quoting = format!("Pincode {PINCODE} of {NAME} ({MOBILE}, {EMAIL}), {LINE_1}, is not serviceable");
    let refusals = [
        FailureShape::String,
        FailureShape::List,
        FailureShape::Object,
        FailureShape::Errors,
        FailureShape::Message,
    ];
    let mut worlds: Vec<_> = refusals.into_iter().map(|shape| (Rule::refuse(&quoting), shape)).collect();
    let answers = [
        Answer::Normal,
        Answer::LostAfterBooking,
        Answer::CutBody,
        Answer::Html502,
        Answer::TruncatedJson,
        Answer::InvalidUtf8,
        Answer::DuplicateKeys,
        Answer::OtherReference,
        Answer::Status { code: 401, retry_after: None },
        Answer::Status { code: 500, retry_after: None },
    ];
    worlds.extend(answers.into_iter().map(|answer| (Rule::create(answer), FailureShape::String)));
    for (rule, shape) in worlds {
        let about = format!("{rule:?} {shape:?}");
        let app = TestApp::start().await;
        app.leave_jobs();
        app.simulator.change_faults(|f| {
            f.failure_shape = shape;
            f.lookup = Lookup::Works;
        });
        app.simulator.script(rule);
        let merchant = app.merchant("u1");
        let id = merchant.create(&canaries()).await;
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(5));
        app.run_pending_jobs().await;
        let calls = app.simulator.ledger().len();
        let answer = merchant.get(&format!("/v1/orders/{id}/provider-logs")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, Some("application/json")),
            "{about}"
        );
        let logs = answer.json()["data"].as_array().unwrap().clone();
        assert_eq!(logs.len(), calls, "{about}: one for each call");
        assert_clean(&answer.text(), &about);
        for log in &logs {
            assert!(log["outcome"]["verdict"].is_string(), "{about}: {log}");
        }
        settle_calls(&app);
    }
}

/// What was called does not matter here.
fn settle_calls(app: &TestApp) {
    let mut seen = std::collections::BTreeMap::new();
    for entry in app.simulator.ledger() {
        *seen
            .entry(serde_json::to_value(entry.operation).unwrap().as_str().unwrap().to_owned())
            .or_insert(0) += 1;
    }
    let seen: Vec<_> = seen.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    app.assert_calls(&seen);
}

#[tokio::test]
async fn a_booking_is_shown_by_an_allow_list() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&canaries()).await;
    assert_eq!(merchant.provider_logs(&id).await, Vec::<Value>::new(), "nothing was sent yet");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let seen = merchant.order(&id).await;
    let logs = merchant.provider_logs(&id).await;
    let hidden = "[redacted]";
    let expected = json!({
        "client_order_id": seen["orderNumber"], "invoice_number": "INV-1", "express_type": "surface",
            "pick_address_id": "10001",
        "return_address_id": "10002", "cod_amount": "798.99", "order_amount": "749.00", "tax_amount": "0.50",
            "extra_charges": "49.49",
        "mps": "1", "courier_type": 0, "courier_code": "", "payment_mode": "Cod", "address_type": "Home",
        "shipment_width": ["10", "20"], "shipment_height": ["12.5", "11"], "shipment_length": ["15", "16"],
            "shipment_weight": ["0.5", "2.75"],
        "products": [{ "product_sku": "MUG-7", "product_name": "Blue mug", "product_value": "374.50",
            "product_quantity": "2",
                       "product_hsnsac": "69120010", "product_taxper": 12.5, "product_category": "Home",
                           "product_description": hidden }],
        "consignee_name": hidden, "consignee_mobile": hidden, "consignee_phone": hidden,
            "consignee_emailid": hidden,
        "consignee_pincode": hidden, "consignee_address1": hidden, "consignee_address2": hidden
    });
    assert_eq!(logs[0]["requestPayload"], expected);
    let outcome = &logs[0]["outcome"];
    assert_eq!(
        (&outcome["statusCode"], &outcome["success"], &outcome["verdict"]),
        (&json!(200), &json!(true), &json!("booked"))
    );
    assert_eq!((&outcome["errorCode"], &outcome["answeredLate"]), (&json!(null), &json!(false)));
    assert_eq!(outcome["responsePayload"]["data"]["awb_number"], seen["awb"]);
    let fields: Vec<_> = logs[0].as_object().unwrap().keys().map(String::as_str).collect();
    let all = [
        "attempt",
        "id",
        "neverSent",
        "operation",
        "outcome",
        "provider",
        "queuedAt",
        "requestPayload",
        "sentAt",
    ];
    assert_eq!(fields, all, "a field that was not thought about");
    assert_eq!((&logs[0]["provider"], &logs[0]["operation"]), (&json!("parcelx"), &json!("create_order")));
}

#[tokio::test]
async fn the_credentials_are_stored_nowhere() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    let mut found = false;
    for (place, bytes) in app.backend.stored().await {
        found |= contains(&bytes, "consignee_mobile");
        assert!(!contains(&bytes, TOKEN), "{place}");
    }
    assert!(found, "the request log lies in one of these places");
}

#[tokio::test]
async fn anothers_logs_are_not_there() {
    let app = TestApp::start().await;
    let (merchant, stranger) = (app.merchant("u1"), app.merchant("u2"));
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    stranger.get(&format!("/v1/orders/{id}/provider-logs")).await.problem(404, "not-found");
    assert_eq!(merchant.provider_logs(&id).await.len(), 1);
    // A log's own id is no order's.
    let log = merchant.provider_logs(&id).await[0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/orders/{log}"),
        format!("/v1/orders/{log}/provider-logs"),
        format!("/v1/orders/{id}/provider-logs/{log}"),
    ] {
        merchant.get(&path).await.problem(404, "not-found");
    }
}

/// An order may see hundreds of calls; the newest count, to whoever reads them and to whoever ends what a
/// vanished worker left.
#[tokio::test]
async fn of_many_calls_the_newest_are_listed_and_ended() {
    use waybill::provider::{carrier::Operation, parcelx::log::RequestLog};
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.leave_jobs();
    for n in 0..205 {
        app.advance(Duration::from_millis(1));
        let now = app.clock.now();
        let log =
            RequestLog::new(&format!("plog_{n:03}"), "track_order", &id, "ORD-X", json!({}), n, (now, now));
        app.app.logs.begin(&log).await.unwrap();
    }
    let listed: Vec<_> =
        merchant.provider_logs(&id).await.iter().map(|l| l["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((listed.len(), listed[0].as_str(), listed[199].as_str()), (200, "plog_005", "plog_204"));
    app.app.logs.close_unanswered(&id, Operation::TrackOrder).await.unwrap();
    let logs = merchant.provider_logs(&id).await;
    assert!(logs.iter().all(|l| l["outcome"]["errorCode"] == "no-answer-recorded"));
}
