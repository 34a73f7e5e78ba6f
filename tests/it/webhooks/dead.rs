//! Webhooks that were not delivered: operators see which, and drive them again.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use waybill::admin::rights::Role;

use super::{Receiver, act, booked, deliveries, endpoint, start};

#[tokio::test]
async fn operators_see_what_was_not_delivered_and_drive_it_again() {
    let (app, gone) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &gone.url, &["order.created"]).await;
    let (viewer, operator) = (app.admin(Role::Viewer).await, app.admin(Role::Operator).await);
    let dead = async || {
        let answer = viewer.call(Method::GET, "/webhook-deliveries", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        for hidden in [gone.url.as_str(), "whsec_", "clientOrderId"] {
            assert!(!answer.text().contains(hidden), "{}", answer.text());
        }
        answer.json()["data"].as_array().unwrap().clone()
    };
    assert!(dead().await.is_empty());
    gone.always(410);
    for n in 0..3 {
        let order = booked(&app, &shop, &format!("A-{n}")).await;
        app.worker.run_webhooks().await.unwrap();
        assert_eq!(dead().await[0]["subject"], json!(order), "the last one first");
        app.advance(Duration::from_secs(1));
        assert_eq!(act(&shop, &format!("/v1/webhook-endpoints/{id}/resume")).await.status, StatusCode::OK);
    }
    let all = dead().await;
    assert_eq!((all.len(), &all[0]["status"], &all[0]["userId"]), (3, &json!(410), &json!("shop")));
    let page = viewer.call(Method::GET, "/webhook-deliveries?limit=2", None).await.json();
    let next = format!("/webhook-deliveries?limit=2&cursor={}", page["nextCursor"].as_str().unwrap());
    assert_eq!(viewer.call(Method::GET, &next, None).await.json()["data"], json!([all[2]]));
    viewer.call(Method::GET, "/webhook-deliveries?cursor=x", None).await.problem(400, "invalid-cursor");

    gone.always(200);
    let again = format!("/webhook-deliveries/{}/resend", all[0]["id"].as_str().unwrap());
    let because = json!({ "reason": "the shop has mended it" });
    viewer.call(Method::POST, &again, Some(&because)).await.problem(403, "forbidden");
    let sent = operator.call(Method::POST, &again, Some(&because)).await;
    assert_eq!((sent.status, &sent.json()["data"]["state"]), (StatusCode::OK, &json!("pending")));
    app.worker.run_webhooks().await.unwrap();
    assert_eq!(dead().await.len(), 2);
    assert_eq!(deliveries(&shop, &id).await[2]["state"], "delivered");
    let none = "/webhook-deliveries/whd_none/resend";
    operator.call(Method::POST, none, Some(&because)).await.problem(404, "not-found");
    act(&shop, &format!("/v1/webhook-endpoints/{id}/pause")).await;
    let again = format!("/webhook-deliveries/{}/resend", all[1]["id"].as_str().unwrap());
    operator.call(Method::POST, &again, Some(&because)).await.problem(409, "endpoint-not-enabled");

    let admin = app.admin(Role::Admin).await;
    let lines = admin.call(Method::GET, "/audit?action=webhook.resend", None).await.json();
    let outcomes: Vec<_> =
        lines["data"].as_array().unwrap().iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("refused"), json!("done")]);
}
