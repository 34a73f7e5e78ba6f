//! What the document shows of a thread: a message of the shop, and one of the desk. A test makes these calls
//! and compares.

use serde_json::{Value, json};

const FIRST: &str = "msg_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d";
const SECOND: &str = "msg_019ab3c94d2e7f8091a2b3c4d5e6f708";

fn asked() -> Value {
    json!({ "id": FIRST, "number": 1, "from": "shop", "author": "Asha Example",
        "text": "The parcel has not been picked up yet.", "clientMessageId": "7a1c",
        "createdAt": "2026-01-31T09:30:00.000Z" })
}

fn answered() -> Value {
    json!({ "id": SECOND, "number": 2, "from": "support", "author": "Support",
        "text": "The courier comes tomorrow before noon.", "clientMessageId": null,
        "createdAt": "2026-01-31T09:35:00.000Z" })
}

fn thread(unread: u8, read_to: u8) -> Value {
    json!({ "messages": 2, "unread": unread, "readTo": read_to, "readToBySupport": 0 })
}

/// Kept now, or before.
pub(super) fn posted() -> Value {
    json!({ "success": true, "data": asked() })
}

pub(super) fn list() -> Value {
    json!({ "success": true, "data": [asked(), answered()], "hasMore": false, "nextCursor": SECOND,
        "thread": thread(1, 0) })
}

pub(super) fn read() -> Value {
    json!({ "success": true, "data": thread(0, 2) })
}
