//! Texts of what was not read: in numbers alone, to those who have asked for them.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{OWNER, failed, notify, prefer, shop};
use crate::{
    merchants::{
        members::{as_person, call},
        phones::{confirm, with_gateway},
        send,
    },
    webhooks::receiver::Receiver,
};

const NUMBER: &str = "+919812345678";

#[tokio::test]
async fn an_outage_is_one_text_in_numbers_to_those_who_chose_it() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    let owner = shop(&app).await;
    let chosen = json!({ "orderFailed": { "inbox": true, "email": false, "text": true } });
    let refused = call(&owner, Method::PUT, "/v1/me/notification-preferences", chosen.clone()).await;
    refused.problem(409, "conflict-state");
    confirm(&app, &gateway, &owner, NUMBER).await;
    let shown = prefer(&owner, &chosen).await;
    assert_eq!(shown["orderFailed"], chosen["orderFailed"]);
    assert_eq!(shown["message"], json!({ "inbox": true, "email": true, "text": false }));
    for n in 0..3 {
        failed(&app, &owner, &format!("A-{n}")).await;
    }
    notify(&app).await;
    app.advance(Duration::from_secs(300));
    assert_eq!((notify(&app).await, notify(&app).await), (1, 0));
    send(&app).await;
    let texts = gateway.take();
    assert_eq!(texts.len(), 1);
    let body = texts[0].body();
    assert_eq!(
        (&body["to"], &body["text"], &body["as"]),
        (&json!("919812345678"), &json!("Not read in Waybill: 3 orders have failed."), &json!("digest"))
    );

    // Both ways, if both are chosen; none to a number that is gone.
    app.advance(Duration::from_secs(3600));
    let owner = as_person(&app, OWNER).await;
    prefer(&owner, &json!({ "orderFailed": { "inbox": true, "email": true, "text": true } })).await;
    failed(&app, &owner, "B-1").await;
    notify(&app).await;
    app.advance(Duration::from_secs(300));
    assert_eq!(notify(&app).await, 1);
    send(&app).await;
    assert_eq!(gateway.take()[0].body()["text"], "Not read in Waybill: 1 order has failed.");
    assert!(crate::merchants::mail(&app).contains("- 1 order has failed: ORD-"));
    app.advance(Duration::from_secs(3600));
    let owner = as_person(&app, OWNER).await;
    assert_eq!(call(&owner, Method::DELETE, "/v1/me/phone", json!({})).await.status, 204);
    failed(&app, &owner, "C-1").await;
    notify(&app).await;
    app.advance(Duration::from_secs(300));
    assert_eq!(notify(&app).await, 1);
    send(&app).await;
    assert_eq!(gateway.take().len(), 0);
}
