//! `waybill import-legacy`: documents as mongoose has written them.

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use waybill::{
    app::legacy::{Report, import},
    platform::store::Foreign,
};

use crate::support::{
    TestApp,
    mongodb::Lab,
    orders::{order, with},
};

/// The Node system's database.
struct Node {
    lab: Lab,
    made: u8,
}

/// Numbers are doubles, and each document of a list has an id.
fn mongoose(value: Value) -> Bson {
    match value {
        Value::Number(number) => Bson::Double(number.as_f64().unwrap()),
        Value::Array(list) => list.into_iter().map(mongoose).map(with_id).collect(),
        Value::Object(fields) => {
            Bson::Document(fields.into_iter().map(|(name, value)| (name, mongoose(value))).collect())
        }
        other => bson::serialize_to_bson(&other).unwrap(),
    }
}

fn with_id(value: Bson) -> Bson {
    match value {
        Bson::Document(mut fields) => {
            fields.insert("_id", ObjectId::from_bytes([7; 12]));
            fields.into()
        }
        other => other,
    }
}

impl Node {
    async fn new() -> Self {
        Self { lab: Lab::new().await, made: 0 }
    }

    fn id(&mut self) -> ObjectId {
        self.made += 1;
        let mut bytes = [0x65; 12];
        bytes[11] = self.made;
        ObjectId::from_bytes(bytes)
    }

    /// An order of merchant `u1` and its logs, where it has any. Gives its id.
    async fn order(
        &mut self,
        body: Value,
        states: (&str, &str),
        asked: bool,
        answer: Option<Document>,
    ) -> String {
        let (id, request, response) = (self.id(), self.id(), self.id());
        let mut order = match mongoose(body.clone()) {
            Bson::Document(fields) => fields,
            other => panic!("{other}"),
        };
        let at = DateTime::from_millis(1_750_000_000_000 + i64::from(self.made) * 1000);
        let number = format!("ORD-{}", self.made);
        order.extend(doc! { "_id": id, "__v": 0, "userId": "u1", "orderNumber": &number, "status": states.0,
        "providerSyncStatus": states.1, "requestSnapshot": mongoose(body.clone()), "createdAt": at,
        "updatedAt": at });
        order.get_document_mut("charges").unwrap().insert("totalAmount", 1498.0);
        let own = body["clientOrderId"].as_str().unwrap_or(&number).to_owned();
        if asked {
            let payload = doc! { "client_order_id": own, "order_amount": "749" };
            let log = doc! { "_id": request, "__v": 0, "provider": "parcelx", "operation": "order",
            "orderId": id, "requestPayload": payload, "attempt": 1.0, "queuedAt": at, "sentAt": at };
            self.put("parcelx_request_logs", log).await;
            order.insert("parcelxRequestRefId", request);
        }
        if let Some(mut log) = answer {
            log.extend(doc! { "_id": response, "__v": 0, "provider": "parcelx", "operation": "order",
            "orderId": id, "requestRefId": request, "receivedAt": at });
            self.put("parcelx_response_logs", log).await;
            order.insert("parcelxResponseRefId", response);
        }
        self.put("orders", order).await;
        id.to_hex()
    }

    async fn put(&self, collection: &str, document: Document) {
        self.lab.documents(collection).insert_one(document).await.unwrap();
    }

    async fn import(&self, app: &TestApp, writes: bool) -> Report {
        let from = Foreign::open(&self.lab.url).await.unwrap();
        let report = import(&from, &app.app.store, &app.app.config.parcelx.words, app.clock.now(), writes)
            .await
            .unwrap();
        from.close().await;
        report
    }
}

fn booked(awb: &str) -> Option<Document> {
    let payload = doc! { "status": true, "responsemsg": "Order created successfully",
    "data": { "awb_number": awb, "courier_name": "Delhivery", "order_number": 5511.0 } };
    Some(doc! { "statusCode": 200.0, "success": true, "responsePayload": payload })
}

fn refused(words: &str) -> Option<Document> {
    let payload = doc! { "status": false, "responsemsg": [words] };
    Some(doc! { "statusCode": 200, "success": false, "responsePayload": payload })
}

fn timed_out() -> Option<Document> {
    Some(
        doc! { "success": false, "errorCode": "ECONNABORTED", "errorMessage": "timeout of 25000ms exceeded" },
    )
}

#[tokio::test]
async fn creates_that_are_repeated_after_the_switch_ship_nothing() {
    let mut node = Node::new().await;
    let mut ids = Vec::new();
    for (number, states, asked, answer) in [
        ("booked", ("booked", "success"), true, booked("1Z001")),
        ("refused", ("failed", "failed"), true, refused("Pincode is not serviceable")),
        ("timed-out", ("failed", "failed"), true, timed_out()),
        ("queued", ("pending", "queued"), false, None),
        ("under-way", ("pending", "processing"), true, None),
        ("called-off", ("cancelled", "success"), true, booked("1Z002")),
        ("no-awb", ("booked", "success"), true, None),
    ] {
        ids.push(node.order(order(number), states, asked, answer).await);
    }
    let heavy = with(order("heavy"), "/shipment/weight/0", json!(600));
    node.order(heavy, ("booked", "success"), true, booked("1Z003")).await;
    let mut without = order("x");
    without.as_object_mut().unwrap().remove("clientOrderId");
    node.order(without, ("booked", "success"), true, booked("1Z004")).await;
    let bad = node.id();
    node.put("orders", doc! { "_id": bad, "userId": "u1", "orderNumber": "ORD-X", "clientOrderId": 98765 })
        .await;

    let app = TestApp::start().await;
    let dry = node.import(&app, false).await;
    assert_eq!(app.merchant("u1").get("/v1/orders").await.json()["data"], json!([]), "nothing is written");
    let report = node.import(&app, true).await;
    assert_eq!(report, dry, "what would come has come");
    assert_eq!((report.read, report.booked, report.failed, report.cancelled), (10, 3, 1, 1));
    let reviewed: Vec<_> = report.to_review.iter().map(|(id, _)| id).collect();
    assert_eq!(reviewed, [&ids[2], &ids[3], &ids[4], &ids[6]], "{report:?}");
    assert_eq!(report.unreadable, [(bad.to_hex(), "data error at clientOrderId".to_owned())]);

    let merchant = app.merchant("u1");
    for (number, status, sync) in [
        ("booked", "booked", "success"),
        ("refused", "failed", "failed"),
        ("timed-out", "pending", "needs_review"),
        ("queued", "pending", "needs_review"),
        ("under-way", "pending", "needs_review"),
        ("called-off", "cancelled", "cancelled"),
        ("no-awb", "pending", "needs_review"),
    ] {
        let answer = merchant.post("/orders/create", &order(number)).await;
        assert_eq!(answer.status, 200, "{number}: {}", answer.text());
        let data = &answer.json()["data"];
        assert_eq!(
            (&data["status"], &data["providerSyncStatus"]),
            (&json!(status), &json!(sync)),
            "{number}"
        );
        let other = with(order(number), "/invoiceNumber", json!("INV-2"));
        merchant.post("/orders/create", &other).await.problem(422, "idempotency-payload-mismatch");
    }
    // What our request type does not take is nobody's replay, and no new order.
    merchant.post("/orders/create", &order("heavy")).await.problem(422, "idempotency-payload-mismatch");
    let list = merchant.get("/v1/orders?clientOrderId=booked").await.json();
    let seen = merchant.order(list["data"][0]["id"].as_str().unwrap()).await;
    assert_eq!((&seen["awb"], &seen["courierName"]), (&json!("1Z001"), &json!("Delhivery")));
    assert_eq!(seen["charges"]["orderAmount"], "749.00");
    let list = merchant.get("/v1/orders?clientOrderId=timed-out").await.json();
    assert_eq!(list["data"][0]["orderNumber"], "timed-out", "look-ups ask for what ParcelX was told");

    // Nothing is sent, however long it lies there.
    app.advance(std::time::Duration::from_secs(7 * 86_400));
    app.app.walker().pass().await.unwrap();
    assert_eq!(app.run_pending_jobs().await, 0);
    app.assert_calls(&[]);
}

#[tokio::test]
async fn an_import_may_be_repeated_and_changes_nothing_that_is_there() {
    let mut node = Node::new().await;
    node.order(order("A-1"), ("booked", "success"), true, booked("1Z001")).await;
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let own = merchant.create(&order("A-2")).await;
    assert_eq!(node.import(&app, true).await.booked, 1);
    let taken = node.order(order("A-2"), ("booked", "success"), true, booked("1Z002")).await;
    let twin = node.order(order("A-3"), ("booked", "success"), true, booked("1Z001")).await;
    let report = node.import(&app, true).await;
    assert_eq!((report.read, report.there, report.booked), (3, 1, 0), "{report:?}");
    assert_eq!(report.to_review, [(twin.clone(), "another order has its AWB".to_owned())]);
    assert_eq!(report.taken, [(taken, "user_client_order".to_owned())]);
    assert_eq!(merchant.order(&own).await["providerSyncStatus"], "queued");
    // Two orders cannot have one shipment: the second is a person's, and holds its number all the same.
    let answer = merchant.post("/orders/create", &order("A-3")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["data"]["providerSyncStatus"]),
        (200, &json!("needs_review")),
        "{twin}"
    );
    let third = node.import(&app, true).await;
    assert_eq!((third.there, third.booked, third.taken.len()), (2, 0, 1));
}
