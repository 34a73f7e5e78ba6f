//! Orders that this binary cannot read, as a newer one of a rolling deploy may write them: they are left out,
//! and delay nobody else.

use std::{path::Path, time::Duration};

use bson::doc;
use rusqlite::Connection;

use crate::support::{
    TestApp,
    file::{edit, fill},
    mongodb::Lab,
    orders::order,
};

/// More than one pass of relay or sweeper takes.
const MANY: i64 = 600;

/// Makes the order `id` unreadable, and many more like it that all stand before it.
async fn unreadable(app: &TestApp, id: &str) {
    match &app.backend.lab {
        None => unreadable_in_file(&app.folder.path().join("waybill.db"), id),
        Some(lab) => unreadable_on_server(lab, id).await,
    }
}

fn unreadable_in_file(file: &Path, id: &str) {
    let newer = "json_set(json, '$.providerSyncStatus', 'newer')";
    edit(file, "orders", newer, [id]);
    let conn = Connection::open(file).unwrap();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO orders (id, version, json) SELECT 'ord_' || i, version, json_set(json,
            '$.id', 'ord_' || i, '$.orderNumber', 'N' || i, '$.clientOrderId', 'C' || i)
        FROM orders, n WHERE id = ?1";
    assert_eq!(conn.execute(many, rusqlite::params![id, MANY]).unwrap(), 600);
    fill(&conn, "orders");
}

async fn unreadable_on_server(lab: &Lab, id: &str) {
    let mut newer = lab.raw("orders", id).await;
    newer.insert("providerSyncStatus", "newer");
    lab.documents("orders").replace_one(doc! { "_id": id }, newer.clone()).await.unwrap();
    let many = (1..=MANY).map(|n| {
        let mut copy = newer.clone();
        copy.insert("_id", format!("ord_{n}"));
        copy.insert("orderNumber", format!("N{n}"));
        copy.insert("clientOrderId", format!("C{n}"));
        copy
    });
    lab.documents("orders").insert_many(many).await.unwrap();
}

#[tokio::test]
async fn the_relay_passes_over_them() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let newer = merchant.create(&order("A-1")).await;
    app.advance(Duration::from_secs(1));
    let good = merchant.create(&order("A-2")).await;
    unreadable(&app, &newer).await;
    app.backend.lose_queue();
    app.advance(Duration::from_secs(10));
    let report = app.app.walker().pass().await.unwrap();
    assert_eq!(report.relayed, 1);
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&good).await["status"], "booked");
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn the_sweeper_passes_over_them() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let newer = merchant.create(&order("A-1")).await;
    app.advance(Duration::from_secs(1));
    let good = merchant.create(&order("A-2")).await;
    app.advance(Duration::from_secs(10));
    assert_eq!(app.app.walker().pass().await.unwrap().relayed, 2);
    unreadable(&app, &newer).await;
    app.backend.lose_queue();
    app.advance(Duration::from_secs(3600));
    let report = app.app.walker().pass().await.unwrap();
    assert_eq!((report.dispatched, report.waiting), (1, 0));
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&good).await["status"], "booked");
    app.assert_calls(&[("create", 1)]);
    let (outbox, _) = app.app.walker().lag().await.unwrap();
    assert_eq!(outbox, Duration::ZERO);
}

#[tokio::test]
async fn lists_leave_them_out() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let old = merchant.create(&order("A-0")).await;
    app.advance(Duration::from_secs(1));
    let newer = merchant.create(&order("A-1")).await;
    unreadable(&app, &newer).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/orders?limit=100".to_owned());
    loop {
        let page = merchant.get(&path).await;
        assert_eq!(page.status, 200);
        let page = page.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["hasMore"], !page["nextCursor"].is_null());
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/orders?limit=100&cursor={next}");
    }
    assert_eq!(seen, [old]);
    assert_eq!(merchant.get(&format!("/v1/orders/{newer}")).await.status, 500);
    let again = merchant.post("/orders/create", &order("A-1")).await;
    assert_eq!(again.status, 500, "what it was is not known, and no second one is made");
}
