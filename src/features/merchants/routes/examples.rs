//! What the document shows of people and keys: a shop that signs up. A test makes these calls and compares.

use serde_json::{Value, json};

const SHOP: &str = "mer_019ab3c3a1b27c4d8e9f0a1b2c3d4e5f";
const ASHA: &str = "usr_019ab3c3a1b37d5e9fa0b1c2d3e4f506";
const RAVI: &str = "usr_019ab3c4d5e67f8091a2b3c4d5e6f708";
const INVITATION: &str = "inv_019ab3c4a0b17c2d8e3f4a5b6c7d8e9f";
const KEY: &str = "key_019ab3c4f0a17b2c8d3e4f5a6b7c8d9e";
const NEXT_KEY: &str = "key_019ab3c5112b7c3d9e4f5a6b7c8d9e0f";
const SIGNED_UP_AT: &str = "2026-01-31T09:28:00.000Z";
const SIGNED_IN_AT: &str = "2026-01-31T09:28:30.000Z";
const LATER: &str = "2026-01-31T09:30:00.000Z";
const IN_A_DAY: &str = "2026-02-01T09:30:00.000Z";
const IN_A_WEEK: &str = "2026-02-07T09:29:00.000Z";

fn asked(message: &str) -> Value {
    json!({ "success": true, "message": message })
}

pub(super) fn registered() -> Value {
    asked("A mail with a code is on its way to this address.")
}

pub(super) fn forgotten() -> Value {
    asked("If there is an account with this address, a mail with a code is on its way to it.")
}

pub(super) fn phone_set() -> Value {
    asked("A code is on its way to this number.")
}

/// The owner, who has signed in.
fn asha() -> Value {
    json!({ "id": ASHA, "merchantId": SHOP, "email": "asha@example.com", "name": "Asha Example",
        "role": "owner", "totp": false, "phone": null, "phoneConfirmed": false,
        "createdAt": SIGNED_UP_AT, "lastLoginAt": SIGNED_IN_AT })
}

/// Whom she has invited, and who has not signed in yet.
fn ravi(role: &str) -> Value {
    json!({ "id": RAVI, "merchantId": SHOP, "email": "ravi@example.com", "name": "Ravi Example",
        "role": role, "totp": false, "phone": null, "phoneConfirmed": false, "createdAt": LATER,
        "lastLoginAt": null })
}

fn with(mut person: Value, field: &str, value: Value) -> Value {
    if let Some(place) = person.get_mut(field) {
        *place = value;
    }
    person
}

fn answer(data: &Value) -> Value {
    json!({ "success": true, "data": data })
}

pub(super) fn verified() -> Value {
    answer(&with(asha(), "lastLoginAt", Value::Null))
}

pub(super) fn me() -> Value {
    answer(&asha())
}

pub(super) fn renamed() -> Value {
    answer(&with(asha(), "name", json!("Asha E. Example")))
}

pub(super) fn accepted() -> Value {
    answer(&ravi("staff"))
}

pub(super) fn role_changed() -> Value {
    answer(&ravi("viewer"))
}

pub(super) fn members() -> Value {
    answer(&json!([asha(), ravi("staff")]))
}

pub(super) fn signed_in() -> Value {
    tokens("1")
}

pub(super) fn refreshed() -> Value {
    tokens("2")
}

fn tokens(generation: &str) -> Value {
    // Neither is one: what stands for a signature is none.
    let access = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtZXJfMDE5YWIzIn0.{generation}");
    let refresh = format!("wbr_ses_019ab3c3b2c37d4e8f9a0b1c2d3e4f50.{generation}.00c0ffee");
    answer(&json!({ "accessToken": access, "expiresIn": 900, "refreshToken": refresh, "user": asha() }))
}

pub(super) fn authenticator() -> Value {
    let (secret, shown) = ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    let uri = format!(
        "otpauth://totp/Waybill:asha%40example.com?secret={secret}&issuer=Waybill&algorithm=SHA1&digits=6&\
         period=30"
    );
    answer(&json!({ "secret": shown, "uri": uri }))
}

fn invitation() -> Value {
    json!({ "id": INVITATION, "email": "ravi@example.com", "role": "staff", "expiresAt": IN_A_WEEK })
}

pub(super) fn invited() -> Value {
    answer(&invitation())
}

pub(super) fn invitations() -> Value {
    answer(&json!([invitation()]))
}

fn key() -> Value {
    json!({ "id": KEY, "name": "the shop's server", "mode": "test", "ending": "0d1e",
        "scopes": ["orders:read", "orders:write"], "createdAt": LATER, "createdBy": ASHA,
        "expiresAt": null, "removedAt": null, "replacedBy": null, "lastUsedAt": null, "active": true })
}

pub(super) fn keys() -> Value {
    answer(&json!([key()]))
}

pub(super) fn made_key() -> Value {
    let text = "wbk_test_0000000000000000000000000000000000000000000d1e";
    json!({ "success": true, "key": text, "data": key() })
}

pub(super) fn rotated_key() -> Value {
    let text = "wbk_test_0000000000000000000000000000000000000000002f3a";
    let new = with(with(key(), "id", json!(NEXT_KEY)), "ending", json!("2f3a"));
    let old = with(with(key(), "expiresAt", json!(IN_A_DAY)), "replacedBy", json!(NEXT_KEY));
    json!({ "success": true, "key": text, "data": new, "replaced": old })
}
