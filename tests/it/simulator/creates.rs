//! `create_order`: the answer as captured, what is refused and in which shape, the wallet, repeats.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waybill::provider::simulator::{Duplicate, FailureShape, FailureStatus, Rule, What};

use super::{Double, order, order_with, said, words};

#[tokio::test]
async fn a_booking_answers_with_the_captured_keys_in_their_order() {
    let double = Double::friendly().await;
    let text = double.create_call("ORD-1").send().await.unwrap().text().await.unwrap();
    let keys = [
        "awb_number",
        "order_number",
        "job_id",
        "lrnum",
        "waybills_num_json",
        "lable_data",
        "routing_code",
        "payment_mode",
        "client_order_id",
        "partner_display_name",
        "courier_code",
        "pickup_id",
        "courier_name",
    ];
    let places: Vec<_> = keys
        .iter()
        .map(|k| text.find(&format!("\"{k}\":")).unwrap_or_else(|| panic!("{k} is not in {text}")))
        .collect();
    assert!(places.is_sorted(), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&answer["status"], &answer["responsemsg"]),
        (&json!(true), &json!("Order Placed Successfully."))
    );
    let data = &answer["data"];
    assert_eq!(data.as_object().unwrap().len(), 13);
    assert_eq!(
        (&data["job_id"], &data["waybills_num_json"], &data["lable_data"], &data["lrnum"]),
        (&json!(null), &json!(null), &json!(null), &json!(""))
    );
    assert_eq!((&data["payment_mode"], &data["client_order_id"]), (&json!("COD"), &json!("ORD-1")));
    let awb = data["awb_number"].as_str().unwrap();
    assert!(awb.len() == 14 && awb.bytes().all(|b| b.is_ascii_digit()), "{awb}");
}

#[tokio::test]
async fn couriers_and_payment_follow_the_request() {
    let double = Double::friendly().await;
    for (changes, digits, courier, payment) in [
        (json!({ "courier_code": "PXBDE01" }), 11, "Blue Dart", "COD"),
        (json!({ "courier_type": 0, "courier_code": "" }), 14, "Delhivery", "COD"),
        (
            json!({ "courier_type": "0", "payment_mode": "Prepaid", "cod_amount": "0" }),
            14,
            "Delhivery",
            "PPD",
        ),
        // Not refused: an amount to collect makes it cash on delivery.
        (json!({ "payment_mode": "Prepaid", "cod_amount": "10" }), 14, "Delhivery", "COD"),
        // Numbers where others send text.
        (
            json!({
                "cod_amount": 749, "pick_address_id": 10003, "shipment_weight": [0.5],
                "consignee_pincode": 560_001
            }),
            14,
            "Delhivery",
            "COD",
        ),
    ] {
        let (_, answer) = double.send(&order_with("ORD-1", changes)).await;
        let data = &answer["data"];
        assert_eq!(data["awb_number"].as_str().map(str::len), Some(digits), "{answer}");
        assert_eq!((&data["courier_name"], &data["payment_mode"]), (&json!(courier), &json!(payment)));
        double.faults(|f| f.duplicate = Duplicate::NewAwb);
    }
}

#[tokio::test]
async fn what_the_real_one_would_refuse_is_refused_and_books_nothing() {
    let double = Double::unpleasant().await;
    for (changes, says) in [
        (json!({ "client_order_id": " " }), "client_order_id"),
        (json!({ "consignee_name": null }), "consignee_name"),
        (json!({ "consignee_mobile": "+919000000001" }), "consignee_mobile"),
        (json!({ "consignee_mobile": "९०००००००0१" }), "consignee_mobile"),
        (json!({ "consignee_pincode": "56001" }), "consignee_pincode"),
        (json!({ "payment_mode": "COD" }), "payment_mode"),
        (json!({ "express_type": "Surface" }), "express_type"),
        (json!({ "cod_amount": "-1" }), "cod_amount"),
        (json!({ "cod_amount": "1,000" }), "cod_amount"),
        (json!({ "pick_address_id": "99999" }), "99999"),
        (json!({ "return_address_id": "7" }), "return_address_id"),
        (json!({ "courier_type": 2 }), "courier_type"),
        (json!({ "courier_code": "" }), "courier_code"),
        (json!({ "courier_code": "NOBODY" }), "NOBODY"),
        (json!({ "products": [] }), "products"),
        (
            json!({ "products": [{ "product_name": "x", "product_value": "1", "product_quantity": "0" }] }),
            "product_sku of product 1",
        ),
        (json!({ "shipment_weight": "0.5" }), "shipment_weight"),
        (json!({ "shipment_weight": ["0"] }), "shipment_weight"),
        (json!({ "shipment_weight": ["500"] }), "shipment_weight"),
        (json!({ "shipment_length": [true] }), "shipment_length"),
        (json!({ "shipment_length": ["15", "20"] }), "one entry per box"),
    ] {
        let (status, answer) = double.send(&order_with("ORD-1", changes.clone())).await;
        assert_eq!(status, 200);
        assert!(words(&answer).contains(says), "{changes}: {answer}");
        assert_eq!(double.last_entry(|_| true).await.what, What::Refused);
    }
    assert!(double.simulator.shipments().is_empty());
}

#[tokio::test]
async fn a_body_that_is_not_sent_as_json_is_read_as_empty() {
    let double = Double::friendly().await;
    let call = double.get("/").build().unwrap();
    let url = call.url().join("/api/v3/order/create_order").unwrap();
    let call = double.client.post(url).header("access-token", "x").body(order("ORD-1").to_string());
    let (_, answer) = said(call).await;
    assert!(words(&answer).contains("client_order_id is required"), "{answer}");
}

#[tokio::test]
async fn refusals_come_in_every_shape_and_code() {
    let double = Double::friendly().await;
    let bad = order_with("ORD-1", json!({ "consignee_mobile": "1" }));
    for (shape, pointer) in [
        (FailureShape::String, "/responsemsg"),
        (FailureShape::List, "/responsemsg/0"),
        (FailureShape::Object, "/responsemsg/response"),
        (FailureShape::Errors, "/errors/0"),
        (FailureShape::Message, "/message"),
    ] {
        for code in [200, 400, 406, 422] {
            double.faults(|f| {
                (f.failure_shape, f.failure_status) = (shape, FailureStatus::try_from(code).unwrap());
            });
            let (status, answer) = double.send(&bad).await;
            assert_eq!(status, code);
            assert_eq!(answer["status"], false);
            assert!(answer.pointer(pointer).is_some_and(Value::is_string), "{shape:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn random_shapes_mix_and_repeat_with_their_seed() {
    let double = Double::unpleasant().await;
    let mut runs = Vec::new();
    for seed in [7, 8, 7] {
        double.faults(|f| f.seed = seed);
        let mut shapes = Vec::new();
        for _ in 0..12 {
            let (_, answer) = double.send(&json!({})).await;
            shapes.push(match &answer["responsemsg"] {
                Value::String(_) => 's',
                Value::Array(_) => 'l',
                _ => 'o',
            });
        }
        runs.push(shapes);
    }
    assert_eq!(runs[0], runs[2]);
    assert_ne!(runs[0], runs[1]);
    assert_eq!(runs[0].iter().collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test]
async fn the_wallet_pays_by_weight_until_it_is_empty() {
    let double = Double::friendly().await;
    let full = double.simulator.faults().wallet_paise;
    double.booked("ORD-1").await;
    double.send(&order_with("ORD-2", json!({ "shipment_weight": ["2.5"] }))).await;
    let [light, heavy] = [0, 1].map(|at| double.simulator.ledger()[at].charged_paise);
    assert!(light > 0 && heavy > light, "{light} {heavy}");
    assert_eq!(double.simulator.faults().wallet_paise, full - light - heavy);

    double.faults(|f| f.wallet_paise = light - 1);
    let answer = double.create("ORD-3").await;
    assert_eq!(answer, json!({ "status": false, "responsemsg": "Insuffiecient Balance" }));
    assert_eq!(double.simulator.faults().wallet_paise, light - 1);
    double.faults(|f| f.wallet_paise = light);
    double.booked("ORD-3").await;
    assert_eq!(double.simulator.faults().wallet_paise, 0);
}

#[tokio::test]
async fn a_repeated_reference_does_what_the_switch_says() {
    let double = Double::friendly().await;
    let first = double.booked("ORD-1").await;
    let wallet = || double.simulator.faults().wallet_paise;
    let live = || double.simulator.shipments().iter().filter(|s| s.live && s.reference == "ORD-1").count();

    let before = wallet();
    double.faults(|f| f.duplicate = Duplicate::SameAwb);
    assert_eq!(double.booked("ORD-1").await, first);
    double.faults(|f| f.duplicate = Duplicate::Refuse);
    assert!(words(&double.create("ORD-1").await).contains("already"));
    assert_eq!((wallet(), live()), (before, 1));

    double.faults(|f| f.duplicate = Duplicate::AnswerSameAwbButCharge);
    assert_eq!(double.booked("ORD-1").await, first);
    assert_eq!(double.last_entry(|_| true).await.what, What::Repeated);
    assert!(wallet() < before);
    assert_eq!(live(), 1);

    double.faults(|f| f.duplicate = Duplicate::NewAwb);
    assert_ne!(double.booked("ORD-1").await, first);
    assert_eq!(live(), 2);
}

#[tokio::test]
async fn standing_and_scripted_refusals() {
    let double = Double::friendly().await;
    double.faults(|f| (f.refuse, f.refuse_every) = (Some("Pincode not serviceable".to_owned()), 3));
    let mut refused = Vec::new();
    for number in 1..=6 {
        refused.push(double.create(&format!("ORD-{number}")).await["status"] == false);
    }
    assert_eq!(refused, [false, false, true, false, false, true]);

    double.faults(|f| f.refuse = None);
    double.simulator.script(Rule::refuse("Not today").about("ORD-8"));
    double.booked("ORD-7").await;
    assert!(words(&double.create("ORD-8").await).contains("Not today"));
    double.booked("ORD-8").await;

    double.faults(|f| f.unserviceable = vec!["79".to_owned()]);
    let (_, answer) = double.send(&order_with("ORD-9", json!({ "consignee_pincode": "791001" }))).await;
    assert!(words(&answer).contains("791001"));
    double.faults(|f| f.no_priority_list = true);
    let (_, answer) =
        double.send(&order_with("ORD-9", json!({ "courier_type": 0, "courier_code": "" }))).await;
    assert!(words(&answer).contains("priority"));
}

#[tokio::test]
async fn creates_at_once_get_an_awb_each() {
    let double = Double::unpleasant().await;
    let calls: Vec<_> =
        (0..64).map(|n| tokio::spawn(double.create_call(&format!("ORD-{}", n % 16)).send())).collect();
    let mut awbs = BTreeSet::new();
    for call in calls {
        let answer: Value = call.await.unwrap().unwrap().json().await.unwrap();
        awbs.insert(answer["data"]["awb_number"].as_str().unwrap().to_owned());
    }
    assert_eq!(awbs.len(), 64);
    assert_eq!(double.simulator.shipments().len(), 64);
    let numbers: Vec<_> = double.simulator.ledger().iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=64).collect::<Vec<_>>());
}
