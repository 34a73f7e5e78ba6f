//! What the document shows of each answer: one order on its way through the service, as the service answers.
//! A test sends the example of each request and compares the answers with these.

use serde_json::{Value, json};

const ID: &str = "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d";
const NUMBER: &str = "ORD-8WPR1M0A6Q2XN";
const AWB: &str = "39920520600000";
const BY: &str = "DOCS-1001";
/// The first call, and the one after an amendment.
const FIRST: &str = "plog_019ab3c45f8e7d219f3a5c6b7d8e9fa0";
const SECOND: &str = "plog_019ab3c4b1a27f4383d2e1f0a9b8c7d6";
const REASON: &str = "The customer changed their mind";
const ACCEPTED_AT: &str = "2026-01-31T09:30:00.000Z";
const TAKEN_AT: &str = "2026-01-31T09:30:00.023Z";
const BOOKED_AT: &str = "2026-01-31T09:30:00.040Z";
const LATER: &str = "2026-01-31T09:35:00.000Z";

pub(super) fn created() -> Value {
    json!({
        "message": "Order accepted and queued for provider creation", "success": true,
        "idempotentReplay": false,
        "data": { "id": ID, "orderNumber": NUMBER, "clientOrderId": BY, "status": "pending",
            "providerSyncStatus": "queued", "parcelxRequestRefId": null, "parcelxResponseRefId": null },
    })
}

pub(super) fn replayed() -> Value {
    json!({
        "message": "Duplicate request detected. Returning existing order", "success": true,
        "idempotentReplay": true,
        "data": { "id": ID, "orderNumber": NUMBER, "clientOrderId": BY, "status": "booked",
            "providerSyncStatus": "success", "parcelxRequestRefId": FIRST, "parcelxResponseRefId": FIRST },
    })
}

pub(super) fn booked() -> Value {
    json!({ "success": true, "data": order() })
}

pub(super) fn list() -> Value {
    json!({ "success": true, "data": [order()], "hasMore": false, "nextCursor": null })
}

/// The answer to a cancel of a booked order, and to a repeat when it is carried out.
pub(super) fn cancelling() -> Value {
    let asked = json!({ "seq": 4, "at": LATER, "actor": "merchant", "status": "success",
        "reason": "cancel requested", "attempt": 1, "cancellation": "requested" });
    let cancellation = json!({ "state": "requested", "reason": REASON, "requestedAt": LATER });
    let changes = [("cancellation", cancellation), ("updatedAt", json!(LATER))];
    json!({ "success": true, "data": changed(&changes, &[asked]) })
}

pub(super) fn cancelled() -> Value {
    let step = |seq: u8, actor: &str, reason: &str, cancellation: &str| {
        json!({ "seq": seq, "at": LATER, "actor": actor, "status": "success", "reason": reason,
            "attempt": 1, "cancellation": cancellation })
    };
    let steps = [
        step(4, "merchant", "cancel requested", "requested"),
        step(5, "worker", "cancel accepted", "done"),
        step(6, "worker", "cancel confirmed", "done"),
    ];
    let changes =
        [("status", json!("cancelled")), ("cancellation", carried_out()), ("updatedAt", json!(LATER))];
    json!({ "success": true, "data": changed(&changes, &steps) })
}

/// The same for existing clients.
pub(super) fn order_cancelled() -> Value {
    json!({
        "message": "Order is cancelled", "success": true,
        "data": { "orderId": ID, "reason": REASON, "clientOrderId": BY, "status": "cancelled",
            "providerSyncStatus": "success", "cancellation": carried_out() },
    })
}

fn carried_out() -> Value {
    json!({ "state": "done", "reason": REASON, "requestedAt": LATER, "doneAt": LATER, "confirmedAt": LATER })
}

pub(super) fn label() -> Value {
    let url = format!("https://app.parcelx.in/label/{AWB}.pdf");
    json!({ "success": true, "data": { "awb": AWB, "labelUrl": url, "fetchedAt": LATER } })
}

pub(super) fn no_label_yet() -> Value {
    json!({ "success": true, "data": { "awb": AWB, "labelUrl": null, "fetchedAt": null } })
}

/// Sent again, after ParcelX had refused a pickup address that it does not know.
pub(super) fn amended() -> Value {
    let none = ["awb", "courierName", "courierCode", "providerOrderNumber"].map(|field| (field, Value::Null));
    let mut order = changed(&none, &[]);
    for (field, value) in [
        ("status", json!("pending")),
        ("providerSyncStatus", json!("queued")),
        ("history", json!(amendment())),
        ("updatedAt", json!(LATER)),
    ] {
        set(&mut order, field, value);
    }
    json!({ "success": true, "data": order })
}

pub(super) fn amended_already() -> Value {
    let mut history = amendment();
    history.extend([
        json!({ "seq": 5, "at": LATER, "actor": "worker", "status": "processing", "attempt": 2 }),
        json!({ "seq": 6, "at": LATER, "actor": "worker", "status": "success", "attempt": 2 }),
    ]);
    let changes = [
        ("parcelxRequestRefId", json!(SECOND)),
        ("parcelxResponseRefId", json!(SECOND)),
        ("history", json!(history)),
        ("updatedAt", json!(LATER)),
    ];
    json!({ "success": true, "data": changed(&changes, &[]) })
}

fn amendment() -> Vec<Value> {
    vec![
        json!({ "seq": 1, "at": ACCEPTED_AT, "actor": "merchant", "status": "queued" }),
        json!({ "seq": 2, "at": TAKEN_AT, "actor": "worker", "status": "processing", "attempt": 1 }),
        json!({ "seq": 3, "at": BOOKED_AT, "actor": "worker", "status": "failed", "attempt": 1,
            "reason": "pick_address_id 99999 is not a pickup address of this account." }),
        json!({ "seq": 4, "at": LATER, "actor": "merchant", "status": "queued", "reason": "amended",
            "attempt": 1 }),
    ]
}

pub(super) fn provider_logs() -> Value {
    let hidden = "[redacted]";
    json!({ "success": true, "data": [{
        "id": FIRST, "provider": "parcelx", "operation": "create_order", "attempt": 1,
        "queuedAt": ACCEPTED_AT, "sentAt": TAKEN_AT, "neverSent": false,
        "requestPayload": {
            "address_type": "Home", "client_order_id": NUMBER, "cod_amount": "749.00",
            "consignee_address1": hidden, "consignee_address2": hidden, "consignee_emailid": hidden,
            "consignee_mobile": hidden, "consignee_name": hidden, "consignee_phone": hidden,
            "consignee_pincode": hidden, "courier_code": "", "courier_type": 0, "express_type": "surface",
            "extra_charges": "0", "invoice_number": "INV-1001", "mps": "0", "order_amount": "749.00",
            "payment_mode": "Cod", "pick_address_id": "10001",
            "products": [{ "product_category": "", "product_description": hidden,
                "product_hsnsac": "69120010", "product_name": "Blue mug", "product_quantity": "2",
                "product_sku": "MUG-7", "product_taxper": 12, "product_value": "374.50" }],
            "return_address_id": "", "shipment_height": ["10"], "shipment_length": ["15"],
            "shipment_weight": ["0.5"], "shipment_width": ["10"], "tax_amount": "0",
        },
        "outcome": {
            "statusCode": 200, "success": true,
            "responsePayload": { "status": true, "responsemsg": hidden, "data": {
                "awb_number": AWB, "client_order_id": NUMBER, "courier_code": "PXDEL01",
                "courier_name": "Delhivery", "job_id": null, "lable_data": null, "lrnum": "",
                "order_number": "692502993", "partner_display_name": "Delhivery", "payment_mode": "COD",
                "pickup_id": "606502993", "routing_code": "BLR/KIS", "waybills_num_json": null } },
            "errorCode": null, "verdict": "booked", "receivedAt": BOOKED_AT, "durationMs": 17,
            "answeredLate": false,
        },
    }] })
}

/// The order of the example of a create, booked.
fn order() -> Value {
    json!({
        "id": ID, "orderNumber": NUMBER, "clientOrderId": BY, "status": "booked",
        "providerSyncStatus": "success", "providerEnv": "simulator", "syncReason": null,
        "nextCheckAt": null, "awb": AWB, "courierName": "Delhivery", "courierCode": "PXDEL01",
        "providerOrderNumber": "692502993", "parcelxRequestRefId": FIRST, "parcelxResponseRefId": FIRST,
        "cancellation": { "state": "none" }, "invoiceNumber": "INV-1001", "paymentMethod": "COD",
        "expressType": "surface", "pickAddressId": "10001", "returnAddressId": null,
        "consignee": { "name": "Asha Example", "email": "asha@example.test", "mobile": "9000000001",
            "phone": null, "pincode": "560001", "address1": "12 Sample Street",
            "address2": "Near Demo Park", "city": "Bengaluru", "state": "Karnataka", "country": "India",
            "addressType": "HOME" },
        "items": [{ "sku": "MUG-7", "name": "Blue mug", "category": null, "description": null,
            "hsn": "69120010", "quantity": 2, "unitPrice": "374.50", "taxPercent": 12 }],
        "charges": { "orderAmount": "749.00", "codAmount": "749.00", "taxAmount": "0.00",
            "extraCharges": "0.00", "totalAmount": "1498.00" },
        "shipment": { "width": [10.0], "height": [10.0], "length": [15.0], "weight": [0.5], "mps": 0 },
        "history": [
            { "seq": 1, "at": ACCEPTED_AT, "actor": "merchant", "status": "queued" },
            { "seq": 2, "at": TAKEN_AT, "actor": "worker", "status": "processing", "attempt": 1 },
            { "seq": 3, "at": BOOKED_AT, "actor": "worker", "status": "success", "attempt": 1 },
        ],
        "createdAt": ACCEPTED_AT, "updatedAt": BOOKED_AT,
    })
}

/// That order with other values, and further steps.
fn changed(changes: &[(&str, Value)], steps: &[Value]) -> Value {
    let mut order = order();
    for (field, value) in changes {
        set(&mut order, field, value.clone());
    }
    if let Some(Value::Array(history)) = order.get_mut("history") {
        history.extend_from_slice(steps);
    }
    order
}

fn set(order: &mut Value, field: &str, value: Value) {
    if let Some(place) = order.get_mut(field) {
        *place = value;
    }
}
