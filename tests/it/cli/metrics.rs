//! What a monitor reads, and the lines that go with it: how many orders stand where, what failed in numbers,
//! what could not be read.

use serde_json::{Value, json};

use super::{
    process::{Process, Run},
    web::{Web, until},
};
use crate::support::{file::edit, orders::order};

/// A running instance, asked by a merchant, and its simulator.
struct Instance {
    waybill: Process,
    web: Web,
    simulator: Web,
}

impl Instance {
    fn start(run: Run, token: &str) -> Self {
        let mut waybill = run.start();
        let url = waybill.url();
        let web = Web::new(&url).token(token);
        Self { waybill, web, simulator: Web::new(&format!("{url}/simulator")) }
    }

    /// An order whose create is answered by this rule; `becomes` this in the end.
    async fn order(&self, name: &str, rule: &Value, becomes: &str) -> String {
        let (status, body) = self.simulator.send(reqwest::Method::POST, "/_sim/script", Some(rule)).await;
        assert!(status.is_success(), "{body}");
        let id = self.web.create(&order(name)).await;
        self.web.order_becomes(&id, becomes).await;
        id
    }

    async fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        value(&self.web.text("/metrics").await.1, name, labels)
    }
}

/// The value of the metric that has these labels.
fn value(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = metrics.lines().find(|line| {
        let of_it = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        of_it && labels.iter().all(|label| line.contains(label))
    });
    line?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn gauges_and_counters_have_the_numbers_of_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let run = || Run::waybill(folder.path()).set("PARCELX__RECONCILE", "50ms,100ms");
    let create = |more: Value| {
        let mut rule = json!({ "operation": "create" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let mut first = Instance::start(run(), &token);
    let booked = first.order("M-1", &create(json!({ "answer": "normal" })), "success").await;
    let found = first.order("M-2", &create(json!({ "answer": "lostAfterBooking" })), "success").await;
    assert!(first.waybill.log(": it is booked after all").contains(&found));
    first.order("M-3", &create(json!({ "refuse": "Pincode not serviceable" })), "failed").await;
    first.simulator.faults(&json!({ "lookup": "withoutAwb" })).await;
    first.order("M-4", &create(json!({ "answer": "lostAfterBooking" })), "needs_review").await;
    let busy = json!({ "answer": { "status": { "code": 429, "retryAfter": "600" } } });
    first.order("M-5", &create(busy), "retrying").await;
    assert_eq!(first.value("waybill_orders_failed_total", &[]).await, Some(1.0));
    let reason = r#"reason="booked-awb-unknown""#;
    assert_eq!(first.value("waybill_orders_to_review_total", &[reason]).await, Some(1.0));
    first.waybill.stop();

    // Whoever begins to lead counts them at once.
    let newer = "json_set(json, '$.status', 'newer')";
    edit(&folder.path().join("data/waybill.db"), "orders", newer, [&booked]);
    let mut second = Instance::start(run(), &token);
    let queue = r#"queue="parcelx-orders-queue""#;
    until("a worker is seen", async || {
        second.value("waybill_workers", &[queue]).await.filter(|workers| *workers >= 1.0)
    })
    .await;
    for (status, count) in [
        ("queued", 0.0),
        ("processing", 0.0),
        ("success", 2.0),
        ("failed", 1.0),
        ("retrying", 1.0),
        ("reconciling", 0.0),
        ("needs_review", 1.0),
        ("cancelled", 0.0),
    ] {
        let label = format!("status=\"{status}\"");
        assert_eq!(second.value("waybill_orders", &[&label]).await, Some(count), "{status}");
    }
    // The one that is to be sent again is the only one that is open.
    let oldest = second.value("waybill_oldest_open_order_seconds", &[]).await.unwrap();
    assert!(oldest > 0.0 && oldest < 600.0, "{oldest}");
    for (state, count) in [("waiting", 0.0), ("active", 0.0), ("delayed", 1.0)] {
        let labels = [queue, &format!("state=\"{state}\"")];
        assert_eq!(second.value("waybill_queue_jobs", &labels).await, Some(count), "{state}");
    }

    // The one that a newer program has written is left out, told once, and counted each time.
    let unreadable = r#"collection="orders""#;
    let before = second.value("waybill_store_unreadable_total", &[unreadable]).await.unwrap_or(0.0);
    for _ in 0..2 {
        let (status, page) = second.web.get("/v1/orders").await;
        assert_eq!((status.as_u16(), page["data"].as_array().unwrap().len()), (200, 4), "{page}");
    }
    let after = second.value("waybill_store_unreadable_total", &[unreadable]).await;
    assert!(after.is_some_and(|after| after >= before + 2.0), "{before}, {after:?}");
    let told = second.waybill.log("does not read as its type");
    assert!(told.contains("ERROR") && told.contains(&booked), "{told}");
    let ended = second.waybill.stop();
    assert_eq!(ended.err.matches("does not read as its type").count(), 1, "{}", ended.err);
}

/// One is its merchant's affair; twenty within a minute are the operator's.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_numbers_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let run = Run::waybill(folder.path()).set("LOG__LEVEL", "warn");
    let mut instance = Instance::start(run, &token);
    instance.simulator.faults(&json!({ "refuse": "Pincode not serviceable" })).await;
    let mut ids = Vec::new();
    for n in 0..21 {
        ids.push(instance.web.create(&order(&format!("N-{n}"))).await);
    }
    for id in &ids {
        instance.web.order_becomes(id, "failed").await;
    }
    let told = instance.waybill.log("20 orders failed within a minute");
    assert!(told.contains("WARN") && told.contains("waybill doctor"), "{told}");
    assert_eq!(instance.value("waybill_orders_failed_total", &[]).await, Some(21.0));
    let ended = instance.waybill.stop();
    assert_eq!(ended.err.matches("failed within a minute").count(), 1, "{}", ended.err);
}
