//! Orders that are taken, and the answer to each.

use serde_json::{Value, json};

use super::{assert_same, faults_of, full, listed, orders_of};
use crate::support::{
    Answer, Client, TestApp,
    orders::{invalid, order, valid, with},
};

#[track_caller]
fn check_created(answer: &Answer, client_order_id: &Value) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    let body = answer.json();
    let (id, number) = (body["data"]["id"].as_str().unwrap(), body["data"]["orderNumber"].as_str().unwrap());
    assert!(id.starts_with("ord_") && number.starts_with("ORD-"), "{id} {number}");
    assert_eq!(answer.header("location"), Some(format!("/v1/orders/{id}").as_str()));
    let expected = json!({
        "message": "Order accepted and queued for provider creation", "success": true,
            "idempotentReplay": false,
        "data": { "id": id, "orderNumber": number, "clientOrderId": client_order_id, "status": "pending",
            "providerSyncStatus": "queued",
                  "parcelxRequestRefId": null, "parcelxResponseRefId": null }
    });
    assert_eq!(body, expected);
    id.to_owned()
}

/// What an order given as `body` reads as: its own fields in the form answers have.
fn view_of(body: &Value) -> Value {
    // In hundredths, so that nothing is rounded on the way.
    let paise = |v: &Value| (v.as_f64().or_else(|| v.as_str()?.parse().ok()).unwrap_or(0.0) * 100.0).round();
    let rupees = |paise: f64| json!(format!("{}.{:02}", (paise / 100.0).floor(), paise % 100.0));
    let mut view = json!({});
    for field in
        ["clientOrderId", "invoiceNumber", "paymentMethod", "expressType", "pickAddressId", "returnAddressId"]
    {
        view[field] = body[field].clone();
    }
    for field in ["name", "email", "mobile", "phone", "pincode", "address1", "address2", "city", "state"] {
        view["consignee"][field] = body["consignee"][field].clone();
    }
    let or = |v: &Value, default: Value| if v.is_null() { default } else { v.clone() };
    view["consignee"]["country"] = or(&body["consignee"]["country"], json!("India"));
    view["consignee"]["addressType"] = or(&body["consignee"]["addressType"], json!("OTHER"));
    let items = body["items"].as_array().unwrap().iter().map(|item| {
        json!({ "sku": item["sku"], "name": item["name"], "category": item["category"],
            "description": item["description"],
                "hsn": item["hsn"], "quantity": item["quantity"],
                    "unitPrice": rupees(paise(&item["unitPrice"])),
                "taxPercent": or(&item["taxPercent"], json!(0)) })
    });
    view["items"] = items.collect();
    let mut total = 0.0;
    for field in ["orderAmount", "codAmount", "taxAmount", "extraCharges"] {
        total += paise(&body["charges"][field]);
        view["charges"][field] = rupees(paise(&body["charges"][field]));
    }
    view["charges"]["totalAmount"] = rupees(total);
    for field in ["width", "height", "length", "weight"] {
        view["shipment"][field] = body["shipment"][field].clone();
    }
    view["shipment"]["mps"] = or(&body["shipment"]["mps"], json!(0));
    view
}

async fn check_reads_back(merchant: &Client, id: &str, body: &Value) {
    let seen = merchant.order(id).await;
    for (field, expected) in view_of(body).as_object().unwrap() {
        assert_same(&seen[field], expected, &format!("{}: {field}", body["clientOrderId"]));
    }
}

#[tokio::test]
async fn every_order_of_the_sample_is_accepted_and_reads_back_as_it_was_given() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let all = valid();
    assert_eq!(all.len(), 300);
    for body in &all {
        let id = check_created(&merchant.post("/orders/create", body).await, &body["clientOrderId"]);
        check_reads_back(&merchant, &id, body).await;
    }
    assert_eq!(app.counts().await.waiting, 300, "a job for each");
}

/// Each has one fault: that is what is said, and nothing else.
#[tokio::test]
async fn every_faulty_order_of_the_sample_is_refused_at_its_one_fault() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let all = invalid();
    assert_eq!(all.len(), 49);
    for line in &all {
        for path in ["/orders/create", "/v1/orders"] {
            let answer = merchant.post(path, &line["body"]).await;
            let found = faults_of(&answer);
            let places: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
            assert_eq!(places, [line["pointer"].as_str().unwrap()], "{}: {}", line["why"], answer.text());
            let body = answer.json();
            let fault = body["errors"][0]["detail"].as_str().unwrap();
            assert_eq!(
                body["detail"],
                format!("{} {fault}.", places[0]),
                "one fault is told in the detail too"
            );
            assert_eq!((&body["message"], &body["retryable"]), (&body["detail"], &json!(false)));
        }
    }
    assert_eq!(orders_of(&merchant).await, 0);
    assert_eq!(app.counts().await.open(), 0);
}

#[tokio::test]
async fn a_refused_order_does_not_use_up_its_client_order_id() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let wrong = with(order("A-1"), "/consignee/pincode", json!("56000"));
    assert_eq!(super::faults(&merchant, &wrong).await, listed(&[("/consignee/pincode", "digits")]));
    check_created(&merchant.post("/orders/create", &order("A-1")).await, &json!("A-1"));
}

#[tokio::test]
async fn every_field_is_kept_and_the_total_is_ours() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = check_created(&merchant.post("/orders/create", &full("A-1")).await, &json!("A-1"));
    check_reads_back(&merchant, &id, &full("A-1")).await;
    let charges = json!({ "orderAmount": "749.00", "codAmount": "798.99", "taxAmount": "0.50",
        "extraCharges": "49.49", "totalAmount": "1597.98" });
    assert_eq!(merchant.order(&id).await["charges"], charges);
    // Nobody else may say what the sum is, nor anything that only the service knows.
    for (field, value) in [
        ("/charges/totalAmount", json!(1)),
        ("/status", json!("booked")),
        ("/awb", json!("1")),
        ("/id", json!("ord_1")),
        ("/orderNumber", json!("ORD-1")),
        ("/createdAt", json!("2020-01-01T00:00:00Z")),
        ("/shipment/awb", json!("1")),
        ("/items/0/id", json!(1)),
    ] {
        let found = super::faults(&merchant, &with(order("A-2"), field, value)).await;
        assert_eq!(found, listed(&[(field, "unknown")]));
    }
}

#[tokio::test]
async fn without_a_client_order_id_every_call_makes_a_new_order() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let mut absent = order("");
    absent.as_object_mut().unwrap().remove("clientOrderId");
    let mut ids = std::collections::BTreeSet::new();
    for body in [&absent, &absent, &with(absent.clone(), "/clientOrderId", Value::Null)] {
        ids.insert(check_created(&merchant.post("/orders/create", body).await, &Value::Null));
    }
    assert_eq!((ids.len(), orders_of(&merchant).await), (3, 3));
    assert_eq!(app.counts().await.waiting, 3);
}

/// An answer without what must differ between two merchants' orders.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json();
    for pointer in ["/requestId", "/instance", "/data/id", "/data/orderNumber"] {
        if let Some(place) = body.pointer_mut(pointer) {
            *place = json!("…");
        }
    }
    // A mismatch names the order.
    for pointer in ["/detail", "/message"] {
        if let Some(Value::String(text)) = body.pointer_mut(pointer) {
            *text = text
                .split(' ')
                .map(|w| if w.starts_with("ord_") { "ord_…" } else { w })
                .collect::<Vec<_>>()
                .join(" ");
        }
    }
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "location" | "content-length"));
    let mut headers: Vec<_> = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (answer.status.as_u16(), headers, body)
}

#[tokio::test]
async fn both_paths_do_the_same() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (one, other) = (app.merchant("u1"), app.merchant("u2"));
    let mut bodies: Vec<_> = valid().into_iter().take(20).map(|b| b.to_string()).collect();
    bodies.extend(bodies.clone()); // replays
    // mismatches
    bodies.extend(valid().into_iter().take(3).map(|b| with(b, "/invoiceNumber", json!("other")).to_string()));
    bodies.extend(invalid().into_iter().map(|line| line["body"].to_string()));
    bodies.extend(["", "{", "null", "[]", "{}", "\u{feff}{}"].map(str::to_owned));
    bodies.push(" ".repeat(300_000));
    let mut statuses = std::collections::BTreeMap::new();
    for body in bodies {
        let (old, new) = (
            super::post_text(&one, "/orders/create", body.clone()).await,
            super::post_text(&other, "/v1/orders", body.clone()).await,
        );
        assert_eq!(comparable(&old), comparable(&new), "{body}");
        assert_eq!(old.headers.contains_key("location"), new.headers.contains_key("location"));
        *statuses.entry(old.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses, [(200, 20), (201, 20), (400, 2), (413, 1), (422, 3 + 49 + 4)].into());
    // And one merchant's order is the same order on both.
    let first = one.create(&order("both")).await;
    let again = one.post("/v1/orders", &order("both")).await;
    assert_eq!((again.status.as_u16(), &again.json()["data"]["id"]), (200, &json!(first)));
}

#[tokio::test]
async fn nothing_is_accepted_while_the_database_is_not_in_its_place() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    merchant.create(&order("A-1")).await;
    let (path, away) = (app.folder.path().join("waybill.db"), app.folder.path().join("away.db"));
    std::fs::rename(&path, &away).unwrap();
    merchant.post("/orders/create", &order("A-2")).await.problem(503, "temporarily-unavailable");
    merchant.post("/orders/create", &order("A-1")).await.problem(503, "temporarily-unavailable");
    let ready = app.anybody().get("/readyz").await;
    assert_eq!(ready.problem(503, "temporarily-unavailable")["checks"]["store"], "failed");

    std::fs::rename(&away, &path).unwrap();
    assert_eq!(app.anybody().get("/readyz").await.status, 200);
    assert_eq!(merchant.post("/orders/create", &order("A-1")).await.status, 200, "it was not lost");
    merchant.create(&order("A-2")).await;
}

/// A full disk can still be read, and a balancer must send requests elsewhere.
#[tokio::test]
async fn who_could_not_write_is_not_ready_until_a_write_succeeds() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    merchant.create(&order("A-1")).await;
    let file = rusqlite::Connection::open(app.folder.path().join("waybill.db")).unwrap();
    // Takes the whole transaction back, as SQLite does when there is no room.
    file.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON orders BEGIN SELECT RAISE(ROLLBACK, 'no room'); END",
    )
    .unwrap();
    merchant.post("/orders/create", &order("A-2")).await.problem(503, "temporarily-unavailable");
    let ready = app.anybody().get("/readyz").await;
    assert_eq!(ready.problem(503, "temporarily-unavailable")["checks"]["store"], "failed");
    assert_eq!(app.anybody().get("/healthz").await.status, 200, "nothing of the process has died");

    file.execute_batch("DROP TRIGGER full").unwrap();
    merchant.create(&order("A-2")).await;
    assert_eq!(app.anybody().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn orders_are_accepted_while_the_queue_is_away_and_booked_when_it_is_back() {
    let app = TestApp::builder().on_files().start().await;
    let merchant = app.merchant("u1");
    let (path, folder) = (app.folder.path().join("queue.db"), app.folder.path().join("queue.db-wal"));
    // Something stands in the queue's place that it cannot use.
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&folder).ok();
    std::fs::create_dir(&path).unwrap();
    merchant.create(&order("A-1")).await;
    let ready = app.anybody().get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["checks"]["queue"]), (200, &json!("failed")));
    let worker = app.app.health_router(tokio_util::sync::CancellationToken::new());
    let worker = Client { router: worker, token: None };
    let ready = worker.get("/readyz").await.problem(503, "temporarily-unavailable");
    assert_eq!(ready["checks"]["queue"], "failed");

    std::fs::remove_dir(&path).unwrap();
    app.advance(std::time::Duration::from_secs(10));
    assert_eq!(app.app.walker().pass().await.unwrap().relayed, 1);
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);
    assert_eq!(worker.get("/readyz").await.status, 200);
}
