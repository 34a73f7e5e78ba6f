//! One order for each `clientOrderId` of a merchant, however often, however written and by however many at
//! once it is sent.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{faults, full, listed, orders_of, post_text};
use crate::support::{
    Answer, TestApp,
    orders::{order, with},
};

#[track_caller]
fn check_replayed(answer: &Answer, id: &str, about: &str) -> Value {
    assert_eq!(answer.status, 200, "{about}: {}", answer.text());
    assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{about}");
    let body = answer.json();
    assert_eq!(body["message"], "Duplicate request detected. Returning existing order");
    assert_eq!((&body["success"], &body["idempotentReplay"]), (&json!(true), &json!(true)));
    assert_eq!(body["data"]["id"], id, "{about}");
    body["data"].clone()
}

#[tokio::test]
async fn a_replay_gives_the_order_as_it_stands_now() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let number = merchant.order(&id).await["orderNumber"].clone();
    let queued = check_replayed(&merchant.post("/orders/create", &order("A-1")).await, &id, "queued");
    let expected = json!({ "id": id, "orderNumber": number, "clientOrderId": "A-1", "status": "pending",
        "providerSyncStatus": "queued",
                           "parcelxRequestRefId": null, "parcelxResponseRefId": null });
    assert_eq!(queued, expected);
    assert_eq!(app.counts().await.waiting, 1, "a replay adds no job");

    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let seen = merchant.order(&id).await;
    let booked = check_replayed(&merchant.post("/orders/create", &order("A-1")).await, &id, "booked");
    let expected = json!({ "id": id, "orderNumber": number, "clientOrderId": "A-1", "status": "booked",
        "providerSyncStatus": "success",
                           "parcelxRequestRefId": seen["parcelxRequestRefId"],
                               "parcelxResponseRefId": seen["parcelxResponseRefId"] });
    assert_eq!(booked, expected);
    assert!(booked["parcelxRequestRefId"].is_string());
    assert_eq!(app.run_pending_jobs().await, 0);
    assert_eq!(merchant.order(&id).await, seen, "a replay changes nothing");
}

/// `full("A-1")`, as other clients might write it.
fn written_differently() -> Vec<(&'static str, String)> {
    let set = |pointer: &str, value: Value| with(full("A-1"), pointer, value).to_string();
    let pretty = serde_json::to_string_pretty(&full("A-1")).unwrap();
    let reversed = {
        let body = full("A-1");
        let members = body.as_object().unwrap().iter().rev().map(|(k, v)| format!("{}:{v}", json!(k)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    assert_ne!(reversed, full("A-1").to_string());
    vec![
        ("the same", full("A-1").to_string()),
        ("with blanks and line breaks", format!("\r\n\t {pretty} \n")),
        ("keys in another order", reversed),
        ("escaped", full("A-1").to_string().replace("Asha", "\\u0041sha").replace("A-1", "A\\u002d1")),
        ("blanks around the id", set("/clientOrderId", json!("  A-1\t"))),
        ("blanks around the name", set("/consignee/name", json!(" Asha Example\u{a0}"))),
        ("cod", set("/paymentMethod", json!("cod"))),
        ("Surface", set("/expressType", json!("Surface"))),
        ("home", set("/consignee/addressType", json!("home"))),
        ("an amount as text", set("/charges/orderAmount", json!("749.00"))),
        (
            "an amount with a decimal",
            full("A-1").to_string().replace("\"orderAmount\":749", "\"orderAmount\":749.00"),
        ),
        (
            "an amount with an exponent",
            full("A-1").to_string().replace("\"orderAmount\":749", "\"orderAmount\":7.49e2"),
        ),
        ("a text amount as number", set("/charges/codAmount", json!(798.99))),
        ("one decimal", set("/charges/taxAmount", json!("0.5"))),
        ("a weight with zeros", full("A-1").to_string().replace("2.75", "2.7500")),
        ("a price as text", set("/items/0/unitPrice", json!("374.50"))),
    ]
}

#[tokio::test]
async fn the_same_order_written_differently_is_the_same_order() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&full("A-1")).await;
    for (about, text) in written_differently() {
        check_replayed(&post_text(&merchant, "/orders/create", text).await, &id, about);
    }
    assert_eq!((orders_of(&merchant).await, app.counts().await.waiting), (1, 1));
}

#[tokio::test]
async fn defaults_may_be_spelt_out_left_out_blank_or_null() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let mut prepaid = with(order("A-1"), "/paymentMethod", json!("PREPAID"));
    prepaid["charges"] = json!({ "orderAmount": 749 });
    let id = merchant.create(&prepaid).await;
    for (pointer, values) in [
        ("/returnAddressId", vec![json!(null), json!(""), json!("  ")]),
        ("/consignee/country", vec![json!("India"), json!(" India "), json!(null), json!("")]),
        ("/consignee/addressType", vec![json!("OTHER"), json!("other"), json!(null)]),
        ("/consignee/email", vec![json!(null)]),
        ("/consignee/phone", vec![json!(null), json!("")]),
        ("/consignee/address2", vec![json!(null), json!(" \n ")]),
        ("/items/0/category", vec![json!(null), json!("")]),
        ("/items/0/description", vec![json!(null), json!("")]),
        ("/items/0/hsn", vec![json!(null), json!("")]),
        ("/items/0/taxPercent", vec![json!(null), json!(0), json!(0.0)]),
        ("/charges/codAmount", vec![json!(null), json!(0), json!("0"), json!("0.00")]),
        ("/charges/taxAmount", vec![json!(null), json!(0), json!("0.0")]),
        ("/charges/extraCharges", vec![json!(null), json!(0)]),
        ("/shipment/mps", vec![json!(null), json!(0)]),
    ] {
        for value in values {
            let about = format!("{pointer} {value}");
            check_replayed(
                &merchant.post("/orders/create", &with(prepaid.clone(), pointer, value)).await,
                &id,
                &about,
            );
        }
    }
    let seen = merchant.order(&id).await;
    assert_eq!(
        (&seen["consignee"]["country"], &seen["consignee"]["addressType"]),
        (&json!("India"), &json!("OTHER"))
    );
    assert_eq!((&seen["consignee"]["phone"], &seen["returnAddressId"]), (&json!(null), &json!(null)));
    assert_eq!(seen["charges"]["codAmount"], "0.00");
}

/// `full("A-1")` with one thing changed that matters.
fn other_orders() -> Vec<(String, Value)> {
    let mut others = Vec::new();
    for (pointer, value) in [
        ("/invoiceNumber", json!("INV-2")),
        ("/invoiceNumber", json!("inv-1")),
        ("/expressType", json!("air")),
        ("/pickAddressId", json!("10003")),
        ("/returnAddressId", json!("10003")),
        ("/returnAddressId", json!(null)),
        ("/consignee/name", json!("Asha  Example")),
        ("/consignee/email", json!("asha2@example.test")),
        ("/consignee/email", json!(null)),
        ("/consignee/mobile", json!("9000000002")),
        ("/consignee/phone", json!("08023456780")),
        ("/consignee/phone", json!("")),
        ("/consignee/pincode", json!("560002")),
        ("/consignee/address1", json!("13 Sample Street")),
        ("/consignee/address2", json!("Near Demo Lake")),
        ("/consignee/address2", json!(null)),
        ("/consignee/city", json!("Mysuru")),
        ("/consignee/state", json!("Kerala")),
        ("/consignee/country", json!("India")),
        ("/consignee/addressType", json!("OFFICE")),
        ("/consignee/addressType", json!(null)),
        ("/items/0/sku", json!("MUG-8")),
        ("/items/0/name", json!("Red mug")),
        ("/items/0/category", json!("Kitchen")),
        ("/items/0/description", json!("Blue, with a dot")),
        ("/items/0/hsn", json!("69120011")),
        ("/items/0/quantity", json!(3)),
        ("/items/0/unitPrice", json!(374.51)),
        ("/items/0/taxPercent", json!(12)),
        ("/items/0/taxPercent", json!(null)),
        ("/charges/orderAmount", json!(749.01)),
        ("/charges/codAmount", json!(798.98)),
        ("/charges/taxAmount", json!(null)),
        ("/charges/extraCharges", json!(49.5)),
        ("/shipment/width", json!([20, 10])),
        ("/shipment/height", json!([12.51, 11])),
        ("/shipment/length", json!([15, 17])),
        ("/shipment/weight", json!([0.501, 2.75])),
        ("/shipment/mps", json!(2)),
        ("/shipment/mps", json!(null)),
    ] {
        others.push((format!("{pointer} {value}"), with(full("A-1"), pointer, value)));
    }
    let mut prepaid = with(full("A-1"), "/paymentMethod", json!("PREPAID"));
    prepaid["charges"]["codAmount"] = json!(0);
    others.push(("paymentMethod".to_owned(), prepaid));
    let mut twice = full("A-1");
    twice["items"] = json!([twice["items"][0], twice["items"][0]]);
    others.push(("a second item".to_owned(), twice));
    let mut turned = full("A-1");
    turned["shipment"]["width"] = full("A-1")["shipment"]["length"].clone();
    turned["shipment"]["length"] = full("A-1")["shipment"]["width"].clone();
    others.push(("width and length exchanged".to_owned(), turned));
    let mut moved = full("A-1");
    moved["consignee"]["phone"] = json!(null);
    moved["items"][0]["hsn"] = json!("08023456789");
    others.push(("a text in another field".to_owned(), moved));
    others
}

#[tokio::test]
async fn any_other_content_is_a_mismatch_and_changes_nothing() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&full("A-1")).await;
    let before = merchant.order(&id).await;
    for (about, body) in other_orders() {
        let answer = merchant.post("/orders/create", &body).await;
        assert_eq!(answer.status, 422, "{about}: {}", answer.text());
        let problem = answer.problem(422, "idempotency-payload-mismatch");
        assert_eq!(problem["errors"][0]["pointer"], "/clientOrderId", "{about}");
        assert!(problem["detail"].as_str().unwrap().contains(&id), "{problem}");
        assert_eq!(problem["retryable"], false);
        assert_eq!(answer.header("idempotent-replayed"), None);
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(merchant.order(&id).await, before);
    assert_eq!((orders_of(&merchant).await, app.counts().await.waiting), (1, 1));
    check_replayed(&merchant.post("/orders/create", &full("A-1")).await, &id, "the first content");
}

#[tokio::test]
async fn blank_ids_are_refused_and_letter_case_tells_ids_apart() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for blank in ["", " ", "\t \u{a0}"] {
        assert_eq!(
            faults(&merchant, &order(blank)).await,
            listed(&[("/clientOrderId", "blank")]),
            "{blank:?}"
        );
    }
    let ids: std::collections::BTreeSet<_> =
        [merchant.create(&order("a-1")).await, merchant.create(&order("A-1")).await].into();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn two_merchants_may_use_the_same_id() {
    let app = TestApp::start().await;
    let (one, other) = (app.merchant("u1"), app.merchant("u2"));
    let first = one.create(&order("A-1")).await;
    let second = other.create(&with(order("A-1"), "/consignee/name", json!("Somebody Else"))).await;
    assert_ne!(first, second);
    check_replayed(&one.post("/orders/create", &order("A-1")).await, &first, "the first merchant's");
    other.post("/orders/create", &order("A-1")).await.problem(422, "idempotency-payload-mismatch");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let references: std::collections::BTreeSet<_> =
        app.simulator.shipments().into_iter().map(|s| s.reference).collect();
    assert_eq!(references.len(), 2, "the provider sees two references");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_twins_make_one_order_one_job_and_one_booking() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let twins = (0..100).map(|i| {
        let merchant = merchant.clone();
        let path = if i % 2 == 0 { "/orders/create" } else { "/v1/orders" };
        tokio::spawn(async move { merchant.post(path, &order("A-1")).await })
    });
    let answers: Vec<_> = join_all(twins).await.into_iter().map(Result::unwrap).collect();
    let mut statuses = BTreeMap::new();
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|a| a.json()["data"]["id"].as_str().unwrap_or("none").to_owned()).collect();
    answers.iter().for_each(|a| *statuses.entry(a.status.as_u16()).or_insert(0) += 1);
    assert_eq!(statuses, [(200, 99), (201, 1)].into());
    assert_eq!((ids.len(), orders_of(&merchant).await), (1, 1));
    assert_eq!(app.counts().await.waiting, 1);
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);
    assert_eq!(app.simulator.shipments().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_contents_sent_at_once_one_wins_and_the_other_is_told() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let all = (0..40).map(|i| {
        let merchant = merchant.clone();
        let invoice = if i % 2 == 0 { "INV-1" } else { "INV-2" };
        tokio::spawn(async move {
            (
                invoice,
                merchant.post("/orders/create", &with(order("A-1"), "/invoiceNumber", json!(invoice))).await,
            )
        })
    });
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    let (winner, created) = answers.iter().find(|(_, a)| a.status == 201).unwrap();
    let id = created.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(merchant.order(&id).await["invoiceNumber"], *winner);
    let count = |invoice: &str, status: u16| {
        answers.iter().filter(|(i, a)| *i == invoice && a.status.as_u16() == status).count()
    };
    let loser = if *winner == "INV-1" { "INV-2" } else { "INV-1" };
    assert_eq!((count(winner, 201), count(winner, 200), count(loser, 422)), (1, 19, 20));
    assert_eq!((orders_of(&merchant).await, app.counts().await.waiting), (1, 1));
}
