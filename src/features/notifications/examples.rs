//! What the document shows of notifications: of a failed order, and of a message of the desk. A test makes
//! these calls and compares.

use serde_json::{Value, json};

const ORDER: &str = "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d";
const NUMBER: &str = "ORD-8WPR1M0A6Q2XN";
const BY: &str = "DOCS-1001";
const FAILED_AT: &str = "2026-01-31T09:30:00.040Z";
const WRITTEN_AT: &str = "2026-01-31T09:35:00.000Z";

pub(super) fn list() -> Value {
    json!({ "success": true, "hasMore": false, "nextCursor": null, "unread": 2, "data": [
        { "id": "ntf_6f1ed002ab5595859014ebf0951522d9", "kind": "message", "read": false,
            "title": format!("The desk has written about order {NUMBER}."), "detail": null,
            "orderId": ORDER, "orderNumber": NUMBER, "clientOrderId": BY, "endpointId": null,
            "messageId": "msg_019ab3c94d2e7f8091a2b3c4d5e6f708", "at": WRITTEN_AT, "createdAt": WRITTEN_AT },
        { "id": "ntf_5d41402abc4b2a76b9719d911017c592", "kind": "orderFailed", "read": false,
            "title": format!("Order {NUMBER} has failed."), "detail": "Pincode is not served",
            "orderId": ORDER, "orderNumber": NUMBER, "clientOrderId": BY, "endpointId": null,
            "messageId": null, "at": FAILED_AT, "createdAt": FAILED_AT },
    ] })
}

/// Those of an owner who has chosen nothing.
pub(super) fn preferences() -> Value {
    matrix(true)
}

/// After the example of the request.
pub(super) fn chosen() -> Value {
    matrix(false)
}

fn matrix(failed_by_mail: bool) -> Value {
    let ways = |email: bool| json!({ "inbox": true, "email": email, "text": false });
    json!({ "success": true, "data": {
        "orderFailed": ways(failed_by_mail), "orderNeedsReview": ways(true), "cancelRefused": ways(true),
        "endpointDisabled": ways(true), "message": ways(true), "serviceNotice": ways(true),
        "kycDecided": ways(false),
    } })
}
