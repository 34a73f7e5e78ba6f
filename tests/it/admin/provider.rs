//! How ParcelX does: its calls over a time, the hold, and who leaves it alone.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use waybill::{
    admin::rights::Role,
    features::workers::{AtWork, OpenBreaker, Workers},
    provider::simulator::{Answer, Rule},
};

use super::people::Browser;
use crate::support::{TestApp, orders::order};

async fn health(viewer: &Browser, query: &str) -> Value {
    let answer = viewer.get(&format!("/provider{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

fn of<'a>(health: &'a Value, operation: &str) -> &'a Value {
    let all = health["operations"].as_array().unwrap();
    all.iter().find(|one| one["operation"] == operation).unwrap()
}

#[tokio::test]
async fn calls_are_counted_by_what_they_came_to_and_timed() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let empty = health(&viewer, "").await;
    assert_eq!(empty["operations"].as_array().unwrap().len(), 4, "{empty}");
    let nothing = json!({ "operation": "label", "calls": 0, "refused": 0, "failed": 0, "verdicts": [],
        "latency": null });
    assert_eq!(of(&empty, "label"), &nothing);
    assert_eq!((&empty["account"]["hold"], &empty["breakers"]), (&Value::Null, &json!([])));

    let merchant = app.merchant("shop-a");
    for n in 0..3 {
        merchant.create(&order(&format!("P-{n}"))).await;
    }
    app.run_pending_jobs().await;
    app.simulator.script(Rule::refuse("Weight is too much"));
    merchant.create(&order("P-3")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }));
    merchant.create(&order("P-4")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 5), ("track", 1)]);
    let full = health(&viewer, "").await;
    let create = of(&full, "create_order");
    assert_eq!([&create["calls"], &create["refused"], &create["failed"]], [5, 1, 1], "{create}");
    let first = json!({ "verdict": "booked", "count": 3 });
    assert_eq!(create["verdicts"][0], first);
    let busy = json!({ "verdict": "busy", "count": 1 });
    assert!(create["verdicts"].as_array().unwrap().contains(&busy), "{create}");
    let took = ["p50", "p95", "p99"].map(|p| create["latency"][p].as_u64().unwrap());
    assert!(took[0] >= 5 && took.is_sorted() && took[2] <= 60_000, "{took:?}");
    assert_eq!(of(&full, "track_order")["calls"], 1);
    assert_eq!(of(&full, "cancel_order")["latency"], Value::Null);

    // An hour later they are of another time, which can still be asked for.
    let then = app.clock.now();
    app.advance(Duration::from_secs(2 * 3600));
    let viewer = app.admin(Role::Operator).await; // the other session is over
    assert_eq!(of(&health(&viewer, "").await, "create_order")["calls"], 0);
    let until = then + Duration::from_secs(60);
    let earlier = health(&viewer, &format!("?from={then}&to={until}")).await;
    assert_eq!((&of(&earlier, "create_order")["calls"], &earlier["step"]), (&json!(5), &json!(60)));
    app.leave_jobs();
}

#[tokio::test]
async fn a_hold_is_told_with_its_beginning() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    app.simulator.script(Rule::refuse("Insuffiecient Balance"));
    let since = app.clock.now();
    app.merchant("shop-a").create(&order("H-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    app.advance(Duration::from_secs(30));
    let held = health(&viewer, "").await;
    let hold = &held["account"]["hold"];
    assert_eq!((&hold["kind"], &hold["since"]), (&json!("wallet"), &json!(since)), "{held}");
    assert_eq!(of(&held, "create_order")["failed"], 1);
    app.leave_jobs();
}

/// What a worker process says of its breaker is told while it is alive.
#[tokio::test]
async fn who_leaves_parcelx_alone_says_so() {
    let builder = TestApp::builder().provider("http://127.0.0.1:9");
    let app = builder.setting("WAYBILL_PARCELX__BREAKER_AFTER", "1").start().await;
    let viewer = app.admin(Role::Viewer).await;
    let since = app.clock.now();
    app.merchant("shop-a").create(&order("B-1")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    let stop = CancellationToken::new();
    let (worker, stopping) = (app.worker.clone(), stop.clone());
    let runs = tokio::spawn(async move { worker.run(&stopping).await });
    let told = loop {
        let told = health(&viewer, "").await;
        if told["workers"] == 1 {
            break told;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(told["breakers"].as_array().unwrap().len(), 1, "{told}");
    let breaker = &told["breakers"][0];
    assert_eq!((&breaker["since"], &breaker["halfOpen"]), (&json!(since), &json!(false)));
    let create = of(&told, "create_order");
    assert_eq!((&create["failed"], &create["verdicts"][0]["verdict"]), (&json!(1), &json!("not-sent")));
    assert!(create["latency"].is_object(), "it was tried: {create}");
    stop.cancel();
    runs.await.unwrap();
    assert_eq!(health(&viewer, "").await["workers"], 0);
    app.leave_jobs();
}

#[tokio::test]
async fn one_that_vanished_leaves_nothing_alone() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let workers = Workers::new(app.app.store.clone(), app.clock.clone());
    let open = OpenBreaker { since: app.clock.now(), half_open: true };
    let breakers = async || health(&viewer, "").await["breakers"].clone();
    workers.seen("one", AtWork { breaker: Some(open), ..AtWork::default() }).await.unwrap();
    let expected = json!([{ "worker": "one", "since": open.since, "halfOpen": true }]);
    assert_eq!(breakers().await, expected);
    workers.seen("one", AtWork::default()).await.unwrap();
    assert_eq!(breakers().await, json!([]), "it is closed again");
    workers.seen("one", AtWork { breaker: Some(open), ..AtWork::default() }).await.unwrap();
    app.advance(Duration::from_secs(36));
    assert_eq!(breakers().await, json!([]));
}

#[tokio::test]
async fn a_time_that_cannot_be_told_is_refused() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let now = app.clock.now();
    let long_ago = now - Duration::from_secs(32 * 24 * 3600);
    for query in [format!("?from={long_ago}"), format!("?from={now}&to={now}")] {
        viewer.get(&format!("/provider{query}")).await.problem(422, "validation-failed");
    }
    viewer.get("/provider?queue=parcelx-orders-queue").await.problem(400, "invalid-query");
    let month = now - Duration::from_secs(30 * 24 * 3600);
    assert_eq!(health(&viewer, &format!("?from={month}")).await["step"], 3600);
}
