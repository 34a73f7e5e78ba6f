//! What the desk decides on a shop's KYC: in the inbox with the decision itself, and mailed once.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{admin::rights::Role, features::notifications::Inbox};

use super::{OWNER, kinds, list, notify, prefer, shop};
use crate::{
    kyc::hand_in,
    merchants::{
        mail,
        members::{as_person, invite},
        send,
    },
    support::TestApp,
};

const REASON: &str = "the cheque is another's";

#[tokio::test]
async fn a_decision_on_the_kyc_is_in_the_inbox_at_once_and_mailed_once() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "staff@example.com", "staff").await;
    invite(&app, &owner, "other@example.com", "viewer").await;
    let staff = as_person(&app, "staff@example.com").await;
    prefer(&staff, &json!({ "kycDecided": { "inbox": true, "email": true } })).await;
    let merchant = owner.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap().to_owned();
    let version = hand_in(&owner).await["version"].clone();
    let desk = app.admin(Role::Admin).await;
    let path = |verdict: &str| format!("/kyc/{merchant}/{verdict}");
    let body = |version: &Value| json!({ "version": version, "reason": REASON });

    desk.post(&path("reject"), &body(&json!(1))).await.problem(409, "version-conflict");
    assert_eq!(list(&owner, "").await["data"], json!([]), "what is refused is no decision");
    let rejected = desk.post(&path("reject"), &body(&version)).await;
    assert_eq!(rejected.status, 200, "{}", rejected.text());
    // Nothing has run since: it came with the decision.
    let listed = list(&owner, "").await;
    assert_eq!((kinds(&listed), &listed["unread"]), (vec!["kycDecided"], &json!(1)));
    let one = &listed["data"][0];
    assert_eq!((&one["title"], &one["detail"]), (&json!("Your KYC needs a change."), &json!(REASON)));
    assert_eq!((&one["orderId"], &one["endpointId"]), (&Value::Null, &Value::Null));
    // Whoever may not read the KYC does not read here what is wrong with it.
    let seen = list(&as_person(&app, "other@example.com").await, "").await["data"][0].clone();
    assert_eq!((&seen["title"], &seen["detail"]), (&one["title"], &Value::Null));
    let seen = list(&staff, "").await["data"][0].clone();
    assert_eq!(seen["detail"], REASON);

    // The owner has a mail of its own, and the digest goes to those alone who asked for it.
    send(&app).await;
    app.advance(Duration::from_secs(300));
    assert_eq!((notify(&app).await, notify(&app).await), (1, 0));
    send(&app).await;
    let mails = mail(&app);
    assert_eq!(mails.matches(&format!("to {OWNER}: Your KYC needs a change")).count(), 1, "{mails}");
    let digests = |who: &str| mails.matches(&format!("to {who}: Something waits for you")).count();
    let got = (digests(OWNER), digests("staff@example.com"), digests("other@example.com"));
    assert_eq!(got, (0, 1, 0), "{mails}");
    assert!(mails.contains("- 1 decision on your KYC\n") && !mails.contains("cheque"), "{mails}");

    let owner = as_person(&app, OWNER).await;
    let version = owner.post("/v1/kyc/submit", &json!({})).await.json()["data"]["version"].clone();
    assert_eq!(desk.post(&path("approve"), &body(&version)).await.status, 200);
    let listed = list(&owner, "").await;
    assert_eq!(kinds(&listed), ["kycDecided", "kycDecided"]);
    let one = &listed["data"][0];
    assert_eq!((&one["title"], &one["detail"]), (&json!("Your KYC is approved."), &Value::Null));

    // With the KYC the desk's words are erased here, too.
    app.app.state.kyc.erase_all(&merchant, "asha").await.unwrap();
    let listed = list(&owner, "").await;
    assert_eq!((kinds(&listed).len(), &listed["data"][1]["detail"]), (2, &Value::Null));
    assert_eq!(listed["data"][1]["title"], "Your KYC needs a change.");
    send(&app).await;
}

#[tokio::test]
async fn a_merchant_without_people_is_decided_on_and_told_nothing() {
    let app = TestApp::start().await;
    let version = hand_in(&app.merchant("old")).await["version"].clone();
    let desk = app.admin(Role::Admin).await;
    let body = json!({ "version": version, "reason": "looked at" });
    assert_eq!(desk.post("/kyc/old/approve", &body).await.status, 200);
    assert!(app.app.store.get::<Inbox>("old").await.unwrap().is_none());
}
