//! What a shop has to do with the desk: its KYC, messages about an order, and what it is told of.

use std::time::Duration;

use http::Method;
use serde_json::json;
use waybill::{admin::rights::Role, provider::simulator::Rule};

use super::{Came, note};
use crate::{
    kyc::{self, KINDS, details, pdf, tell},
    merchants::{members::call, send},
    support::{Client, TestApp, orders::order},
};

pub(super) async fn kyc(app: &TestApp, came: &mut Came, owner: &Client) {
    note(came, "put", "/v1/kyc", &tell(owner, &details()).await);
    for kind in KINDS {
        let path = format!("/v1/kyc/documents/{kind}?name={kind}.pdf");
        let kept = kyc::call(owner, Method::PUT, &path, pdf(kind)).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        if kind == KINDS[0] {
            note(came, "put", "/v1/kyc/documents/{kind}", &kept);
            note(came, "get", "/v1/kyc", &owner.get("/v1/kyc").await);
        }
    }
    note(came, "post", "/v1/kyc/submit", &kyc::call(owner, Method::POST, "/v1/kyc/submit", "").await);
    send(app).await;
}

async fn notify(app: &TestApp) {
    app.worker.publisher().pass().await.unwrap();
    app.worker.run_notifications().await.unwrap();
}

/// An order fails, the shop writes about it, and the desk answers.
pub(super) async fn messages_and_notifications(app: &TestApp, came: &mut Came, owner: &Client) {
    app.simulator.script(Rule::refuse("Pincode is not served"));
    let id = owner.create(&order("DOCS-1001")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    notify(app).await;
    let (path, at) = ("/v1/orders/{id}/messages", format!("/v1/orders/{id}/messages"));
    let body = json!({ "text": "The parcel has not been picked up yet.", "clientMessageId": "7a1c" });
    for _ in 0..2 {
        note(came, "post", path, &owner.post(&at, &body).await);
    }
    app.advance(Duration::from_secs(1));
    let desk = app.admin(Role::Admin).await;
    let text = json!({ "text": "The courier comes tomorrow before noon." });
    let answered = desk.post(&format!("/orders/{id}/messages"), &text).await;
    assert_eq!(answered.status, 201, "{}", answered.text());
    note(came, "get", path, &owner.get(&at).await);

    notify(app).await;
    note(came, "get", "/v1/notifications", &owner.get("/v1/notifications").await);
    let path = "/v1/me/notification-preferences";
    note(came, "get", path, &owner.get(path).await);
    let matrix = json!({ "orderFailed": { "inbox": true, "email": false } });
    note(came, "put", path, &call(owner, Method::PUT, path, matrix).await);

    let body = json!({ "messageId": answered.json()["data"]["id"] });
    let read = call(owner, Method::PUT, &format!("{at}/read"), body).await;
    note(came, "put", "/v1/orders/{id}/messages/read", &read);
}
