//! One order read back, and what others see of it: nothing.

use serde_json::{Value, json};

use super::{assert_same, full};
use crate::support::{Answer, Client, TestApp, orders::order};

#[tokio::test]
async fn an_order_shows_every_field_and_no_other() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&full("A-1")).await;
    let answer = merchant.get(&format!("/v1/orders/{id}")).await;
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        (Some("application/json"), Some("no-store"))
    );
    let number = answer.json()["data"]["orderNumber"].clone();
    let mut expected = json!({
        "id": id, "orderNumber": number, "clientOrderId": "A-1", "status": "pending",
            "providerSyncStatus": "queued",
        "providerEnv": "simulator", "syncReason": null, "nextCheckAt": null, "awb": null, "courierName": null,
            "courierCode": null,
        "providerOrderNumber": null, "parcelxRequestRefId": null, "parcelxResponseRefId": null,
            "cancellation": { "state": "none" },
        "invoiceNumber": "INV-1", "paymentMethod": "COD", "expressType": "surface", "pickAddressId": "10001",
            "returnAddressId": "10002",
        "consignee": { "name": "Asha Example", "email": "asha@example.test", "mobile": "9000000001",
            "phone": "08023456789",
                       "pincode": "560001", "address1": "12 Sample Street", "address2": "Near Demo Park",
                           "city": "Bengaluru",
                       "state": "Karnataka", "country": "Nepal", "addressType": "HOME" },
        "items": [{ "sku": "MUG-7", "name": "Blue mug", "category": "Home",
            "description": "Blue,\nwith a dot", "hsn": "69120010",
                    "quantity": 2, "unitPrice": "374.50", "taxPercent": 12.5 }],
        "charges": { "orderAmount": "749.00", "codAmount": "798.99", "taxAmount": "0.50",
            "extraCharges": "49.49", "totalAmount": "1597.98" },
        "shipment": { "width": [10, 20], "height": [12.5, 11], "length": [15, 16], "weight": [0.5, 2.75],
            "mps": 1 },
        "history": [{ "seq": 1, "at": "2026-01-31T09:30:00.000Z", "actor": "merchant", "status": "queued" }],
        "createdAt": "2026-01-31T09:30:00.000Z", "updatedAt": "2026-01-31T09:30:00.000Z"
    });
    assert_same(&answer.json(), &json!({ "success": true, "data": expected }), "queued");

    app.advance(std::time::Duration::from_millis(1500));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let shipment = app.simulator.shipments().pop().unwrap();
    let logs = merchant.provider_logs(&id).await;
    let at = "2026-01-31T09:30:01.500Z";
    let booked = json!({
        "status": "booked", "providerSyncStatus": "success", "awb": shipment.awb,
            "courierName": shipment.booking.courier_name,
        "courierCode": shipment.booking.courier_code, "providerOrderNumber": shipment.booking.order_number,
        "parcelxRequestRefId": logs[0]["id"], "parcelxResponseRefId": logs[0]["id"], "updatedAt": at,
        "history": [{ "seq": 1, "at": "2026-01-31T09:30:00.000Z", "actor": "merchant", "status": "queued" },
                    { "seq": 2, "at": at, "actor": "worker", "status": "processing", "attempt": 1 },
                    { "seq": 3, "at": at, "actor": "worker", "status": "success", "attempt": 1 }]
    });
    expected.as_object_mut().unwrap().extend(booked.as_object().unwrap().clone());
    assert_same(&merchant.order(&id).await, &expected, "booked");
}

/// A refusal without what belongs to the one request: its id, and its path with what follows from its length.
fn comparable(answer: &Answer) -> (Value, Vec<(String, String)>) {
    let mut body = answer.problem(404, "not-found");
    body["requestId"] = json!(null);
    body["instance"] = json!(null);
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "content-length" | "vary"))
        // How much is left of the merchant's limit.
        .filter(|(name, _)| !name.as_str().contains("ratelimit"));
    let mut headers: Vec<_> = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (body, headers)
}

#[tokio::test]
async fn anothers_order_and_an_odd_id_look_like_one_that_never_was() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (owner, stranger) = (app.merchant("u1"), app.merchant("u2"));
    let id = owner.create(&order("A-1")).await;
    let number = owner.order(&id).await["orderNumber"].as_str().unwrap().to_owned();
    let made_up = "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d";
    for tail in ["", "/provider-logs"] {
        let ask = async |client: &Client, id: &str| {
            comparable(&client.get(&format!("/v1/orders/{id}{tail}")).await)
        };
        let expected = ask(&owner, made_up).await;
        assert_eq!(ask(&stranger, &id).await, expected, "another merchant's order");
        assert_eq!(ask(&stranger, made_up).await, expected);
        for odd in [
            "..",
            ".",
            "%2e%2e",
            "%2e%2e%2fetc%2fpasswd",
            "%00",
            "%0d%0aX-Injected:%201",
            "%ff%fe",
            "%E0%A4%85%E0%A4%B6",
            "%20",
            "null",
            "A-1",
            "'%20OR%20'1'='1",
            "%7B%22$ne%22:null%7D",
            "*",
            &number,
            &id.to_uppercase(),
            &format!("{id}%20"),
            &format!("%20{id}"),
            &format!("{id}%00"),
            &"x".repeat(10 * 1024),
        ] {
            assert_eq!(ask(&owner, odd).await, expected, "{odd}");
        }
    }
    assert_eq!(owner.get(&format!("/v1/orders/{id}")).await.status, 200);
    assert_eq!(owner.get(&format!("/v1/orders/{id}?pretty")).await.status, 200, "a query means nothing here");
    for near in [
        format!("/v1/orders/{id}/"),
        format!("/v1//orders/{id}"),
        format!("/v1/orders/{id}/provider-logs/"),
        "/v1/orders/".into(),
    ] {
        owner.get(&near).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn unicode_reads_back_as_it_was_written() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let mut body = order("बिल-७");
    body["consignee"]["name"] = json!("श्रीमती आशा \"ಆಶಾ\" 😀 O'Neil <b>");
    body["consignee"]["address1"] = json!("१२, मुख्य सड़क\nFlat #3 \\ 4\t\u{1f3e0}");
    body["items"][0]["description"] = json!("line one\r\nline two\u{2028}three");
    let id = merchant.create(&body).await;
    let seen = merchant.order(&id).await;
    for pointer in ["/clientOrderId", "/consignee/name", "/consignee/address1", "/items/0/description"] {
        assert_eq!(seen.pointer(pointer), body.pointer(pointer), "{pointer}");
    }
    let found = merchant.get("/v1/orders?clientOrderId=%E0%A4%AC%E0%A4%BF%E0%A4%B2-%E0%A5%AD").await.json();
    assert_eq!(found["data"][0]["id"], id);
}
