//! What the document shows of a KYC on its way to the desk. A test makes these calls and compares.

use serde_json::{Value, json};

const ASHA: &str = "usr_019ab3c3a1b37d5e9fa0b1c2d3e4f506";
const TOLD_AT: &str = "2026-01-31T09:30:00.000Z";
const HANDED_IN_AT: &str = "2026-01-31T09:35:00.000Z";
/// As they are asked for, and uploaded.
const KINDS: [&str; 4] = ["pan_card", "gst_certificate", "cancelled_cheque", "address_proof"];

/// The details are there, and no document.
pub(super) fn told() -> Value {
    kyc("draft", 1, 0)
}

/// And one document.
pub(super) fn uploaded() -> Value {
    kyc("draft", 3, 1)
}

pub(super) fn handed_in() -> Value {
    kyc("submitted", 10, KINDS.len())
}

/// With so many documents.
fn kyc(state: &str, version: i64, documents: usize) -> Value {
    let submitted = state == "submitted";
    let step = |at: &str, what: &str| json!({ "at": at, "by": ASHA, "what": what, "reason": null });
    let there = || KINDS.iter().take(documents);
    let mut history = vec![step(TOLD_AT, "details")];
    history.extend(there().map(|kind| step(TOLD_AT, &format!("upload:{kind}"))));
    history.extend(submitted.then(|| step(HANDED_IN_AT, "submitted")));
    let missing: Vec<_> = KINDS.iter().skip(documents).map(|kind| format!("documents/{kind}")).collect();
    json!({ "success": true, "data": {
        "state": state, "version": version, "since": if submitted { HANDED_IN_AT } else { TOLD_AT },
        "required": false, "reason": null,
        "details": {
            "legalName": "Asha Crafts Private Limited", "businessKind": "private_limited",
            "pan": "XXXXXX939F", "gstin": "XXXXXXXXXXXF1ZV",
            "bank": { "ifsc": "HDFC0000001", "accountNumber": "XXXXXXXXXX1234" },
            "address": { "line1": "12 Sample Street", "line2": null, "city": "Pune",
                "state": "Maharashtra", "pincode": "411001" },
        },
        "documents": there().map(|kind| document(kind)).collect::<Vec<_>>(),
        "missing": missing, "history": history,
    } })
}

fn document(kind: &str) -> Value {
    json!({ "kind": kind, "name": format!("{kind}.pdf"), "fileType": "pdf", "size": 48213,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "uploadedAt": TOLD_AT, "uploadedBy": ASHA })
}
