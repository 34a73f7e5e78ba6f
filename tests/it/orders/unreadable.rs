//! Orders that this binary cannot read, as a newer one of a rolling deploy may write them: they are left out,
//! and delay nobody else.

use std::time::Duration;

use rusqlite::Connection;

use crate::support::{TestApp, orders::order};

/// More than one pass of relay or sweeper takes.
const MANY: i64 = 600;

fn database(app: &TestApp) -> Connection {
    Connection::open(app.folder.path().join("waybill.db")).unwrap()
}

/// Makes the order `id` unreadable, and many more like it that all stand before it.
fn unreadable(app: &TestApp, id: &str) {
    let conn = database(app);
    let newer = "UPDATE orders SET doc = json_set(doc, '$.providerSyncStatus', 'newer') WHERE id = ?1";
    assert_eq!(conn.execute(newer, [id]).unwrap(), 1);
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO orders SELECT 'ord_' || i, version, json_set(doc, '$.id', 'ord_' || i,
            '$.orderNumber', 'N' || i, '$.clientOrderId', 'C' || i) FROM orders, n WHERE id = ?1";
    assert_eq!(conn.execute(many, rusqlite::params![id, MANY]).unwrap(), 600);
}

#[tokio::test]
async fn the_relay_passes_over_them() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let newer = merchant.create(&order("A-1")).await;
    app.advance(Duration::from_secs(1));
    let good = merchant.create(&order("A-2")).await;
    unreadable(&app, &newer);
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
    unreadable(&app, &newer);
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
    unreadable(&app, &newer);
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
