//! What clients send that people never see: numbers as their language writes them, marks that tools add.

use serde_json::{Value, json};

use super::{faults, faults_of, listed, orders_of, post_text};
use crate::support::{
    TestApp,
    orders::{order, with},
};

#[tokio::test]
async fn a_number_without_a_fraction_is_whole_and_the_error_names_our_bounds() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let written = |quantity: &str, mps: &str| {
        let text = with(with(order("W-1"), "/items/0/quantity", json!("Q")), "/shipment/mps", json!("M"));
        text.to_string().replace("\"Q\"", quantity).replace("\"M\"", mps)
    };
    let first = post_text(&merchant, "/orders/create", written("2", "1")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    for (quantity, mps) in [("2.0", "1.0"), ("2e0", "1"), ("2.000", "1.0e0")] {
        let again = post_text(&merchant, "/orders/create", written(quantity, mps)).await;
        assert_eq!(again.status, 200, "the same order, however it is written: {}", again.text());
    }
    for (pointer, value, says) in [
        ("/items/0/quantity", json!(1.5), "must be a whole number from 1 to 100000"),
        ("/items/0/quantity", json!("2"), "must be a whole number from 1 to 100000"),
        ("/items/0/quantity", json!(-1), "must be from 1 to 100000"),
        ("/items/0/quantity", json!(0.0), "must be from 1 to 100000"),
        ("/items/0/quantity", json!(1e300), "must be from 1 to 100000"),
        ("/shipment/mps", json!(0.5), "must be a whole number from 0 to 100"),
        ("/shipment/mps", json!(100.5), "must be a whole number from 0 to 100"),
        ("/shipment/mps", json!(101.0), "must be from 0 to 100"),
    ] {
        let answer = merchant.post("/orders/create", &with(order("W-2"), pointer, value.clone())).await;
        let problem = answer.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["detail"], says, "{pointer} {value}");
    }
    let limit = merchant.get("/v1/orders?limit=abc").await.problem(400, "invalid-query");
    assert_eq!(limit["errors"][0]["detail"], "must be a whole number from 1 to 100");
    assert_eq!(merchant.get("/v1/orders?limit=1.0").await.status, 200);
}

#[tokio::test]
async fn the_shops_own_prices_are_taken_and_what_is_collected_is_not_guessed() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for (pointer, given, reads) in [
        ("/items/0/unitPrice", 51.51 / 3.0, "17.17"),
        ("/items/0/unitPrice", 20.0 / 3.0, "6.67"),
        ("/items/0/unitPrice", 374.555, "374.56"),
        ("/charges/taxAmount", 0.1 + 0.2, "0.30"),
        ("/charges/extraCharges", 0.3 - 0.1 - 0.2, "0.00"),
        ("/charges/orderAmount", 3.0 * 249.99, "749.97"),
        ("/charges/codAmount", 51.51 / 3.0, "17.17"),
    ] {
        let mut body = with(order("x"), pointer, json!(given));
        body.as_object_mut().unwrap().remove("clientOrderId");
        let seen = merchant.order(&merchant.create(&body).await).await;
        assert_eq!(seen.pointer(pointer), Some(&json!(reads)), "{pointer} {given}");
    }
    for pointer in ["/charges/orderAmount", "/charges/codAmount"] {
        let answer = merchant.post("/orders/create", &with(order("x"), pointer, json!(20.0 / 3.0))).await;
        let problem = answer.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["detail"], "must have at most two decimals: round to paise");
    }
    // What is parsed alike is one request.
    let of = |price: Value| with(order("P-1"), "/items/0/unitPrice", price);
    merchant.create(&of(json!(17.17))).await;
    for same in [json!(51.51 / 3.0), json!("17.17"), json!("17.169999999999998"), json!(17.1701)] {
        assert_eq!(merchant.post("/orders/create", &of(same.clone())).await.status, 200, "{same}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped_on_both_sides() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let marked = |text: &str| format!("\u{feff}{text}");
    let body = order("B-1").to_string();
    let first = post_text(&merchant, "/orders/create", marked(&body)).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(post_text(&merchant, "/orders/create", body.clone()).await.status, 200);
    post_text(&merchant, "/orders/create", marked(&marked(&body))).await.problem(400, "malformed-body");
    let empty = post_text(&merchant, "/orders/create", marked("")).await.problem(400, "malformed-body");
    assert_eq!(empty["detail"], "The body is empty; it must be a JSON document.");

    app.leave_jobs();
}

/// A refusal in a file that was saved with a mark is a refusal, and no riddle.
#[tokio::test]
async fn an_answer_behind_a_byte_order_mark_is_read() {
    let answer = "\u{feff}{\"status\":false,\"responsemsg\":\"Pincode is not serviceable\"}";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let provider = axum::Router::new().fallback(async move || answer);
    tokio::spawn(waybill::platform::http::serve::serve(
        listener,
        provider,
        tokio_util::sync::CancellationToken::new(),
        std::time::Duration::ZERO,
    ));
    let app = TestApp::builder().provider(&url).start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("B-2")).await;
    app.run_pending_jobs().await;
    let seen = merchant.order(&id).await;
    assert_eq!(
        (&seen["providerSyncStatus"], &seen["syncReason"]),
        (&json!("failed"), &json!("Pincode is not serviceable"))
    );
}

#[tokio::test]
async fn what_cannot_be_seen_makes_no_second_order_and_no_empty_name() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    merchant.create(&order("INV-DUP")).await;
    for id in ["INV-DUP\u{200b}", "\u{feff}INV-DUP", "INV-DUP\u{200e}", "INV\u{200d}-DUP", "INV-DUP\u{fe0f}"]
    {
        assert_eq!(faults(&merchant, &order(id)).await, listed(&[("/clientOrderId", "invisible")]), "{id:?}");
    }
    assert_eq!(merchant.post("/orders/create", &order("\u{a0}INV-DUP ")).await.status, 200);
    assert_eq!(orders_of(&merchant).await, 1);
    for (pointer, text) in [
        ("/invoiceNumber", "INV\u{2800}1"),
        ("/items/0/sku", "MUG\u{3164}"),
        ("/pickAddressId", "10001\u{200c}"),
        ("/consignee/name", "\u{200b}\u{200b}"),
        ("/consignee/name", "\u{200d}\u{200c}"),
        ("/consignee/name", "Asha\u{202e}elpmaxE"),
        ("/consignee/address1", "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}"),
        ("/consignee/city", "Benga\u{ad}luru"),
        ("/consignee/mobile", "\u{202a}9000000001\u{202c}"),
        ("/consignee/pincode", "560001\u{200b}"),
        ("/consignee/email", "asha\u{200b}@example.test"),
    ] {
        let answer = merchant.post("/orders/create", &with(order("V-1"), pointer, json!(text))).await;
        assert_eq!(faults_of(&answer), listed(&[(pointer, "invisible")]), "{pointer} {text:?}");
        let detail = answer.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("visible character"), "{detail}");
    }
    for (pointer, text) in [
        ("/consignee/name", "क्\u{200d}षमा"),
        ("/consignee/city", "ന്\u{200d}ആ\u{200c}"),
        ("/items/0/name", "Mug ❤\u{fe0f} 👨\u{200d}👩\u{200d}👧"),
    ] {
        let mut body = with(order("x"), pointer, json!(text));
        body.as_object_mut().unwrap().remove("clientOrderId");
        let seen = merchant.order(&merchant.create(&body).await).await;
        assert_eq!(seen.pointer(pointer), Some(&json!(text)), "{pointer}");
    }
}

#[tokio::test]
async fn half_of_an_emoji_is_told_where_it_stands_beside_the_other_faults() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let body =
        with(with(order("H-1"), "/consignee/address1", json!("12 Sample CUT")), "/shipment/mps", json!(-1));
    let answer = post_text(&merchant, "/orders/create", body.to_string().replace("CUT", "\\ud83d")).await;
    let expected = [("/consignee/address1", "encoding"), ("/shipment/mps", "range")];
    assert_eq!(faults_of(&answer), listed(&expected), "{}", answer.text());
    let broken = r#"{"clientOrderId": "\ud83d", "#;
    post_text(&merchant, "/orders/create", broken).await.problem(400, "malformed-body");
    assert_eq!(orders_of(&merchant).await, 0);
}

#[tokio::test]
async fn the_paths_of_old_take_a_slash_behind_them_and_the_root_leads_to_the_documents() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let made = merchant.post("/orders/create/", &order("S-1")).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["data"]["id"].clone();
    let cancelled = merchant.post("/orders/cancel/", &json!({ "orderId": id })).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    app.anybody().post("/orders/create/", &order("S-2")).await.problem(401, "unauthenticated");
    merchant.get("/v1/orders/").await.problem(404, "not-found");

    let root = app.anybody().get("/").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (307, Some("/docs")));
}

#[tokio::test]
async fn an_order_is_found_by_the_numbers_that_others_know_it_by() {
    let app = TestApp::start().await;
    let (merchant, other) = (app.merchant("u1"), app.merchant("u2"));
    let id = merchant.create(&order("L-1")).await;
    merchant.create(&order("L-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let seen = merchant.order(&id).await;
    let (number, awb) = (seen["orderNumber"].as_str().unwrap(), seen["awb"].as_str().unwrap());
    let found = async |client: &crate::support::Client, query: &str| {
        let answer = client.get(&format!("/v1/orders?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let page = answer.json();
        assert_eq!((&page["hasMore"], &page["nextCursor"]), (&json!(false), &json!(null)), "{query}");
        page["data"].as_array().unwrap().iter().map(|o| o["id"].clone()).collect::<Vec<_>>()
    };
    let own = vec![json!(id)];
    for query in [
        format!("orderNumber={number}"),
        format!("orderNumber={}", number.to_lowercase()),
        format!("awb={awb}"),
        format!("awb={awb}&orderNumber={number}&clientOrderId=L-1&status=booked&limit=1"),
        format!("awb={awb}&cursor="),
    ] {
        assert_eq!(found(&merchant, &query).await, own, "{query}");
        assert!(found(&other, &query).await.is_empty(), "{query}: another merchant's");
    }
    for none in [
        "orderNumber=ORD-NOBODY".to_owned(),
        "awb=".to_owned(),
        format!("awb={awb}&status=failed"),
        format!("awb={awb}&clientOrderId=L-2"),
        format!("orderNumber={number}&createdAfter=2030-01-01T00:00:00Z"),
    ] {
        assert!(found(&merchant, &none).await.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn a_plus_that_a_query_lost_is_told_how_to_write() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let lost = merchant.get("/v1/orders?createdAfter=2026-11-01T00:00:00+05:30").await;
    let detail = lost.problem(400, "invalid-query")["errors"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("; write + as %2B"), "{detail}");
    let other = merchant.get("/v1/orders?createdAfter=next%20week").await.problem(400, "invalid-query");
    assert!(!other["errors"][0]["detail"].as_str().unwrap().contains("%2B"), "{other}");
}

#[tokio::test]
async fn under_a_cancelled_number_it_is_said_what_to_do() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let anew = "Send the new one under a new clientOrderId.";
    for booked in [false, true] {
        let number = if booked { "N-1" } else { "N-2" };
        let id = merchant.create(&order(number)).await;
        if booked {
            app.run_pending_jobs().await;
        }
        merchant.post(&format!("/v1/orders/{id}/cancel"), &Value::Null).await;
        app.run_pending_jobs().await;
        let again = merchant.post("/orders/create", &order(number)).await;
        assert_eq!((again.status.as_u16(), &again.json()["data"]["status"]), (200, &json!("cancelled")));
        assert_eq!(again.json()["warnings"][0]["code"], "order-cancelled");

        let new = with(order(number), "/invoiceNumber", json!("another"));
        let refused =
            merchant.post("/orders/create", &new).await.problem(422, "idempotency-payload-mismatch");
        assert!(refused["detail"].as_str().unwrap().ends_with(anew), "{refused}");
        let refused =
            merchant.post(&format!("/v1/orders/{id}/amend"), &new).await.problem(409, "conflict-state");
        assert!(refused["detail"].as_str().unwrap().ends_with(anew), "{refused}");
        assert!(!refused["detail"].as_str().unwrap().contains("booked"), "{refused}");
    }
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1), ("create", 1)]);
    app.leave_jobs(); // tracking is asked later whether the cancel was carried out
}

#[tokio::test]
async fn a_cancel_takes_null_or_nothing_for_no_body() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for (n, body) in ["null", " null\n", "\u{feff}null", "", "\n"].into_iter().enumerate() {
        let id = merchant.create(&order(&format!("C-{n}"))).await;
        let answer = post_text(&merchant, &format!("/v1/orders/{id}/cancel"), body).await;
        assert_eq!(answer.status, 200, "{body:?}: {}", answer.text());
        let other = merchant.post(&format!("/v1/orders/{id}/cancel"), &json!([])).await;
        other.problem(422, "validation-failed");
    }
    app.leave_jobs();
}
