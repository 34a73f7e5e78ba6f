//! What merchants tell of themselves, and the steps of it.

use http::Method;
use serde_json::{Value, json};
use waybill::admin::rights::Role;

use super::{ACCOUNT, KINDS, PAN, call, details, hand_in, pdf, tell, upload};
use crate::{
    merchants::{key, sign_in, sign_up, with_key},
    support::{Client, TestApp},
};

async fn kyc(client: &Client) -> Value {
    let read = client.get("/v1/kyc").await;
    assert_eq!(read.status, 200, "{}", read.text());
    read.json()["data"].clone()
}

#[tokio::test]
async fn a_merchant_tells_of_its_business_and_reads_masked_numbers() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let empty = kyc(&shop).await;
    assert_eq!(
        (&empty["state"], &empty["version"], &empty["required"]),
        (&json!("draft"), &json!(0), &json!(false))
    );
    assert_eq!(empty["missing"].as_array().unwrap().len(), 6 + 4);
    let mut sent = details();
    sent["pan"] = json!(" aapfu 0939f ");
    sent["bank"]["accountNumber"] = json!("5010 0123 4512 34");
    let told = tell(&shop, &sent).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let shown = kyc(&shop).await;
    assert_eq!(told.json()["data"], shown);
    assert_eq!(shown["details"]["pan"], "XXXXXX939F");
    assert_eq!(shown["details"]["gstin"], "XXXXXXXXXXXF1ZV");
    assert_eq!(shown["details"]["bank"], json!({ "ifsc": "HDFC0000001", "accountNumber": "XXXXXXXXXX1234" }));
    assert_eq!(shown["details"]["address"]["city"], "Pune");
    assert_eq!(shown["missing"], json!(KINDS.map(|kind| format!("documents/{kind}"))));
    assert_eq!((&shown["version"], &shown["history"][0]["what"]), (&json!(1), &json!("details")));
    for secret in [PAN, ACCOUNT] {
        assert!(!shown.to_string().contains(secret), "{shown}");
    }
    // All of them are replaced.
    tell(&shop, &json!({ "legalName": "Asha Crafts" })).await;
    assert_eq!(kyc(&shop).await["details"]["pan"], Value::Null);
}

#[tokio::test]
async fn each_wrong_field_is_named_and_no_value_is_repeated() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let mut sent = details();
    sent["pan"] = json!("AAPXU0939F");
    sent["gstin"] = json!("27AAPFU0939F1ZW");
    sent["bank"] = json!({ "ifsc": "HDFC1000001", "accountNumber": "1234" });
    sent["address"]["pincode"] = json!("41100");
    let refused = tell(&shop, &sent).await;
    let problem = refused.problem(422, "validation-failed");
    let at = |problem: &Value| {
        let all = problem["errors"].as_array().unwrap().iter();
        all.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(at(&problem), ["/address/pincode", "/bank/accountNumber", "/bank/ifsc", "/gstin", "/pan"]);
    for secret in ["AAPXU0939F", "27AAPFU0939F1ZW", "HDFC1000001"] {
        assert!(!refused.text().contains(secret), "{}", refused.text());
    }
    // Each is right, and they are not of one business.
    let mut sent = details();
    sent["pan"] = json!("AAACR5055K");
    assert_eq!(at(&tell(&shop, &sent).await.problem(422, "validation-failed")), ["/gstin"]);
    for (field, value) in
        [("state", json!("approved")), ("merchantId", json!("other")), ("documents", json!([]))]
    {
        let mut sent = details();
        sent[field] = value;
        tell(&shop, &sent).await.problem(422, "validation-failed");
    }
    assert_eq!(kyc(&shop).await["version"], 0, "nothing was changed");
}

#[tokio::test]
async fn a_submission_needs_all_and_names_what_is_missing() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let submit = async || call(&shop, Method::POST, "/v1/kyc/submit", "").await;
    assert_eq!(submit().await.problem(422, "kyc-incomplete")["errors"].as_array().unwrap().len(), 10);
    let mut some = details();
    some.as_object_mut().unwrap().remove("bank");
    tell(&shop, &some).await;
    for kind in &KINDS[..3] {
        upload(&shop, kind, pdf(kind)).await;
    }
    let errors = submit().await.problem(422, "kyc-incomplete")["errors"].clone();
    let at: Vec<_> = errors.as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(at, ["/bank", "/documents/address_proof"]);
    tell(&shop, &details()).await;
    upload(&shop, KINDS[3], pdf("x")).await;
    assert_eq!(submit().await.json()["data"]["state"], "submitted");
}

#[tokio::test]
async fn what_is_handed_in_or_approved_is_not_changed_and_what_is_rejected_is_mended() {
    let app = TestApp::start().await;
    let (shop, desk) = (app.merchant("shop"), app.admin(Role::Admin).await);
    let handed_in = hand_in(&shop).await;
    let frozen = async |state: &str| {
        for (method, path) in [
            (Method::POST, "/v1/kyc/submit"),
            (Method::PUT, "/v1/kyc/documents/pan_card"),
            (Method::DELETE, "/v1/kyc/documents/pan_card"),
        ] {
            let body = if method == Method::PUT { pdf("other") } else { Vec::new() };
            let refused = call(&shop, method, path, body).await;
            assert_eq!(refused.problem(409, "conflict-state")["state"], state, "{path}");
        }
        tell(&shop, &details()).await.problem(409, "conflict-state");
    };
    frozen("submitted").await;
    let decision = |version: &Value, reason: &str| json!({ "version": version, "reason": reason });
    let body = decision(&handed_in["version"], "the cheque is blurred");
    assert_eq!(desk.post("/kyc/shop/reject", &body).await.status, 200);
    let rejected = kyc(&shop).await;
    assert_eq!(
        (&rejected["state"], &rejected["reason"]),
        (&json!("rejected"), &json!("the cheque is blurred"))
    );
    let last = rejected["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["what"], &last["by"]), (&json!("rejected"), &json!("desk")), "who, is not told");

    assert_eq!(upload(&shop, "cancelled_cheque", pdf("sharp")).await.json()["data"]["state"], "draft");
    assert_eq!(kyc(&shop).await["reason"], "the cheque is blurred", "until it is handed in again");
    let again = call(&shop, Method::POST, "/v1/kyc/submit", "").await.json()["data"].clone();
    assert_eq!((&again["state"], &again["reason"]), (&json!("submitted"), &Value::Null));
    assert_eq!(desk.post("/kyc/shop/approve", &decision(&again["version"], "fits")).await.status, 200);
    assert_eq!(kyc(&shop).await["state"], "approved");
    frozen("approved").await;
}

/// Two people of one shop work on it at once.
#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let with = |version: i64| {
        let mut sent = details();
        sent["version"] = json!(version);
        sent
    };
    assert_eq!(tell(&shop, &with(0)).await.status, 200);
    let problem = tell(&shop, &with(0)).await.problem(409, "version-conflict");
    assert_eq!(problem["version"], 1);
    assert_eq!(tell(&shop, &with(1)).await.status, 200);
    for kind in KINDS {
        upload(&shop, kind, pdf(kind)).await;
    }
    let version = kyc(&shop).await["version"].as_i64().unwrap();
    shop.post("/v1/kyc/submit", &json!({ "version": version - 1 })).await.problem(409, "version-conflict");
    // Many languages write no other numbers.
    let version: f64 = format!("{version}.0").parse().unwrap();
    assert_eq!(shop.post("/v1/kyc/submit", &json!({ "version": version })).await.status, 200);
    shop.post("/v1/kyc/submit", &json!({ "version": "x" })).await.problem(422, "validation-failed");
}

/// Uploads of one kind and another at the same time, and of each kind three: none is refused or lost.
#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let all = KINDS.into_iter().cycle().take(12).map(|kind| upload(&shop, kind, pdf(kind)));
    for kept in futures_util::future::join_all(all).await {
        assert_eq!(kept.status, 200, "{}", kept.text());
    }
    assert_eq!(kyc(&shop).await["documents"].as_array().unwrap().len(), 4);
    assert_eq!(super::kept(&app).len(), 4);
}

#[tokio::test]
async fn owners_write_staff_reads_and_keys_do_what_they_are_made_for() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let session = sign_in(&app, "asha@example.com", crate::merchants::PASSWORD).await;
    let owner = Client { router: app.router(), token: session["accessToken"].as_str().map(str::to_owned) };
    let told = tell(&owner, &details()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let by = told.json()["data"]["history"][0]["by"].clone();
    assert!(by.as_str().unwrap().starts_with("usr_"), "{by}");
    let reader = with_key(&app, &key(&owner, &["kyc:read"]).await.0);
    assert_eq!(kyc(&reader).await["version"], 1);
    for path in ["/v1/kyc/documents/pan_card", "/v1/kyc/submit"] {
        let method = if path.ends_with("submit") { Method::POST } else { Method::GET };
        call(&reader, method, path, "").await.problem(403, "insufficient-scope");
    }
    tell(&reader, &details()).await.problem(403, "insufficient-scope");
    let orders = with_key(&app, &key(&owner, &["orders:write"]).await.0);
    orders.get("/v1/kyc").await.problem(403, "insufficient-scope");
    app.anybody().get("/v1/kyc").await.problem(401, "unauthenticated");
    let writer = with_key(&app, &key(&owner, &["kyc:write"]).await.0);
    assert_eq!(upload(&writer, "pan_card", pdf("x")).await.status, 200);
}

/// A foreign document and none at all: the same answers.
#[tokio::test]
async fn another_merchants_kyc_is_as_absent_as_none() {
    let app = TestApp::start().await;
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    hand_in(&shop).await;
    for (method, path) in [
        (Method::GET, "/v1/kyc/documents/pan_card"),
        (Method::GET, "/v1/kyc/documents/shop"),
        (Method::GET, "/v1/kyc/documents/..%2Fshop%2Fpan_card"),
        (Method::GET, "/v1/kyc/documents/%ff"),
        (Method::PUT, "/v1/kyc/documents/passport"),
        (Method::DELETE, "/v1/kyc/documents/passport"),
    ] {
        let problem = call(&other, method, path, "").await.problem(404, "not-found");
        assert_eq!(problem["detail"], "There is no such document.", "{path}");
    }
    let seen = kyc(&other).await;
    assert_eq!((&seen["version"], &seen["documents"]), (&json!(0), &json!([])));
    assert_eq!(call(&other, Method::DELETE, "/v1/kyc/documents/pan_card", "").await.status, 204);
    assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.body, pdf("pan_card"));
}
