//! The first page's numbers, the document, and what an own listener leaves to the public one.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use waybill::admin::rights::Role;

use crate::support::{Client, TestApp, orders::order};

#[tokio::test]
async fn the_overview_counts_what_there_is() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let viewer = app.admin(Role::Viewer).await;
    let overview = || async {
        let answer = viewer.get("/overview").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].clone()
    };
    let empty = overview().await;
    assert_eq!((&empty["workers"], &empty["oldestOpen"]), (&json!(0), &Value::Null));
    assert_eq!(empty["review"], json!({ "total": 0, "capped": false, "byReason": [] }));
    assert_eq!(empty["outbox"], json!({ "waiting": 0, "oldestAt": null }));
    assert_eq!(empty["queues"].as_array().unwrap().len(), 5);

    let booked = app.merchant("shop").create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let waits = app.merchant("shop").create(&order("A-2")).await;
    let full = overview().await;
    let count = |status: &str| {
        let all = full["orders"].as_array().unwrap();
        all.iter().find(|entry| entry["providerSyncStatus"] == status).unwrap()["count"].clone()
    };
    assert_eq!((count("success"), count("queued"), count("failed")), (json!(1), json!(1), json!(0)));
    assert_eq!(full["oldestOpen"]["orderId"], waits);
    assert_ne!(full["oldestOpen"]["orderId"], booked);
    assert_eq!(
        (&full["outbox"]["waiting"], &full["outbox"]["oldestAt"]),
        (&json!(1), &json!(app.clock.now()))
    );
    assert_eq!(
        (&full["account"]["id"], &full["account"]["hold"]),
        (&json!("parcelx-simulator"), &Value::Null)
    );
}

#[tokio::test]
async fn with_a_listener_of_its_own_the_public_one_knows_no_dashboard() {
    let app = TestApp::start().await;
    let public = Client { router: app.app.router(CancellationToken::new()), token: None };
    for path in ["/admin/api/me", "/admin/api/login", "/admin/api/openapi.json"] {
        public.get(path).await.problem(404, "not-found");
    }
    let carrier = app.app.carrier(app.account()).unwrap();
    let own =
        Client { router: app.app.admin_router(carrier, CancellationToken::new()).unwrap(), token: None };
    own.get("/admin/api/me").await.problem(401, "no-session");
    own.get("/v1/orders").await.problem(404, "not-found");
}

#[tokio::test]
async fn the_document_is_behind_the_session_and_names_each_right() {
    let app = TestApp::start().await;
    app.browser().get("/openapi.json").await.problem(401, "no-session");
    let answer = app.admin(Role::Viewer).await.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert_eq!(document, serde_json::to_value(waybill::admin::document().unwrap()).unwrap());
    let pause = &document["paths"]["/admin/api/queues/{queue}/pause"]["post"];
    assert_eq!(pause["x-right"], "queue.pause");
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["x-right"].is_string(), "{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            assert!(operation["responses"]["401"].is_object() || path.ends_with("/login"), "{method} {path}");
        }
    }
}
